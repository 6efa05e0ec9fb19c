/* Points in time and lengths of time as users write them. */
#ifndef COMMON_WHEN_H
#define COMMON_WHEN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/err.h"
#include "common/id.h"

enum when_kind { WHEN_NONE /* never parsed */, WHEN_ID, WHEN_TIME, WHEN_AGO };

struct when {
    enum when_kind kind;
    struct id id;      /* WHEN_ID */
    uint64_t ms;       /* WHEN_TIME: milliseconds since 1970; WHEN_AGO: milliseconds before now */
    bool whole_second; /* WHEN_TIME: a second is meant, which begins at `ms`: no fraction was given
                        */
};

/*
 * Parse a DURATION: a whole number and one of s, m, h, d, w, as `10m`, or several, each unit at
 * most once and the largest first, as `1h30m`. Gives milliseconds. Returns -1, and leaves `*ms`
 * alone, if it is none or does not fit.
 */
int when_duration(const char *text, uint64_t *ms);

/*
 * Parse a WHEN: an ID `ms-seq`; milliseconds since 1970; a DURATION ago; `@EPOCH` in seconds; a
 * clock time `17:22` or `17:22:05`, which is the last time that it was so; `today` and `yesterday`,
 * which are their 00:00; ISO 8601 `2026-11-23`, with `T17:22`, `:00`, and `Z`, `+01:00`, `+0100` or
 * `+01` (the letter T may be a blank). Seconds may have a fraction behind a point or a comma.
 * `now`, in seconds since 1970, is the local clock.
 *
 * Without an offset, times are local. Of a time that the clocks showed twice, when they were put
 * back, an ISO time is the first and a clock time the last; one that they skipped, when they were
 * put forward, is the moment at which they did.
 *
 * Returns -1 with EXIT_USAGE if it is none of them, or likely to be meant for something else: a
 * number between 1 and 10^11, a month, and an ID with the `+` of a row of -t.
 */
int when_parse(const char *text, time_t now, struct when *when, struct err *e);

#endif
