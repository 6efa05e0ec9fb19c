#include "cmd/tail_cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"
#include "common/wait.h"

/* A save is followed by a pause of so many times its length, but no longer than the longest. */
enum { PAUSE_FACTOR = 10, LONGEST_PAUSE = 1000 };

struct line {
    const char *room; /* its name: owned by the line */
    size_t len;
    struct tail_place place;
    struct line *next;
};

struct tail_cursor {
    char *path; /* owned: where a symbolic link leads to */
    int fd;     /* the file as it is now, locked; -1: there is none yet */
    bool changed;
    int64_t pause_end;
    void *tree;                /* the lines by room, see tsearch(3) */
    struct line *first, **end; /* and in the order of the file */
};

static int cannot(const struct tail_cursor *c, const char *what, struct err *e)
{
    return err_set(e, EXIT_FAILED, "-C: cannot %s %.300s: %s", what, c->path, strerror(errno));
}

static int in_use(const struct tail_cursor *c, struct err *e)
{
    return err_set(e, EXIT_FAILED, "-C: %.300s is in use by another reader", c->path);
}

/*
 * The file that a path leads to; free() it. realpath() does not follow a symbolic link to a file
 * that does not exist yet, so that is done here; links in a circle are left to open(), which says
 * so.
 */
static char *follow(const char *path)
{
    char link[PATH_MAX], *at = strdup(path), *real, *next;
    ssize_t n;

    while (at && (real = realpath(at, NULL)) == NULL && access(at, F_OK) < 0 && errno == ENOENT
           && (n = readlink(at, link, sizeof link)) > 0) {
        const char *slash = link[0] != '/' ? strrchr(at, '/') : NULL;
        int beside = slash ? (int)(slash - at) + 1 : 0;

        if (asprintf(&next, "%.*s%.*s", beside, at, (int)n, link) < 0)
            buf_no_memory();
        free(at);
        at = next;
    }
    if (at == NULL)
        buf_no_memory();
    if (real == NULL)
        return at;
    free(at);
    return real;
}

/* Open and lock the file that has this name now: another reader may be replacing it. */
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
            "-C: %.300s is damaged: line %zu %s; fix it, or remove the file to start over", c->path,
            count, wrong);
    else if (!feof(in))
        result = cannot(c, "read", e);
    else if (count == 0)
        result = err_set(
            e, EXIT_FAILED, "-C: %.300s is damaged: it is empty; remove it to start over", c->path);
    free(line);
    return result;
}

static int read_file(struct tail_cursor *c, struct err *e)
{
    FILE *in;
    int result;

    if (c->fd < 0)
        return 0;
    in = fdopen(fcntl(c->fd, F_DUPFD_CLOEXEC, 0), "r");
    if (in == NULL)
        return cannot(c, "read", e);
    result = read_lines(c, in, e);
    fclose(in);
    return result;
}

struct tail_cursor *tail_cursor_open(const char *path, struct err *e)
{
    struct tail_cursor *c = calloc(1, sizeof *c);

    if (c == NULL)
        buf_no_memory();
    c->end = &c->first;
    c->path = follow(path);
    if (lock(c, e) == 0 && read_file(c, e) == 0)
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

/* Write the bytes, and wait until they are on the disk. A signal is no reason to fail. */
static int write_whole(int fd, const char *bytes, size_t left)
{
    while (left > 0) {
        ssize_t n = write(fd, bytes, left);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            bytes += n;
            left -= (size_t)n;
        }
    }
    while (fsync(fd) < 0)
        if (errno != EINTR)
            return -1;
    return 0;
}

/* The permissions of the file that is replaced, or those of any new file. */
static mode_t permissions(const struct tail_cursor *c)
{
    struct stat old;
    mode_t mask;

    if (c->fd >= 0 && fstat(c->fd, &old) == 0)
        return old.st_mode & 07777;
    mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/*
 * Write and lock the new file. On some file systems, such as FAT, permissions cannot be set, which
 * is no failure: the file then stays as private as it was created.
 */
static int fill(const struct tail_cursor *c, int fd, struct err *e)
{
    struct buf text = {0};
    int result;

    print_lines(c, &text);
    (void)fchmod(fd, permissions(c));
    result = write_whole(fd, text.data, text.len);
    buf_free(&text);
    if (result < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return cannot(c, "write", e);
    return 0;
}

/*
 * Rename to a name that nobody has; EEXIST if somebody does. Where the file system cannot do that
 * in one step, the name is taken first, with an empty file.
 */
static int rename_new(const char *from, const char *to)
{
    int fd;

#if defined RENAME_NOREPLACE && !defined __ANDROID__ /* there only since its API 30 */
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EEXIST)
        return -1;
#endif
    fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    close(fd);
    return rename(from, to);
}

/* Put the new file where the old one is. The first one must not replace another reader's. */
static int put_in_place(const struct tail_cursor *c, char *written, struct err *e)
{
    int directory;

    if (c->fd >= 0)
        return rename(written, c->path) < 0 ? cannot(c, "write", e) : 0;
    if (rename_new(written, c->path) < 0)
        return errno == EEXIST ? in_use(c, e) : cannot(c, "write", e);

    /* After a power failure an older file only repeats messages; without any, some would be missed.
     * It is not an error if a file system cannot do this. */
    directory = open(dirname(written), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        fsync(directory);
        close(directory);
    }
    return 0;
}

static int replace(struct tail_cursor *c, struct err *e)
{
    char beside[PATH_MAX];
    int fd;

    if (snprintf(beside, sizeof beside, "%s.XXXXXX", c->path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return cannot(c, "write", e);
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return cannot(c, "write", e);
    if (fill(c, fd, e) < 0 || put_in_place(c, beside, e) < 0) {
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

int tail_cursor_save(struct tail_cursor *c, struct err *e)
{
    int64_t begun = wait_now(), ended;
    int result;

    if (!c->changed)
        return 0;
    result = replace(c, e);
    ended = wait_now();
    c->pause_end = wait_earliest(ended + (ended - begun) * PAUSE_FACTOR, ended + LONGEST_PAUSE);
    return result;
}

void tail_cursor_close(struct tail_cursor *c)
{
    if (c == NULL)
        return;
    if (c->fd >= 0)
        close(c->fd);
    for (struct line *l = c->first, *next; l; l = next) {
        next = l->next;
        tdelete(l, &c->tree, compare);
        free(l);
    }
    free(c->path);
    free(c);
}
