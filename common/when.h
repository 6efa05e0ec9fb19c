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
    bool whole_second; /* WHEN_TIME: no fraction was given, so all of the second is meant */
};

/*
 * Parse a DURATION into milliseconds: a whole number and one of s, m, h, d, w, such as `10m`, or
 * several, each unit at most once and the largest first, such as `1h30m`. Returns 0, or -1 and
 * leaves `*ms` alone if it is not one or too long.
 */
int when_duration(const char *text, uint64_t *ms);

/*
 * Parse a WHEN: an ID `ms-seq`; milliseconds since 1970; a DURATION ago; `@EPOCH` in seconds; a
 * clock time `17:22` or `17:22:05`, which is the last time that clocks showed it; `today` and
 * `yesterday`, which mean 00:00; ISO 8601 `2026-11-23`, which may have `T17:22`, `:00`, and `Z`,
 * `+01:00`, `+0100` or `+01` (a space may replace the T). Seconds may have a fraction after a point
 * or a comma. `now` is the current time, in seconds since 1970.
 *
 * Without an offset, times are local. If clocks were set back and showed a time twice, an ISO time
 * means the first, and a clock time the last. If clocks were set forward and skipped a time, it
 * means the moment at which they were set.
 *
 * Returns 0, or -1 with EXIT_USAGE if it is none of these, or if something else may be meant: a
 * number from 1 to 10^11, a month, or an ID with the `+` of a row of -t.
 */
int when_parse(const char *text, time_t now, struct when *when, struct err *e);

#endif
