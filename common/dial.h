/*
 * Opening a connection to where a server listens: each of a host's addresses in turn, which is how
 * one that never answers is passed by too. Nothing here blocks.
 */
#ifndef COMMON_DIAL_H
#define COMMON_DIAL_H

#include <poll.h>
#include <stdint.h>

#include "common/err.h"
#include "common/uri.h"

struct addrinfo;
struct lookup;

/* Zero it and set the first two; release with dial_end(). */
struct dial {
    struct endpoint at;
    int64_t due; /* it will be given up at that wait_now() */
    int fd;      /* being connected; -1: none */

    /* Private. */
    struct lookup *lookup;         /* of the host's addresses, if that is under way */
    struct addrinfo *found, *next; /* the addresses; the next one to try */
    int64_t next_try;              /* something else is tried then */
};

/* Begin. Fails with EXIT_NO_CONNECTION. */
int dial_begin(struct dial *d, struct err *e);

/* What to poll; `*deadline` becomes the time when dial_serve() must be called at the latest, if
 * that is earlier. */
struct pollfd dial_poll(const struct dial *d, int64_t *deadline);

/*
 * Go on with what poll said. Returns 1 when `fd` is connected; 0 while it is not, and what to poll
 * may be another now; -1 when nothing is left to try (EXIT_NO_CONNECTION).
 */
int dial_serve(struct dial *d, short revents, struct err *e);

/* Release what it holds, the descriptor too unless somebody has taken it and set it to -1. */
void dial_end(struct dial *d);

#endif
