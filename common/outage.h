/*
 * An outage: when it began, how long it may last, when to try again, and what is said of it. When
 * several sessions lose the same node, that is one outage for people: the first one says that it
 * began, and the last one that it is over.
 */
#ifndef COMMON_OUTAGE_H
#define COMMON_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* How long an outage may last, in milliseconds; or for ever; or as the program has it. */
#define SESSION_FOREVER INT64_MAX
#define SESSION_DEFAULT (-1)

/* What the sessions that lost the same node share. Zero it, and keep it in its place. */
struct node_outage {
    unsigned sessions; /* that lost it, and have not recovered */
    int64_t since;     /* the first one did then */
};

/* Zero it, which is: there is none; and set the first. Times are those of wait_now(). */
struct outage {
    int64_t retry;            /* ms that it may last */
    int64_t since;            /* it began then; 0: there is none */
    int64_t next_attempt;     /* no attempt before then */
    unsigned attempts;        /* in it */
    struct node_outage *node; /* the one that was lost */
};

/*
 * An attempt to use `node`, made from `tried` on, has failed for this reason: say so if it is the
 * first, and choose when the next one is, after a pause that grows to 2 seconds. The outage stays
 * that of the node where it began. -1 with the reason: it has lasted too long.
 */
int outage_failed(struct outage *o, struct node_outage *node, int64_t tried, const struct err *why,
    struct err *e);

/* It is over, if there was one: say so. */
void outage_end(struct outage *o);

/* It does not matter any more, if there was one: whoever had it is going. */
void outage_forget(struct outage *o);

/* How many milliseconds an attempt may take that is allowed `most`: less when --retry is, or
 * towards its end, but not nothing. The first one, where none must follow, is allowed all. */
int64_t outage_left(const struct outage *o, int64_t most);

#endif
