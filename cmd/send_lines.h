/* Records read from a descriptor: lines, NUL-terminated records, or all of the input as one. */
#ifndef CMD_SEND_LINES_H
#define CMD_SEND_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum { LINES_WHOLE = -1 };

/* Set the first three and `typed`, zero the rest; release with lines_free(). */
struct lines {
    int fd;
    int end;      /* the byte that ends a record, or LINES_WHOLE */
    size_t most;  /* the longest record, in bytes without its end */
    size_t count; /* records taken so far */
    size_t cut;   /* the number of the last record that a terminal probably cut; 0: none */
    bool typed;   /* on a terminal: form feeds, with which people clear the screen, are left out */
    bool ended;   /* end of input */
    bool stopped; /* the caller's: stop before the end of input */

    /* Private. */
    struct buf in; /* bytes read */
    size_t at;     /* bytes before here have been taken */
    size_t seen;   /* no record ends before here */
};

/*
 * Read once, which does not block if the descriptor is ready. Returns the number of bytes read, 0
 * at the end of input or if a signal came first, -1 with errno.
 */
int lines_fill(struct lines *l);

enum lines_result { LINES_TOO_LONG = -1, LINES_NONE = 0, LINES_ONE = 1 };

/*
 * Take the next record, if all of it was read. The last one may lack its end byte. Sets `*record`
 * to `*n` bytes, which the caller may change until the next lines_fill(), and `*raw` to the length
 * with the end byte. For LINES_TOO_LONG the record is what was read of it; take no more then.
 */
enum lines_result lines_next(struct lines *l, char **record, size_t *n, size_t *raw);

void lines_free(struct lines *l);

#endif
