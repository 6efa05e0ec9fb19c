/* Entering and leaving the group, in many rooms with one request. */
#ifndef CMD_TAIL_JOIN_H
#define CMD_TAIL_JOIN_H

#include "cmd/tail.h"
#include "cmd/tail_share.h"

enum { TAIL_JOIN_ROOMS = 100 };

/* tail_join_start(), then add rooms. */
struct tail_join {
    struct request request;
    struct tail *t;
    struct tail_room *rooms[TAIL_JOIN_ROOMS];
    size_t n;
    bool counted; /* tail_join_look(): something of the group is pending, due or not */

    /* Private. */
    size_t lost;        /* entries that were given, and with the group are pending no more */
    size_t each, found; /* replies for each room; rows of the reply at hand */
};

/*
 * Make the group where it is not there, in rooms that are TAIL_SHARE_NEW or _LOST, which become
 * _JOINED; or _GONE, if -m found them and the room or the group has vanished since.
 */
void tail_join_start(struct tail_join *j, struct tail *t);

/* See whether others have left something pending for too long, and what is `claimable` then. */
void tail_join_look(struct tail_join *j, struct tail *t);

/* See whether something is pending for our consumer, and whether it `leaves` then. */
void tail_join_check(struct tail_join *j, struct tail *t);

/* Take it off. */
void tail_join_leave(struct tail_join *j, struct tail *t);

/* Add a room; false when there are enough. */
bool tail_join_add(struct tail_join *j, struct tail_room *room);

#endif
