/* Checking rooms while they are read (XINFO): what became of them, and what was lost, is reported.
 */
#ifndef CMD_TAIL_CHECK_H
#define CMD_TAIL_CHECK_H

#include "cmd/tail_state.h"
#include "cmd/tail_info.h"

/* A round of checks on one session, one request after the other. tail_check_start() fills it. */
struct tail_check {
    struct tail_infos infos; /* add rooms to it, and ask it */
    /* Set it if rooms of one slot are checked together: while the slot is migrating, a room that
     * seems to be missing may still be where it came from. Otherwise NULL. */
    const struct session *session;

    /* Private. */
    struct tail *t;
    int64_t behind_since; /* wait_now() of when the master began to lack what was read; or 0 */
};

void tail_check_start(struct tail_check *c, struct tail *t);

/* All rooms were checked: the master is not behind. */
void tail_check_end(struct tail_check *c);

/* Whether the room has to be checked now. */
bool tail_check_is_due(const struct tail_room *room);

#endif
