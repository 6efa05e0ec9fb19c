/*
 * Private to send_delivery.c, which decides what to send next, and send_outcome.c, which handles
 * what became of it.
 */
#ifndef CMD_SEND_OUTCOME_H
#define CMD_SEND_OUTCOME_H

#include "cmd/send_flight.h"
#include "cmd/send_guard.h"
#include "cmd/send_reply.h"
#include "cmd/send_request.h"
#include "cmd/send_step.h"
#include "common/out.h"
#include "common/progress.h"
#include "common/session.h"

struct delivery {
    const struct send_settings *set;
    struct session *session;
    struct out *out;
    struct progress *done;

    struct flight flight;
    struct transaction_size size;
    struct requests requests;
    struct replies replies;
    struct guards guards;
    bool plain;           /* XADDs are sent without a transaction */
    struct err why_plain; /* why, unless --at-least-once was given */
    bool reported;        /* the user was told why */
    bool resuming;        /* the last transaction held IDs that the rooms have already (-k) */

    struct err failure; /* why nothing more is sent, or EXIT_DONE */
    size_t line;        /* that the failure is about, or 0 */
    bool unsure;        /* the failure's text says which lines may be in */
};

/* Whether the part's XADDs are sent without a transaction. */
bool outcome_is_plain(const struct delivery *d, struct batch_part *part);

/* The receipt that the part's transaction writes, or NULL. */
struct receipt *outcome_receipt(struct delivery *d, struct batch_part *part);

/* Send DISCARD if something is queued, and send it again later. That also drops the guard. */
void outcome_discard(struct delivery *d);

/* The last reply that `e` expects has come. */
void outcome_answered(struct delivery *d, const struct expected *e);

/* The transaction of the current part is in. Finish its batch if that was the last one. */
void outcome_finish(struct delivery *d, struct batch_part *part);

/*
 * All replies have come, and one of them was an error: wait and try again, follow a redirect, send
 * it another way, or set the failure. Returns -1 when the session gave up.
 */
int outcome_recover(struct delivery *d, struct batch_part *part, struct err *e);

/* The connection died: forget the replies that were due, and send again what may be lost. */
void outcome_lose_connection(struct delivery *d);

#endif
