/*
 * Standard output: bytes gathered, marked when they are whole lines, written when told to. What is
 * not whole can be taken back, so that half an entry is never printed.
 */
#ifndef COMMON_OUT_H
#define COMMON_OUT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/screen.h"

struct out {
    struct buf buf;       /* append here */
    size_t whole;         /* so much of it may be written */
    bool nonblocking;     /* never wait for the reader: flushing writes what it takes at once */
    bool closed;          /* the reader is gone: the program should die of SIGPIPE, quietly */
    struct screen screen; /* of a terminal where others type, once started */
    struct err failure;   /* the first, EXIT_FAILED; from then on what is whole goes nowhere */

    /* Private. */
    size_t written;               /* of what is whole */
    size_t framed, frame_written; /* what the frame at hand shows of it; and bytes of the frame */
    bool finishing;
};

/*
 * For the start of a program: a reader that goes away shall be an error that can be looked at, not
 * a SIGPIPE, and a standard descriptor that is closed stays an error to use, instead of becoming
 * the next socket.
 */
void out_prepare(void);

/* All that was appended so far is whole. Writes once a good deal has gathered; returns whether. */
bool out_commit(struct out *o);

/* Take back what is not whole. */
void out_rollback(struct out *o);

/* Write what is whole, however long that blocks; `gently`, some of it may be left. */
void out_flush(struct out *o);

/* Close standard output, once what is whole is written. */
void out_finish(struct out *o);

void out_free(struct out *o);

#endif
