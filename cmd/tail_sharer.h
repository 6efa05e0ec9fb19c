/* One connection of a group: what it asks next for the rooms that share it. */
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
    enum { SHARER_NOTHING, SHARER_TURN, SHARER_LOOK } last; /* that was asked */
    int64_t asked_at;                                       /* wait_now() of the last turn */
    uint64_t reserved; /* entries that it may bring, and nobody else may ask for */
    bool whole;        /* it asked for new entries of all rooms */
    bool dry;          /* and there were none */
    bool looking;      /* a round of looks at what others left undone is under way: */
    size_t next;       /* the room to look at next */
    int64_t due;       /* wait_now() of the next round */
    int64_t pause;     /* wait_now() of when to ask again, unless there is news; 0: at once */
    size_t rotation;   /* the room that is asked first */
    bool died;         /* a connection did: what it asked may still be done */
    enum { SHARER_STAYS, SHARER_CHECKS, SHARER_LEAVES, SHARER_LEFT } leaving;
};

/* A new one, to be added to connections; they close it. */
struct tail_sharer *tail_sharer_new(struct tail_giving *g);

/* For tail_source: release it, and the shares of its rooms. */
void tail_sharer_close(struct tail_conn *c);

/* Give it a room. */
void tail_sharer_add(struct tail_sharer *s, struct tail_room *room);

/* Whether entries of the room are asked for. */
bool tail_sharer_reads(const struct tail_room *room);

/* How many entries may be taken now. */
uint64_t tail_sharer_capacity(const struct tail_sharer *s);

/* A turn that asks for `count` entries of each room that is `asked`, or for those pending for us.
 */
struct request *tail_sharer_turn(struct tail_sharer *s, uint64_t count, int64_t block, bool own);

/* Whether there is something to send about the entries; else, `wake` says when something was not
 * renewed for long. */
bool tail_sharer_has_news(struct tail_sharer *s);

#endif
