/*
 * An outage: when it began, how long it may last, when to try again, and what the user is told. If
 * several sessions lose the same node, the user sees one outage: the first session reports that it
 * began, and the last one that it is over.
 */
#ifndef COMMON_OUTAGE_H
#define COMMON_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* How long an outage may last, besides milliseconds: without end, or the program's default. */
#define SESSION_FOREVER INT64_MAX
#define SESSION_DEFAULT (-1)

/* What all sessions that lost a node share. Zero it; it must not move while there is an outage. */
struct node_outage {
    unsigned sessions; /* how many lost the node, and have not recovered */
    int64_t since;     /* when the first one lost it */
};

/* Zeroed, there is no outage. Set `retry`. Times are those of wait_now(). */
struct outage {
    int64_t retry;            /* ms that it may last */
    int64_t since;            /* when it began; 0: there is none */
    int64_t next_try;         /* do not try again before this time */
    unsigned attempts;        /* since it began */
    struct node_outage *node; /* where it began */
};

/*
 * Count an attempt to use `node` that began at `tried` and failed because of `why`. Report it if it
 * is the first of an outage, and choose the time of the next attempt, after a pause that grows to 2
 * seconds. Returns 0, or -1 with the reason when the outage has lasted too long.
 */
int outage_count(struct outage *o, struct node_outage *node, int64_t tried, const struct err *why,
    struct err *e);

/* The outage is over, if there was one. Report that. */
void outage_end(struct outage *o);

/* End the outage, if there is one, without a report: its session is closed. */
void outage_forget(struct outage *o);

/* How many milliseconds the next attempt may take: `most`, or less if `retry` ends earlier, but at
 * least a second. Without retries it is `most`. */
int64_t outage_left(const struct outage *o, int64_t most);

#endif
