/*
 * Taking over what is pending already: what other readers have left undone for --claim, and what
 * was delivered to us over a connection that died before it arrived. In bounded steps, each a
 * request, so that nothing that is new waits for long.
 */
#ifndef CMD_TAIL_CLAIM_H
#define CMD_TAIL_CLAIM_H

#include "cmd/tail_take.h"

/* A row of XPENDING: an entry, for how long it has been idle, how often it was delivered. */
struct tail_pending {
    struct id id;
    uint64_t idle, count;
};

struct tail_pending_list LIST(struct tail_pending);

/* Set `take` and `dead`; tail_claim_free(). */
struct tail_claim {
    struct request request;
    struct tail_take *take;
    struct tail_dead *dead; /* --dead, or NULL */

    /* Private. */
    struct tail_room *room;
    bool own;                        /* what is pending for us, not for others */
    uint64_t most;                   /* rows asked for */
    struct tail_pending_list listed; /* what to claim */
    bool pending;                    /* what is claimed was, just before */
    size_t part;                     /* of an answer to XAUTOCLAIM */
};

/* Up to `most` entries that XAUTOCLAIM gives, with one more delivery counted: enough where nobody
 * counts them. */
struct request *tail_claim_any(struct tail_claim *c, struct tail_room *room, uint64_t most);

/*
 * With --ack it takes two requests: list up to `most` entries, which are either pending for us and
 * unknown (`own`) or were left undone; then claim them one by one, so that it is known how often
 * each was delivered. When the last one is listed, the room `recovers` or is `claimable` no more.
 */
struct request *tail_claim_list(
    struct tail_claim *c, struct tail_room *room, bool own, uint64_t most);

/* Claim what was listed. NULL: nothing was. */
struct request *tail_claim_listed(struct tail_claim *c);

void tail_claim_free(struct tail_claim *c);

#endif
