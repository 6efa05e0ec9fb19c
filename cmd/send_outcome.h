/*
 * Private to send_delivery.c, which decides what is sent next, and send_outcome.c, which sees to
 * what became of it.
 */
#ifndef CMD_SEND_OUTCOME_H
#define CMD_SEND_OUTCOME_H

#include "cmd/send_delivery.h"
#include "cmd/send_flight.h"
#include "cmd/send_guard.h"
#include "cmd/send_reply.h"
#include "cmd/send_request.h"
#include "cmd/send_step.h"

struct delivery {
    const struct send_settings *set;
    struct session *session;
    struct out *out;
    struct progress *done;

    struct flight flight;
    struct transaction_size size;
    struct requests asked;
    struct replies replies;
    struct guards guards;
    bool plain;           /* XADDs go by themselves */
    struct err why_plain; /* why; reported once */
    bool reported;
    bool resuming; /* the last transaction held IDs that the rooms have (-k) */

    struct err failure; /* for good: nothing more is sent */
    size_t line;        /* that it is about, or 0 */
    bool unsure;        /* it says itself what is not known */
};

/* Whether the part's XADDs go by themselves. */
bool outcome_is_plain(const struct delivery *d, struct batch_part *part);

/* The receipt that serves for the part; NULL: none does. */
struct receipt *outcome_receipt(struct delivery *d, struct batch_part *part);

/* Take back what was queued behind MULTI. That clears every WATCH, so no guard stands. */
void outcome_discard(struct delivery *d);

/* The last reply of an expectation has come whole. */
void outcome_answered(struct delivery *d, const struct expected *e);

/* The part at hand is in, all of it or what was sent of it. */
void outcome_finish(struct delivery *d, struct batch_part *part);

/*
 * All replies have come, and there was an error among them: wait until it passes, go where it
 * points, or give up. -1 when the session gave up.
 */
int outcome_recover(struct delivery *d, struct batch_part *part, struct err *e);

/* The connection died: what is unanswered must be asked for again on the next one. */
void outcome_lose_connection(struct delivery *d);

#endif
