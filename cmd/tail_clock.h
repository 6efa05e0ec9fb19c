/* The server's clock (TIME). */
#ifndef CMD_TAIL_CLOCK_H
#define CMD_TAIL_CLOCK_H

#include <stdint.h>

#include "common/err.h"
#include "common/reply.h"

/* Zero it. */
struct tail_clock {
    /* Private: seconds since 1970 and microseconds, and wait_now() of when they came, or 0. */
    uint64_t parts[2];
    int64_t came;
};

/* Take an item of the reply to TIME. What is wrong with it goes into `*problem`. */
void tail_clock_item(struct tail_clock *c, const struct reply_item *item, struct err *problem);

/* The time that the server gave, in milliseconds since 1970. */
uint64_t tail_clock_asked(const struct tail_clock *c);

/* Milliseconds until the clock passes `until`, at most INT32_MAX. 0: it should have passed by now,
 * or it was never asked. */
int64_t tail_clock_left(const struct tail_clock *c, uint64_t until);

#endif
