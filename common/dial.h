/*
 * Opening a connection to a server, by trying each of its host's addresses in turn. An address that
 * does not answer in time is skipped. Nothing here blocks.
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
    int64_t due; /* the wait_now() at which to give up */
    int fd;      /* the socket, or -1 */

    /* Private. */
    struct lookup *lookup;         /* of the host's addresses, while it runs */
    struct addrinfo *found, *next; /* all addresses, and the next one to try */
    int64_t next_try;              /* when to try the next address, or the socket again */
};

/* Begin. Fails with EXIT_NO_CONNECTION. */
int dial_begin(struct dial *d, struct err *e);

/* What to poll. `*deadline` becomes the time when dial_serve() must be called even if nothing is
 * ready, if that is earlier. */
struct pollfd dial_poll(const struct dial *d, int64_t *deadline);

/*
 * Continue after poll(2) has set `revents`. Returns 1 when `fd` is connected; 0 when it is not yet,
 * in which case dial_poll() may differ; -1 when nothing is left to try (EXIT_NO_CONNECTION).
 */
int dial_serve(struct dial *d, short revents, struct err *e);

/* Release what it holds. To keep the descriptor, take it and set `fd` to -1 first. */
void dial_end(struct dial *d);

#endif
