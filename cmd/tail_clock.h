/* What the server's clock says (TIME). */
#ifndef CMD_TAIL_CLOCK_H
#define CMD_TAIL_CLOCK_H

#include <stdint.h>

#include "common/err.h"
#include "common/reply.h"

/* Zero it. */
struct tail_clock {
    /* Private: seconds since 1970, and microseconds; wait_now() of when that came, or 0. */
    uint64_t parts[2];
    int64_t came;
};

/* Take an item of the reply to TIME; a refusal goes into `*problem`. */
void tail_clock_item(struct tail_clock *c, const struct reply_item *item, struct err *problem);

/* What it said: milliseconds since 1970. */
uint64_t tail_clock_asked(const struct tail_clock *c);

/* Milliseconds until it says more than `until`, INT32_MAX at most; 0 if it does by now, as far as
 * that can be known here, or was never asked. */
int64_t tail_clock_left(const struct tail_clock *c, uint64_t until);

#endif
