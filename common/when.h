/* Points in time and lengths of time as users write them. */
#ifndef COMMON_WHEN_H
#define COMMON_WHEN_H

#include <stdint.h>

#include "common/id.h"

enum when_kind { WHEN_NONE /* never parsed */, WHEN_ID, WHEN_TIME, WHEN_AGO };

struct when {
    enum when_kind kind;
    struct id id; /* WHEN_ID */
    uint64_t ms;  /* WHEN_TIME: milliseconds since 1970; WHEN_AGO: milliseconds before now */
};

/*
 * Parse a DURATION: a whole number and one of s, m, h, d, w, as `10m`. Gives milliseconds.
 * Returns -1 if it is none or does not fit.
 */
int when_duration(const char *text, uint64_t *ms);

/*
 * Parse a WHEN: an ID `ms-seq`; milliseconds since 1970; a DURATION ago; `@EPOCH` in seconds, with
 * a fraction or without; ISO 8601 `2026-11-23`, with `T17:22`, `:00`, `.123` and `Z`, `+01:00` or
 * `+0100` (without an offset: local time; the letter T may be a blank). Returns -1 if it is none of
 * them.
 */
int when_parse(const char *text, struct when *when);

#endif
