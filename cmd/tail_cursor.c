#include "cmd/tail_cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"

struct place {
    size_t room, len; /* its name: where in `names`, and how long */
    struct id id;
};

struct tail_cursor {
    char *path; /* owned: where a symbolic link leads to */
    int fd;     /* of the file as it is now; locked; -1: there is none yet */
    bool changed;
    struct buf names;
    struct place *places;
    size_t n, at; /* places; the one that was found last */
};

static int cannot(const struct tail_cursor *c, const char *what, struct err *e)
{
    return err_set(e, EXIT_FAILED, "-C: cannot %s %.300s: %s", what, c->path, strerror(errno));
}

static int in_use(const struct tail_cursor *c, struct err *e)
{
    return err_set(e, EXIT_FAILED, "-C: %.300s is in use by another reader", c->path);
}

/* Open and lock the file that has this name now: another reader may just be replacing it. */
static int lock(struct tail_cursor *c, struct err *e)
{
    struct stat ours, named;

    for (;; close(c->fd)) {
        c->fd = open(c->path, O_RDWR | O_CLOEXEC);
        if (c->fd < 0 && errno == ENOENT)
            return 0;
        if (c->fd < 0 || fstat(c->fd, &ours) < 0)
            return cannot(c, "open", e);
        if (!S_ISREG(ours.st_mode))
            return err_set(e, EXIT_FAILED, "-C: %.300s is not a regular file", c->path);
        if (flock(c->fd, LOCK_EX | LOCK_NB) < 0)
            return errno == EWOULDBLOCK ? in_use(c, e) : cannot(c, "lock", e);
        if (stat(c->path, &named) == 0 && named.st_ino == ours.st_ino
            && named.st_dev == ours.st_dev)
            return 0;
    }
}

static struct place *find(struct tail_cursor *c, const char *room, size_t len)
{
    for (size_t i = 0; i < c->n; i++, c->at = (c->at + 1) % c->n) {
        struct place *p = &c->places[c->at];

        if (p->len == len && memcmp(c->names.data + p->room, room, len) == 0)
            return p;
    }
    return NULL;
}

static void add(struct tail_cursor *c, const char *room, size_t len, struct id id)
{
    struct place *more = realloc(c->places, (c->n + 1) * sizeof *more);

    if (more == NULL)
        buf_no_memory();
    c->places = more;
    more[c->n++] = (struct place){c->names.len, len, id};
    buf_add(&c->names, room, len);
}

/* One line, without its end; -1 if it is damaged. */
static int take_line(struct tail_cursor *c, char *line, size_t n)
{
    char *tab = memchr(line, '\t', n);
    size_t len = tab ? (size_t)(tab - line) : 0;
    struct id id;

    if (len == 0 || id_parse(tab + 1, n - len - 1, &id) < 0 || text_from_tsv(line, &len) < 0
        || find(c, line, len))
        return -1;
    add(c, line, len, id);
    return 0;
}

static int read_places(struct tail_cursor *c, struct err *e)
{
    FILE *in;
    char *line = NULL;
    size_t cap = 0, count = 0;
    ssize_t n = 0;
    bool damaged = false;

    if (c->fd < 0)
        return 0;
    in = fdopen(dup(c->fd), "r");
    if (in == NULL)
        return cannot(c, "read", e);
    while (!damaged && (n = getline(&line, &cap, in)) > 0) {
        count++;
        damaged = line[n - 1] != '\n' || take_line(c, line, (size_t)n - 1) < 0;
    }
    free(line);
    if (ferror(in))
        damaged = true;
    fclose(in);
    if (damaged)
        return err_set(e, EXIT_FAILED,
            "-C: %.300s is damaged: line %zu is not a room, a tab and an ID; mend it, or remove "
            "it to begin anew",
            c->path, count);
    if (count == 0)
        return err_set(
            e, EXIT_FAILED, "-C: %.300s is damaged: it is empty; remove it to begin anew", c->path);
    return 0;
}

struct tail_cursor *tail_cursor_open(const char *path, struct err *e)
{
    struct tail_cursor *c = calloc(1, sizeof *c);

    if (c == NULL)
        buf_no_memory();
    c->path = realpath(path, NULL);
    if (c->path == NULL)
        c->path = strdup(path);
    if (c->path == NULL)
        buf_no_memory();
    if (lock(c, e) == 0 && read_places(c, e) == 0)
        return c;
    tail_cursor_close(c);
    return NULL;
}

bool tail_cursor_find(struct tail_cursor *c, const char *room, size_t len, struct id *id)
{
    const struct place *p = find(c, room, len);

    if (p)
        *id = p->id;
    return p != NULL;
}

void tail_cursor_put(struct tail_cursor *c, const char *room, size_t len, struct id id)
{
    struct place *p = find(c, room, len);

    if (p && id_compare(p->id, id) == 0)
        return;
    if (p)
        p->id = id;
    else
        add(c, room, len, id);
    c->changed = true;
}

/* Write all places to a descriptor. */
static int write_places(const struct tail_cursor *c, int fd)
{
    struct buf text = {0};
    size_t done = 0;
    ssize_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        char id[ID_TEXT];

        text_show_room(&text, c->names.data + c->places[i].room, c->places[i].len);
        id_print(id, c->places[i].id);
        buf_printf(&text, "\t%s\n", id);
    }
    while (done < text.len && (n = write(fd, text.data + done, text.len - done)) >= 0)
        done += (size_t)n;
    buf_free(&text);
    return n < 0 ? -1 : 0;
}

/* Put the file that was written and locked where the old one is. The first one must not take the
 * place of another reader's. */
static int put_in_place(struct tail_cursor *c, int fd, const char *written, struct err *e)
{
    struct stat old;
    mode_t mask = umask(0);

    umask(mask);
    old.st_mode = 0666 & ~mask;
    if (write_places(c, fd) < 0 || (c->fd >= 0 && fstat(c->fd, &old) < 0)
        || fchmod(fd, old.st_mode & 07777) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return cannot(c, "write", e);
    if (c->fd >= 0)
        return rename(written, c->path) < 0 ? cannot(c, "write", e) : 0;
    if (link(written, c->path) < 0)
        return errno == EEXIST ? in_use(c, e) : cannot(c, "write", e);
    unlink(written);
    return 0;
}

int tail_cursor_save(struct tail_cursor *c, struct err *e)
{
    char beside[PATH_MAX];
    int fd;

    if (!c->changed)
        return 0;
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", c->path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return cannot(c, "write", e);
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return cannot(c, "write", e);
    if (put_in_place(c, fd, beside, e) < 0) {
        close(fd);
        unlink(beside);
        return -1;
    }
    if (c->fd >= 0)
        close(c->fd);
    c->fd = fd;
    c->changed = false;
    return 0;
}

void tail_cursor_close(struct tail_cursor *c)
{
    if (c == NULL)
        return;
    if (c->fd >= 0)
        close(c->fd);
    buf_free(&c->names);
    free(c->places);
    free(c->path);
    free(c);
}
