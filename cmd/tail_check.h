/* Checking rooms while they are read: what became of them is reported, and what was lost of them.
 */
#ifndef CMD_TAIL_CHECK_H
#define CMD_TAIL_CHECK_H

#include "cmd/tail.h"
#include "cmd/tail_info.h"

/* A round of checks over one session, a request after the other. tail_check_start(). */
struct tail_check {
    struct tail_infos infos; /* ask this */
    /* Of rooms that are read together: while their slot moves, those that an ASK was not about may
     * still be where it came from. NULL: an ASK is always about the room that is checked. */
    const struct session *session;

    /* Private. */
    struct tail *t;
    int64_t behind; /* wait_now() of when a master first lacked what was read, in a row; or 0 */
};

void tail_check_start(struct tail_check *l, struct tail *t);

/* All rooms were checked: the master is believed. */
void tail_check_end(struct tail_check *l);

/* Whether the room is to be checked now. */
bool tail_check_is_due(const struct tail_room *room);

#endif
