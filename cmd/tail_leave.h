/* How a connection of a group ends, so that the server gives it no entry that is never read. */
#ifndef CMD_TAIL_LEAVE_H
#define CMD_TAIL_LEAVE_H

#include "cmd/tail_sharer.h"

/* Close our direction of the connection, so that a read that blocks on the server ends. */
void tail_leave_begin(struct tail_sharer *s);

/*
 * After tail_leave_begin(): wait for what was asked, until `deadline` (wait_now()) at most, and
 * hand back what --dead has not moved. When it is served from now on, the connection reports what
 * became of the entries and deletes the consumer where nothing is pending for it; then it is over.
 */
void tail_leave_finish(struct tail_sharer *s, int64_t deadline);

#endif
