/*
 * The batches under way: sent, answered, and sent again when a connection died or a refusal passed,
 * so that each is in its room once and in order, or it is told why not.
 */
#ifndef CMD_SEND_WINDOW_H
#define CMD_SEND_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_batch.h"
#include "cmd/send_wire.h"
#include "common/out.h"
#include "common/progress.h"
#include "common/session.h"

enum { WINDOW_RING = 3 };

/* Zero it, then fill in the first three. */
struct window {
    const struct send_settings *set;
    struct session *session; /* owned by the caller */
    int64_t retry;           /* ms that the server may be away; receipts live longer */
    struct send_batch
        ring[WINDOW_RING]; /* from `first` on: those under way, then the one that is filled */
    size_t first, under_way;
    struct receipt receipt;   /* of the batches under way, or of the last one */
    unsigned opening;         /* replies still to come about its opening */
    size_t probes;            /* replies still to come about whether transactions are allowed */
    bool probed;              /* this connection was asked */
    int64_t probed_at;        /* wait_now() of then */
    bool transacts;           /* they are, and worth it */
    long long replicas;       /* that have what was sent, said the last answer to WAIT */
    struct buf aimed;         /* the room that the session is aimed at */
    int64_t torn;             /* wait_now() of the first TRYAGAIN in a row to a new receipt, or 0 */
    size_t ends;              /* replies still to come about receipts that ended */
    bool plain;               /* XADD without a script: told to, or no script is possible */
    struct err no_script;     /* why not, until we have told */
    struct trouble trouble;   /* once it is TROUBLE_FINAL, nothing more is sent */
    uint64_t lost;            /* messages that the server acknowledged, and lost */
    unsigned evicted;         /* receipts, one after the other, with no batch in between */
    struct out out;           /* what -T and -i print */
    struct progress progress; /* counts what was delivered */
};

/* The batch that is filled. */
struct send_batch *window_filling(struct window *w);

/*
 * Put the batch that was filled under way, if there is something in it and the window has space for
 * it: two batches, so that one travels while the server works on the other, of one room; a giant
 * one goes alone. Returns whether another one may be filled now.
 */
bool window_ship(struct window *w);

/*
 * Send what may be sent, take the replies that are there, and see to what went wrong. -1 when that
 * is the end of it: the session gave up, or a reply was none.
 */
int window_serve(struct window *w, struct err *e);

/* Whether something must be answered before batches can be sent. */
bool window_is_opening(const struct window *w);

/* Whether the server owes an answer. */
bool window_is_owed(const struct window *w);

/* Whether all is through that will get through: nothing is under way, or the trouble is final. */
bool window_is_done(const struct window *w);

/*
 * The line of the first entry that was given to the window and is not known to be in; 0: none.
 * `*doubtful`: it may be in, for a connection died before it told.
 */
size_t window_first_undelivered(struct window *w, bool *doubtful);

/* The end, good or bad: count and print what is in, and delete the receipt if it may be deleted. */
void window_close(struct window *w);

void window_free(struct window *w);

/*
 * Between send_window.c, which sends, and send_answers.c, which takes what is answered.
 */

/* The n-th batch under way, from 0, the oldest. */
struct send_batch *window_batch(struct window *w, size_t n);

/* The place in the ring of the oldest batch that the server owes an answer to; WINDOW_RING: none.
 */
size_t window_awaited(const struct window *w);

/* What send_wire.h asks for about a batch. */
struct wire window_wire(struct window *w, struct send_batch *b);

/* Ask how many replicas have what this connection has written so far (WAIT), for a batch or NULL.
 */
void window_ask_replicas(struct window *w, struct send_batch *b);

/* Account for what is in, from the oldest batch on. */
void window_settle(struct window *w);

/* Take the replies that are there, and see to what went wrong, as window_serve() fails. */
int window_take_replies(struct window *w, struct err *e);

#endif
