/*
 * Taking over entries that are pending: those that other readers left for longer than --claim, and
 * those that were delivered to us on a connection that died before they arrived. A request claims a
 * bounded number, so that new entries never wait for long.
 */
#ifndef CMD_TAIL_CLAIM_H
#define CMD_TAIL_CLAIM_H

#include "cmd/tail_take.h"

/* A row of XPENDING. */
struct tail_pending {
    struct id id;
    uint64_t idle;  /* ms since it was delivered or renewed */
    uint64_t count; /* deliveries */
};

struct tail_pending_list LIST(struct tail_pending);

/* Zero it, then set `take` and `dead`; release it with tail_claim_free(). */
struct tail_claim {
    struct request request;
    struct tail_take *take;
    struct tail_dead *dead; /* --dead, or NULL */

    /* Private. */
    struct tail_room *room;
    bool recovers;                   /* what is pending for us, not for others */
    uint64_t most;                   /* rows asked for */
    struct tail_pending_list listed; /* what to claim */
    bool pending;                    /* the entry was pending before XCLAIM */
    size_t part;                     /* of a reply to XAUTOCLAIM */
};

/* Returns a request that claims up to `most` entries with XAUTOCLAIM, which counts one more
 * delivery but does not report how many there were: without --ack that does not matter. */
struct request *tail_claim_any(struct tail_claim *c, struct tail_room *room, uint64_t most);

/*
 * With --ack, claiming takes two requests. This one lists up to `most` entries: either those that
 * are pending for us and that we do not know (`recovers`), or those that others left. Once the last
 * one is listed, the room's share no longer `recovers`, or is no longer `claimable`.
 */
struct request *tail_claim_list(
    struct tail_claim *c, struct tail_room *room, bool recovers, uint64_t most);

/* Returns the second one, which claims each entry that was listed, so that its number of deliveries
 * is known. NULL: none was listed. */
struct request *tail_claim_listed(struct tail_claim *c);

void tail_claim_free(struct tail_claim *c);

#endif
