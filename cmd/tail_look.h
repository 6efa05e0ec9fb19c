/* Looking at rooms while they are read: what becomes of them is told, and what was lost of them. */
#ifndef CMD_TAIL_LOOK_H
#define CMD_TAIL_LOOK_H

#include "cmd/tail.h"
#include "cmd/tail_info.h"

/* A round of looks over one session, a request after the other. tail_look_start(). */
struct tail_look {
    struct tail_infos infos; /* ask this */
    /* Of rooms that are read together: while their slot moves, those that an ASK was not about may
     * still be where it came from. NULL: an ASK is always about the room that is looked at. */
    const struct session *session;

    /* Private. */
    struct tail *t;
    int64_t behind; /* wait_now() of when a master first lacked what was read, in a row; or 0 */
};

void tail_look_start(struct tail_look *l, struct tail *t);

/* All rooms were looked at: the master is believed. */
void tail_look_end(struct tail_look *l);

/* Whether there is something to look for in the room now. */
bool tail_look_is_due(const struct tail_room *room);

#endif
