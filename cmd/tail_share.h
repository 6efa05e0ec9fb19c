/*
 * One room's part in a group, decided without a server: which entries were given to this reader and
 * are not answered, what to send to the server about them, and when. An entry is answered when it
 * was written to standard output or, with --ack, when standard input says so.
 *
 * Nothing here may take an entry away from another reader that has claimed it meanwhile, as after a
 * suspended laptop wakes up. XCLAIM only moves what has been idle for a given time, so each is
 * asked for with half of the time since its idle time last began for us: if another reader has
 * claimed it since, it has been idle for less, because that reader renews it more often.
 */
#ifndef CMD_TAIL_SHARE_H
#define CMD_TAIL_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"
#include "common/list.h"

/* An entry that was given and not answered. */
struct tail_given {
    struct id id;
    uint64_t count; /* how often it was delivered, this time included */
    int64_t since;  /* wait_now() of when its idle time last began, */
    int64_t tried;  /* and of when that was last asked for */
    bool answered;  /* not in use any more */
};

/* An entry to hand back: any reader may claim it at once. */
struct tail_back {
    struct id id;
    int64_t since;
    uint64_t count; /* how often it shall count as delivered */
    bool restored;  /* it was acknowledged by mistake, and becomes pending again */
};

struct id_list LIST(struct id);
struct tail_given_list LIST(struct tail_given);
struct tail_back_list LIST(struct tail_back);

/* Zero it; tail_share_free(). */
struct tail_share {
    enum { TAIL_SHARE_NEW, TAIL_SHARE_LOST, TAIL_SHARE_JOINED, TAIL_SHARE_GONE } state;
    bool recovers;  /* there may be entries that are pending for us and that we do not know, */
    struct id own;  /* which come after this one */
    bool cold;      /* it had less to give than was asked for */
    bool asked;     /* the request at hand asks for it, */
    size_t came;    /* and has brought so many entries of it */
    bool claimable; /* others have left something pending for too long, */
    struct id claim_from; /* from this one on */
    size_t deleted;       /* entries that were deleted while pending, not yet reported */
    bool leaves;          /* nothing is pending for the consumer: it may go */

    /* To be sent to the server; the first `sent` of each are in the request at hand. */
    struct id_list acks;
    struct tail_back_list backs;
    size_t sent_acks, sent_backs;

    /* Private. */
    struct tail_given_list given;
    size_t first, n_given;  /* the first of them that is not answered; how many are not */
    struct id_list ignored; /* failed before; more answers to them mean nothing */
};

/* The entry was given, for the `count`th time. */
void tail_share_give(struct tail_share *s, struct id id, uint64_t count, int64_t now);
bool tail_share_has_given(const struct tail_share *s, struct id id);

/* The entry is done; it needs not have been given. */
void tail_share_ack(struct tail_share *s, struct id id);

/* The entry came, but is given to nobody, or was not done: hand it back. */
void tail_share_hand_back(struct tail_share *s, struct id id, uint64_t count, int64_t since);

/* The entry was acknowledged, and should not have been: make it pending again, for anybody. */
void tail_share_restore(struct tail_share *s, struct id id, uint64_t count);

/* What an answer does: it is taken; it belongs to a delivery that is over; nobody was given that.
 */
enum tail_answered { TAIL_TAKEN, TAIL_IGNORED, TAIL_UNKNOWN };
enum tail_answered tail_share_answer(struct tail_share *s, struct id id, bool failed);

/* Hand back all that was given; `counts`: this delivery counts as a failed one. */
void tail_share_hand_back_all(struct tail_share *s, bool counts);

/* The group is gone, and with it all that was pending: answers to it are ignored. */
void tail_share_lose(struct tail_share *s);

/* wait_now() of when it is `period` ms ago that something that was given was renewed, or that this
 * was tried: it is in vain once the entry was deleted, or another reader has claimed it. */
int64_t tail_share_renew_at(const struct tail_share *s, int64_t period);

/* Append the ID of each that is due to be renewed. Returns the idle time that they have at
 * least, if they still are ours. */
uint64_t tail_share_renewals(
    struct tail_share *s, int64_t now, int64_t period, struct id_list *ids);
void tail_share_renewed(struct tail_share *s, struct id id, int64_t now);

/* The idle time that an entry has at least, if it still is ours. */
uint64_t tail_share_idle(int64_t since, int64_t now);

/* What was sent has been done; or nobody knows whether it was: it is sent again. */
void tail_share_confirm(struct tail_share *s);
void tail_share_resend(struct tail_share *s);

void tail_share_free(struct tail_share *s);

#endif
