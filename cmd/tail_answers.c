#include "cmd/tail_answers.h"

#include <string.h>

#include "common/text.h"

/* Longer than any sensible room and ID: such a line is malformed. */
enum { LONGEST_HEAD = 1024 * 1024 };

/* Parse `[-]ID[+]`. */
static void parse_id(const char *s, size_t n, struct tail_answered_id *a)
{
    a->failed = n > 0 && s[0] == '-';
    a->goes_on = n > 0 && s[n - 1] == '+';
    a->found = n >= (size_t)a->failed + a->goes_on
               && id_parse(s + a->failed, n - a->failed - a->goes_on, &a->id) == 0;
}

void tail_answer_parse(char *line, size_t n, struct tail_answer *a)
{
    char *tab = n > 0 ? memchr(line, '\t', n) : NULL, *second = tab ? tab + 1 : line + n, *end;
    size_t first = tab ? (size_t)(tab - line) : n, left = n - (size_t)(second - line);

    *a = (struct tail_answer){0};
    parse_id(line, first, &a->first);
    if (tab) {
        end = left > 0 ? memchr(second, '\t', left) : NULL;
        parse_id(second, end ? (size_t)(end - second) : left, &a->second);
    }
    if (a->second.found && text_from_tsv(line, &first) < 0)
        a->second.found = false;
    a->room = (struct span){line, first};
}

/* The second tab of a line, where its head ends; NULL if it has not come. */
static const char *head_end(const char *line, size_t n)
{
    const char *tab = n > 0 ? memchr(line, '\t', n) : NULL;

    return tab ? memchr(tab + 1, '\t', n - (size_t)(tab + 1 - line)) : NULL;
}

static void keep_head(struct tail_answers *s, const char *bytes, size_t n)
{
    const char *end;

    if (s->skips)
        return;
    buf_add(&s->line, bytes, n);
    end = head_end(s->line.data, s->line.len);
    if (end)
        s->line.len = (size_t)(end - s->line.data) + 1;
    s->skips = end || s->line.len > LONGEST_HEAD;
}

void tail_answers_feed(
    struct tail_answers *s, const char *bytes, size_t n, tail_answered_line *each, void *context)
{
    struct tail_answer a;

    while (n > 0) {
        const char *newline = memchr(bytes, '\n', n);
        size_t len = newline ? (size_t)(newline - bytes) : n;

        keep_head(s, bytes, len);
        bytes += len + (newline != NULL);
        n -= len + (newline != NULL);
        if (newline == NULL)
            return;
        buf_reserve(&s->line, 1);
        tail_answer_parse(s->line.data, s->line.len, &a);
        each(context, &a);
        buf_clear(&s->line);
        s->skips = false;
    }
}

void tail_answers_free(struct tail_answers *s)
{
    buf_free(&s->line);
}
