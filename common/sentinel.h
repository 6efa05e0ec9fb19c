/*
 * Asking Sentinels where the master is ("Guidelines for Redis clients with support for Redis
 * Sentinel"): one after the other, until one knows. It never blocks: poll and serve it.
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
    struct link *link;  /* to the one being asked; NULL: none is */
    bool busy;          /* what is asked, or could not be, was not answered yet */
    int64_t watch_at;   /* when it is time to ask again */
    size_t at, asked;   /* its place among the route's nodes; how many were asked */
    bool sent;          /* the question was */
    bool unknown, away; /* one knows no such master; one did not answer */
    int64_t due;        /* it must have answered by then */
    struct endpoint found;
    bool nil;           /* the answer is that it knows none */
    struct err why;     /* the one at hand does not answer */
    struct err refused; /* one that answered refused to tell, for good; else EXIT_DONE */
};

/* Begin to ask, with another Sentinel than the last time. */
void sentinel_ask(struct sentinel *s);

/* Whether sentinel_serve() has something to find out. */
bool sentinel_is_busy(const struct sentinel *s);

/*
 * What to poll (-1: nothing); `*deadline` becomes the time when sentinel_serve() must be called
 * though nothing is ready, if that is earlier. `watch`: ask now and then, because a master that is
 * cut off from the Sentinels would still call itself so.
 */
struct pollfd sentinel_poll(struct sentinel *s, bool watch, int64_t *deadline);

/*
 * Go on. Returns 1 when the master is `*found`; 0 while it is being asked for; -1 when none of the
 * Sentinels can tell: EXIT_NO_CONNECTION, or EXIT_REFUSED when each says that it knows no master of
 * that name, or refuses to tell for good, as for want of a permission.
 */
int sentinel_serve(struct sentinel *s, short revents, struct endpoint *found, struct err *e);

/* The sink for a Sentinel's answer, an array of host and port, or nil; its context is the struct.
 */
void sentinel_item(void *sentinel, const struct reply_item *item);

/* Ask no more. */
void sentinel_stop(struct sentinel *s);

#endif
