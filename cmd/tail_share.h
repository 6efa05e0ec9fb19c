/*
 * This reader's share of one room, kept without asking a server: which entries were given to it and
 * are not answered, what to send to the server about them, and when. An entry is answered when it
 * was written to standard output or, with --ack, when standard input says so.
 *
 * Nothing here may take an entry from another reader that has claimed it meanwhile, as when a
 * suspended laptop wakes up. XCLAIM only moves an entry that has been idle for a given time. We
 * give half of the time since we last received or renewed the entry: if another reader has claimed
 * it since, it has been idle for less, because that reader renews it more often.
 */
#ifndef CMD_TAIL_SHARE_H
#define CMD_TAIL_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"
#include "common/list.h"

/* An entry that was given to the program behind. */
struct tail_given {
    struct id id;
    uint64_t count; /* deliveries, including this one */
    int64_t since;  /* wait_now() of when its idle time last began, */
    int64_t tried;  /* and of when we last asked to renew it */
    bool answered;  /* no longer in use */
};

/* An entry to hand back, so that any reader may claim it at once. */
struct tail_back {
    struct id id;
    int64_t since;  /* as in tail_given */
    uint64_t count; /* deliveries to record for it */
    bool restored;  /* it was acknowledged by mistake: make it pending again */
};

struct id_list LIST(struct id);
struct tail_given_list LIST(struct tail_given);
struct tail_back_list LIST(struct tail_back);

/* Zero it; release it with tail_share_free(). */
struct tail_share {
    /* The group in this room: not checked yet, perhaps missing, there, or deleted (with -m). */
    enum { TAIL_SHARE_NEW, TAIL_SHARE_LOST, TAIL_SHARE_JOINED, TAIL_SHARE_GONE } state;
    bool recovers;          /* entries that we do not know may be pending for us, */
    struct id recover_from; /* after this ID */
    bool exhausted;         /* the last read brought fewer entries than it asked for */
    bool asked;             /* the current request reads the room, */
    size_t came;            /* and has brought this many entries of it */
    bool claimable;         /* other readers have left entries pending for too long, */
    struct id claim_from;   /* not before this ID */
    size_t deleted;         /* entries that were deleted while pending, not yet reported */
    bool leaves;            /* nothing is pending for our consumer, so it can be deleted */

    /* To be sent to the server: the current request holds the first `sent_*` of each. */
    struct id_list acks;
    struct tail_back_list backs;
    size_t sent_acks, sent_backs;

    /* Private. */
    struct tail_given_list given;
    size_t first, n_given;  /* the first of them that is not answered; how many are not */
    struct id_list ignored; /* given and handed back or lost: ignore more answers to them */
};

/* The entry was given at `now`, as its `count`th delivery. */
void tail_share_give(struct tail_share *s, struct id id, uint64_t count, int64_t now);
bool tail_share_has_given(const struct tail_share *s, struct id id);

/* The entry is done: acknowledge it. It need not have been given. */
void tail_share_ack(struct tail_share *s, struct id id);

/* The entry was not done, or not even given: hand it back, with `count` deliveries. Its idle time
 * last began at `since`. */
void tail_share_hand_back(struct tail_share *s, struct id id, uint64_t count, int64_t since);

/* The entry was acknowledged by mistake: make it pending again, for any reader. */
void tail_share_restore(struct tail_share *s, struct id id, uint64_t count);

/* Take an answer. It is ignored if the entry was handed back or lost before, and unknown if the
 * entry was never given. */
enum tail_answered { TAIL_TAKEN, TAIL_IGNORED, TAIL_UNKNOWN };
enum tail_answered tail_share_answer(struct tail_share *s, struct id id, bool failed);

/* Hand back all entries that were given and not answered; `counts`: as failed deliveries. */
void tail_share_hand_back_all(struct tail_share *s, bool counts);

/* The group was deleted, so nothing is pending any more: forget it, and ignore answers to it. */
void tail_share_lose(struct tail_share *s);

/* wait_now() of when the next renewal is due: `period` ms after the last attempt, which fails if
 * the entry was deleted or another reader has claimed it. WAIT_FOREVER if nothing was given. */
int64_t tail_share_renew_at(const struct tail_share *s, int64_t period);

/* Append the IDs whose renewal is due to `*ids`. Returns the idle time in ms that all of them have
 * at least, if they still are ours. */
uint64_t tail_share_renewals(
    struct tail_share *s, int64_t now, int64_t period, struct id_list *ids);

/* The server has renewed the entry at `now`. */
void tail_share_renewed(struct tail_share *s, struct id id, int64_t now);

/* The idle time in ms that an entry has at least, if it still is ours. */
uint64_t tail_share_idle(int64_t since, int64_t now);

/* The server has done what was sent. */
void tail_share_confirm(struct tail_share *s);

/* The connection died: send everything again that was sent and not confirmed. */
void tail_share_resend(struct tail_share *s);

void tail_share_free(struct tail_share *s);

#endif
