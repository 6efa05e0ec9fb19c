/*
 * Opening a connection to where a server listens: each of a host's addresses in turn. Nothing here
 * blocks but the resolving of a host name and the taking of a place in a unix socket's backlog.
 */
#ifndef COMMON_DIAL_H
#define COMMON_DIAL_H

#include "common/err.h"
#include "common/uri.h"

struct addrinfo;

/* Zero it and set `at`. */
struct dial {
    struct endpoint at;
    int fd; /* being connected; -1: none */

    /* Private: the host's addresses; the next one to try. */
    struct addrinfo *found, *next;
};

/* Resolve the host and begin to connect. Release with dial_end(), also after a failure, which is
 * EXIT_NO_CONNECTION. */
int dial_begin(struct dial *d, struct err *e);

/*
 * Go on, `fd` being ready to write. Returns 1 when it is connected; 0 when another address is
 * tried, with another `fd`; -1 when there is none left (EXIT_NO_CONNECTION).
 */
int dial_go_on(struct dial *d, struct err *e);

/* Release what it holds, the descriptor too unless somebody has taken it and set it to -1. */
void dial_end(struct dial *d);

#endif
