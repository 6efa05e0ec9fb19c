/*
 * An outage: when it began, how long it may last, when to try again, and what is said of it.
 */
#ifndef COMMON_OUTAGE_H
#define COMMON_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* How long an outage may last, in milliseconds; or for ever; or as the program has it. */
#define SESSION_FOREVER INT64_MAX
#define SESSION_DEFAULT (-1)

/* Zero it, which is: there is none; and set the first. Times are those of wait_now(). */
struct outage {
    int64_t retry;     /* ms that it may last */
    int64_t since;     /* it began then; 0: there is none */
    int64_t again;     /* no attempt before then */
    unsigned attempts; /* in it */
};

/*
 * An attempt has failed, for this reason: say so if it is the first, and choose when the next one
 * is, after a pause that grows to 2 seconds. -1 with the reason: it has lasted too long.
 */
int outage_go_on(struct outage *o, const struct err *why, struct err *e);

/* It is over, if there was one: say so. */
void outage_end(struct outage *o);

/* How many milliseconds an attempt may take that is allowed `most`: less towards the end, but not
 * nothing. */
int64_t outage_left(const struct outage *o, int64_t most);

#endif
