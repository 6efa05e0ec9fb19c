/* What the server's clock says (TIME). */
#ifndef CMD_TAIL_CLOCK_H
#define CMD_TAIL_CLOCK_H

#include <stdint.h>

#include "common/err.h"
#include "common/reply.h"

struct tail_clock {
    uint64_t parts[2]; /* private: seconds since 1970, and microseconds */
};

/* Take an item of the reply to TIME; a refusal goes into `*problem`. */
void tail_clock_item(struct tail_clock *c, const struct reply_item *item, struct err *problem);

/* Milliseconds since 1970. */
uint64_t tail_clock_now(const struct tail_clock *c);

#endif
