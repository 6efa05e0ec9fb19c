/*
 * Asking Sentinels for the master's address, one after the other until one knows it ("Guidelines
 * for Redis clients with support for Redis Sentinel"). Nothing here blocks: poll and serve it.
 */
#ifndef COMMON_SENTINEL_H
#define COMMON_SENTINEL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/link.h"
#include "common/route.h"

/* Zero it and set the first; sentinel_stop() releases what it holds. */
struct sentinel {
    const struct route *route;

    /* Private. */
    struct login login;
    struct link *link;  /* to the Sentinel that is being asked, or NULL */
    bool busy;          /* sentinel_serve() has not answered yet */
    int64_t watch_at;   /* when to ask again to watch the master */
    size_t at, asked;   /* the Sentinel's place among the route's nodes; how many were asked */
    bool sent;          /* the command has been sent */
    bool unknown, away; /* a Sentinel did not know the master; one did not answer */
    int64_t due;        /* when to give up on the Sentinel */
    struct endpoint found;
    bool nil;           /* the reply was nil: it does not know the master */
    struct err why;     /* why the Sentinel has not answered */
    struct err refused; /* the final refusal of a Sentinel, or EXIT_DONE */
};

/* Begin to ask. Each time the first one to be asked is the next Sentinel. */
void sentinel_ask(struct sentinel *s);

/* Whether the Sentinels are being asked. */
bool sentinel_is_busy(const struct sentinel *s);

/*
 * What to poll; a descriptor of -1 if nothing. `*deadline` becomes the time when sentinel_serve()
 * must be called even if nothing is ready, if that is earlier. With `watch`, begin to ask every few
 * seconds, because a master that is cut off from the Sentinels does not know that it was replaced.
 */
struct pollfd sentinel_poll(struct sentinel *s, bool watch, int64_t *deadline);

/*
 * Continue. Returns 1 with the master in `*found`; 0 while Sentinels are being asked; -1 when none
 * of them gave an address: EXIT_REFUSED if each did not know the master or refused to tell, for
 * example without permission, otherwise EXIT_NO_CONNECTION.
 */
int sentinel_serve(struct sentinel *s, short revents, struct endpoint *found, struct err *e);

/* The sink for a Sentinel's reply, an array of host and port, or nil; its context is the struct. */
void sentinel_item(void *sentinel, const struct reply_item *item);

/* Stop asking, and release what it holds. */
void sentinel_stop(struct sentinel *s);

#endif
