#include "cmd/tail_cursor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/tail_file.h"
#include "common/buf.h"
#include "common/text.h"
#include "common/wait.h"

/* After a save, pause for PAUSE_FACTOR times as long as it took, but LONGEST_PAUSE ms at most. */
enum { PAUSE_FACTOR = 10, LONGEST_PAUSE = 1000 };

struct line {
    const char *room; /* its name: owned by the line */
    size_t len;
    struct tail_place place;
    struct line *next;
};

struct tail_cursor {
    struct tail_file file;
    bool changed;
    int64_t pause_end;
    void *tree;                /* the lines by room, see tsearch(3) */
    struct line *first, **end; /* and in the order of the file */
};

static int compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return memcmp(x->room, y->room, x->len);
}

static struct line *find(const struct tail_cursor *c, const char *room, size_t len)
{
    const struct line wanted = {.room = room, .len = len};
    struct line *const *found = tfind(&wanted, &c->tree, compare);

    return found ? *found : NULL;
}

static void add(struct tail_cursor *c, const char *room, size_t len, const struct tail_place *place)
{
    struct line *l = malloc(sizeof *l + len);

    if (l == NULL)
        buf_no_memory();
    *l = (struct line){memcpy(l + 1, room, len), len, *place, NULL};
    if (tsearch(l, &c->tree, compare) == NULL)
        buf_no_memory();
    *c->end = l;
    c->end = &l->next;
}

/* What follows a line's first tab. */
static int parse_place(const char *s, size_t n, struct tail_place *place)
{
    const char *tab = memchr(s, '\t', n);
    size_t len = tab ? (size_t)(tab - s) : n;

    *place = (struct tail_place){.counted = tab != NULL};
    if (id_parse(s, len, &place->id) < 0)
        return -1;
    return tab ? id_number(tab + 1, n - len - 1, &place->added) : 0;
}

/* Take one line, without its end. Returns what is wrong with it, or NULL. */
static const char *take_line(struct tail_cursor *c, char *line, size_t n)
{
    static const char malformed[] = "is not a room, a tab and an ID";
    const char *tab = memchr(line, '\t', n);
    struct tail_place place;
    size_t len;

    if (n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
        return "begins with a byte order mark";
    if (tab == NULL)
        return malformed;
    len = (size_t)(tab - line);
    if (parse_place(tab + 1, n - len - 1, &place) < 0 || text_from_tsv(line, &len) < 0)
        return malformed;
    if (len == 0) /* earlier versions read and noted the room "" */
        return NULL;
    if (find(c, line, len))
        return "repeats a room";
    add(c, line, len, &place);
    return NULL;
}

static int read_lines(struct tail_cursor *c, FILE *in, struct err *e)
{
    char *line = NULL;
    const char *wrong = NULL;
    size_t cap = 0, count = 0;
    ssize_t n;
    int result = 0;

    while (wrong == NULL && (n = getline(&line, &cap, in)) > 0) {
        count++;
        wrong = line[n - 1] == '\n' ? take_line(c, line, (size_t)n - 1) : "is cut off";
    }
    if (wrong)
        result = err_set(e, EXIT_FAILED,
            "-C: %.300s is damaged: line %zu %s; fix it, or remove the file to start over",
            c->file.path, count, wrong);
    else if (!feof(in))
        result = tail_file_cannot(&c->file, "read", e);
    else if (count == 0)
        result = err_set(e, EXIT_FAILED,
            "-C: %.300s is damaged: it is empty; remove it to start over", c->file.path);
    free(line);
    return result;
}

static int read_file(struct tail_cursor *c, struct err *e)
{
    FILE *in;
    int result;

    if (c->file.fd < 0)
        return 0;
    in = fdopen(fcntl(c->file.fd, F_DUPFD_CLOEXEC, 0), "r");
    if (in == NULL)
        return tail_file_cannot(&c->file, "read", e);
    result = read_lines(c, in, e);
    fclose(in);
    return result;
}

struct tail_cursor *tail_cursor_open(const char *path, struct err *e)
{
    struct tail_cursor *c = buf_zeroed(1, sizeof *c);

    c->end = &c->first;
    if (tail_file_open(&c->file, path, e) == 0 && read_file(c, e) == 0)
        return c;
    tail_cursor_close(c);
    return NULL;
}

bool tail_cursor_find(
    const struct tail_cursor *c, const char *room, size_t len, struct tail_place *place)
{
    const struct line *l = find(c, room, len);

    if (l)
        *place = l->place;
    return l != NULL;
}

static bool same(const struct tail_place *a, const struct tail_place *b)
{
    return id_compare(a->id, b->id) == 0 && a->counted == b->counted
           && (!a->counted || a->added == b->added);
}

void tail_cursor_put(
    struct tail_cursor *c, const char *room, size_t len, const struct tail_place *place)
{
    struct line *l = find(c, room, len);

    if (len == 0 || (l && same(&l->place, place)))
        return;
    if (l)
        l->place = *place;
    else
        add(c, room, len, place);
    c->changed = true;
}

int64_t tail_cursor_due(const struct tail_cursor *c)
{
    return c->changed ? c->pause_end : WAIT_FOREVER;
}

static void print_lines(const struct tail_cursor *c, struct buf *text)
{
    char id[ID_TEXT];

    for (const struct line *l = c->first; l; l = l->next) {
        text_show_room(text, l->room, l->len);
        buf_add(text, "\t", 1);
        buf_add(text, id, id_print(id, l->place.id));
        if (l->place.counted)
            buf_printf(text, "\t%" PRIu64, l->place.added);
        buf_add(text, "\n", 1);
    }
}

int tail_cursor_save(struct tail_cursor *c, struct err *e)
{
    int64_t begun = wait_now(), ended;
    struct buf text = {0};
    int result;

    if (!c->changed)
        return 0;
    print_lines(c, &text);
    result = tail_file_replace(&c->file, text.data, text.len, e);
    buf_free(&text);
    c->changed = result < 0;
    ended = wait_now();
    c->pause_end = wait_earliest(ended + (ended - begun) * PAUSE_FACTOR, ended + LONGEST_PAUSE);
    return result;
}

void tail_cursor_close(struct tail_cursor *c)
{
    if (c == NULL)
        return;
    tail_file_close(&c->file);
    for (struct line *l = c->first, *next; l; l = next) {
        next = l->next;
        tdelete(l, &c->tree, compare);
        free(l);
    }
    free(c);
}
