/* How a connection of a group ends, so that nothing is given to it that nobody takes. */
#ifndef CMD_TAIL_LEAVE_H
#define CMD_TAIL_LEAVE_H

#include "cmd/tail_sharer.h"

/* Ask for nothing new any more. */
void tail_leave_begin(struct tail_sharer *s);

/* Wait until then for what is under way after that; from here on the connection says what became of
 * the entries, and takes the consumer off where nothing is pending, and is over then. */
void tail_leave_finish(struct tail_sharer *s, int64_t deadline);

#endif
