/* Joining and leaving the group, and what is pending in it: commands about many rooms in one
 * request. */
#ifndef CMD_TAIL_JOIN_H
#define CMD_TAIL_JOIN_H

#include "cmd/tail_take.h"

enum { TAIL_JOIN_ROOMS = 100 };

enum tail_join_step {
    /* Create the group where it is missing: the room's share is TAIL_SHARE_JOINED then; or _GONE,
     * if -m found the room, and the room or the group was deleted since. */
    TAIL_JOIN_CREATE,
    /* Find rooms that are `claimable`: another reader has left an entry pending for too long. With
     * -e and --ack, also find out whether anything is `pending` at all. */
    TAIL_JOIN_CLAIMABLE,
    /* Find rooms that our consumer `leaves`: nothing is pending for it. */
    TAIL_JOIN_PENDING,
    /* Delete our consumer from the rooms that it leaves. */
    TAIL_JOIN_LEAVE
};

/* Zero it and set `giving`. */
struct tail_join {
    struct request request;
    struct tail_giving *giving;
    bool pending; /* TAIL_JOIN_CLAIMABLE sets it; the caller resets it */

    /* Private. */
    struct tail_room *rooms[TAIL_JOIN_ROOMS];
    size_t n;
    size_t each; /* replies for each room */
    size_t rows; /* of the current reply */
};

/*
 * Returns the request that takes a step in the rooms that need it: TAIL_JOIN_ROOMS at most, from
 * the `*next`th of the list on. Moves `*next` to the first one that it leaves for the next request.
 * NULL: no room needs it.
 */
struct request *tail_join_next(struct tail_join *j, enum tail_join_step step,
    const struct tail_room_list *rooms, size_t *next);

/* Whether the room is read, and our group is there. */
bool tail_join_is_joined(const struct tail_room *room);

#endif
