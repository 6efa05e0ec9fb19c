#include "cmd/tail_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"

int tail_file_cannot(const struct tail_file *f, const char *what, struct err *e)
{
    return err_set(e, EXIT_FAILED, "-C: cannot %s %.300s: %s", what, f->path, strerror(errno));
}

static int in_use(const struct tail_file *f, struct err *e)
{
    return err_set(e, EXIT_FAILED,
        "-C: %.300s is in use by another reader; give each reader its own file", f->path);
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
static int lock(struct tail_file *f, struct err *e)
{
    struct stat ours, named;

    for (;; close(f->fd)) {
        f->fd = open(f->path, O_RDWR | O_CLOEXEC);
        if (f->fd < 0 && errno == ENOENT)
            return 0;
        if (f->fd < 0 || fstat(f->fd, &ours) < 0)
            return tail_file_cannot(f, "open", e);
        if (!S_ISREG(ours.st_mode))
            return err_set(e, EXIT_FAILED, "-C: %.300s is not a regular file", f->path);
        if (flock(f->fd, LOCK_EX | LOCK_NB) < 0)
            return errno == EWOULDBLOCK ? in_use(f, e) : tail_file_cannot(f, "lock", e);
        if (stat(f->path, &named) == 0 && named.st_ino == ours.st_ino
            && named.st_dev == ours.st_dev)
            return 0;
    }
}

int tail_file_open(struct tail_file *f, const char *path, struct err *e)
{
    f->fd = -1;
    f->path = follow(path);
    return lock(f, e);
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
static mode_t permissions(const struct tail_file *f)
{
    struct stat old;
    mode_t mask;

    if (f->fd >= 0 && fstat(f->fd, &old) == 0)
        return old.st_mode & 07777;
    mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/*
 * Write and lock the new file. On some file systems, such as FAT, permissions cannot be set, which
 * is no failure: the file then stays as private as it was created.
 */
static int fill(const struct tail_file *f, int fd, const char *bytes, size_t n, struct err *e)
{
    (void)fchmod(fd, permissions(f));
    if (write_whole(fd, bytes, n) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return tail_file_cannot(f, "write", e);
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
static int put_in_place(const struct tail_file *f, char *written, struct err *e)
{
    int directory;

    if (f->fd >= 0)
        return rename(written, f->path) < 0 ? tail_file_cannot(f, "write", e) : 0;
    if (rename_new(written, f->path) < 0)
        return errno == EEXIST ? in_use(f, e) : tail_file_cannot(f, "write", e);

    /* After a power failure an older file only repeats messages; without any, some would be missed.
     * It is not an error if a file system cannot do this. */
    directory = open(dirname(written), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        fsync(directory);
        close(directory);
    }
    return 0;
}

int tail_file_replace(struct tail_file *f, const char *bytes, size_t n, struct err *e)
{
    char beside[PATH_MAX];
    int fd;

    if (snprintf(beside, sizeof beside, "%s.XXXXXX", f->path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return tail_file_cannot(f, "write", e);
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return tail_file_cannot(f, "write", e);
    if (fill(f, fd, bytes, n, e) < 0 || put_in_place(f, beside, e) < 0) {
        close(fd);
        unlink(beside);
        return -1;
    }
    if (f->fd >= 0)
        close(f->fd);
    f->fd = fd;
    return 0;
}

void tail_file_close(struct tail_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
}
