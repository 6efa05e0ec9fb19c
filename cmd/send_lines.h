/* Records out of a descriptor: lines, or whatever ends in one byte, or all of it. Any bytes. */
#ifndef CMD_SEND_LINES_H
#define CMD_SEND_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum { LINES_WHOLE = -1 };

/* Set the first three, and `typed`; zero the rest. */
struct lines {
    int fd;
    int end;      /* the byte that ends a record, or LINES_WHOLE: all of the input is one */
    size_t most;  /* the longest record, without its end */
    size_t count; /* records taken so far */
    size_t cut;   /* the last of them that a terminal cut, as far as can be known; 0: none */
    bool typed;   /* on a terminal: form feeds, by which people clear the screen, are left out */
    bool ended;   /* the input has */
    bool stopped; /* for the caller, to read no more though it has not */

    /* Private: bytes read; those before `at` are taken, those before `seen` hold no end. */
    struct buf in;
    size_t at, seen;
};

/*
 * Read once, which does not block if the descriptor is ready. Returns the bytes read, 0 at the end
 * of input or if a signal came first, -1 with errno.
 */
int lines_fill(struct lines *l);

enum lines_result { LINES_TOO_LONG = -1, LINES_NONE = 0, LINES_ONE = 1 };

/*
 * Take the next record if it is there whole; the last one need not be ended. Of one that is
 * too long, what is there is given; nothing more should be taken then. `*raw` is the length
 * with its end byte. The bytes are the caller's to change until the next call of lines_fill().
 */
enum lines_result lines_next(struct lines *l, char **record, size_t *n, size_t *raw);

void lines_free(struct lines *l);

#endif
