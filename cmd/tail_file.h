/*
 * A file that one process at a time keeps. It is only ever replaced as a whole, so that it is never
 * half written, not even after a power failure; and it is locked while it is in use.
 */
#ifndef CMD_TAIL_FILE_H
#define CMD_TAIL_FILE_H

#include <stddef.h>

#include "common/err.h"

struct tail_file {
    char *path; /* owned: where a symbolic link leads to */
    int fd;     /* the file as it is now, locked; -1: there is none yet */
};

/*
 * Open and lock the file, if it is there. If `path` is a symbolic link, it is the file that the
 * link leads to. -1 with EXIT_FAILED if another process uses it, or if it cannot be used. Call
 * tail_file_close() in any case.
 */
int tail_file_open(struct tail_file *f, const char *path, struct err *e);

/*
 * Replace it by one with these bytes, or create it. -1 with EXIT_FAILED: it is as it was. After a
 * power failure it is this one, or the one before.
 */
int tail_file_replace(struct tail_file *f, const char *bytes, size_t n, struct err *e);

/* Set `*e` to EXIT_FAILED: what `what` names cannot be done, for the reason in errno. Returns -1.
 */
int tail_file_cannot(const struct tail_file *f, const char *what, struct err *e);

/* Unlock it, and release the path. */
void tail_file_close(struct tail_file *f);

#endif
