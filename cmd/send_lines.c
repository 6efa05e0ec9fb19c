#include "cmd/send_lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 * 1024,
    TYPED_MOST = 4095 /* what a terminal keeps of a line, without its newline */
};

/* Note a cut line, and leave out form feeds, in the last `n` bytes. A read from a terminal returns
 * one line. */
static void take_typed(struct lines *l, size_t n)
{
    char *typed = l->in.data + l->in.len - n, *to = typed;

    if (n > 0 && n == TYPED_MOST + (size_t)(typed[n - 1] == '\n'))
        l->cut = l->count + 1;
    for (size_t i = 0; i < n; i++)
        if (typed[i] != '\f')
            *to++ = typed[i];
    l->in.len = (size_t)(to - l->in.data);
}

int lines_fill(struct lines *l)
{
    ssize_t n;

    buf_consume(&l->in, l->at);
    l->seen -= l->at;
    l->at = 0;
    if (l->in.len == 0)
        buf_clear(&l->in);
    n = read(l->fd, buf_reserve(&l->in, READ_SIZE), READ_SIZE);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -1;
    l->ended = l->ended || n == 0;
    l->in.len += (size_t)n;
    if (l->typed)
        take_typed(l, (size_t)n);
    return (int)n;
}

enum lines_result lines_next(struct lines *l, char **record, size_t *n, size_t *raw)
{
    size_t left = l->in.len - l->seen;
    char *end = l->end == LINES_WHOLE || left == 0 ? NULL
                                                   : memchr(l->in.data + l->seen, l->end, left);
    size_t len = end ? (size_t)(end - l->in.data) - l->at : l->in.len - l->at;

    l->seen = l->in.len;
    if (len <= l->most && end == NULL
        && (!l->ended || (len == 0 && (l->end != LINES_WHOLE || l->count > 0))))
        return LINES_NONE;
    buf_reserve(&l->in, 1); /* never NULL, even if the record is empty */
    *record = l->in.data + l->at;
    *n = len;
    *raw = len + (end != NULL);
    l->at += *raw;
    l->seen = l->at;
    l->count++;
    return len > l->most ? LINES_TOO_LONG : LINES_ONE;
}

void lines_free(struct lines *l)
{
    buf_free(&l->in);
}
