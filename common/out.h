/*
 * Standard output. Bytes are gathered, committed once an entry is complete, and written later. What
 * is not committed can be rolled back, so that half an entry is never printed.
 */
#ifndef COMMON_OUT_H
#define COMMON_OUT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/screen.h"

struct out {
    struct buf buf;       /* append here */
    size_t whole;         /* bytes of it that are committed */
    bool nonblocking;     /* never wait for the reader */
    bool closed;          /* the reader is gone: the program should die of SIGPIPE */
    struct screen screen; /* of a terminal where somebody types, once it is started */
    struct err failure;   /* the first one, EXIT_FAILED; after that, output is discarded */

    /* Private. */
    size_t written;       /* committed bytes that have been written */
    size_t framed;        /* committed bytes that the current frame shows, */
    size_t frame_written; /* and bytes of that frame that have been written */
    bool finishing;
};

/*
 * Call it when the program starts. A reader that goes away is an error from then on instead of
 * SIGPIPE, and a standard descriptor that was closed keeps failing, instead of becoming a socket.
 */
void out_prepare(void);

/* Commit what was appended. Flushes if there is a lot of it; returns whether it did. */
bool out_commit(struct out *o);

/* Remove what is not committed. */
void out_rollback(struct out *o);

/* Write what is committed: all of it, or with `nonblocking` as much as the reader takes now. */
void out_flush(struct out *o);

/* Close standard output once all that is committed is written. */
void out_finish(struct out *o);

/* Release what it holds, without writing it. */
void out_free(struct out *o);

#endif
