/* One connection of a group, and what it can ask for the rooms that share it; tail_schedule.h
 * decides what is asked next. */
#ifndef CMD_TAIL_SHARER_H
#define CMD_TAIL_SHARER_H

#include "cmd/tail_claim.h"
#include "cmd/tail_conn.h"
#include "cmd/tail_info.h"
#include "cmd/tail_join.h"
#include "cmd/tail_turn.h"

struct tail_sharer {
    struct tail_conn conn;
    struct tail_giving *giving;

    /* Private. */
    struct tail_take take;
    struct tail_turn turn;
    struct tail_claim claim;
    struct tail_join join;
    struct tail_infos infos;
    struct tail_dead *dead;
    enum { SHARER_NOTHING, SHARER_TURN, SHARER_UPKEEP } last; /* what was asked last */
    int64_t asked_at;                                         /* wait_now() of the last turn */
    uint64_t reserved;           /* entries that it may bring, of `giving->reserved` */
    bool asked_all;              /* it asked for new entries of all rooms, */
    bool caught_up;              /* and there were none */
    bool checking;               /* a round of checks for claimable entries is under way: */
    size_t next;                 /* the room to check next; also when leaving */
    int64_t due;                 /* wait_now() of the next round */
    int64_t pause;               /* wait_now() of the next read, unless updates are due; or 0 */
    size_t rotation;             /* the room that is asked first */
    bool died;                   /* the connection did: the server may still do what was asked */
    enum tail_join_step leaving; /* which step, in tail_leave.c */
};

/* Returns a new one without rooms, which asks what `source` says. */
struct tail_sharer *tail_sharer_new(struct tail_giving *g, const struct tail_source *source);

/* Release it and the shares of its rooms: for tail_source. */
void tail_sharer_close(struct tail_conn *c);

/* Give it a room to read, which gets a share. */
void tail_sharer_add(struct tail_sharer *s, struct tail_room *room);

/* Keep the rooms that are read, or that updates may be due for. */
void tail_sharer_drop_rooms(struct tail_sharer *s);

/* Whether -U ends the program at some time. */
bool tail_sharer_is_timed(const struct tail_sharer *s);

/* How many entries may be taken now, within -c and --prefetch. */
uint64_t tail_sharer_capacity(const struct tail_sharer *s);

/*
 * Returns a turn that asks for `count` new entries of each room that is `asked`, or with `recovers`
 * for entries that are pending for us. The server waits up to `block` ms, or TAIL_NO_WAIT.
 */
struct request *tail_sharer_turn(
    struct tail_sharer *s, uint64_t count, int64_t block, bool recovers);

/* Whether the server has to know what became of entries, or that they are still in progress. If
 * not, the connection wakes when it will have to. */
bool tail_sharer_has_updates(struct tail_sharer *s);

/* Returns a turn that only sends these updates; NULL: there are none. */
struct request *tail_sharer_update(struct tail_sharer *s);

#endif
