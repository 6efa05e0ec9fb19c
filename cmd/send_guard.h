/*
 * The receipts of all parts, and which of them is guarded on the current connection. Reports what
 * the receipts show to be lost.
 */
#ifndef CMD_SEND_GUARD_H
#define CMD_SEND_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/send_receipt.h"
#include "cmd/send_reply.h"
#include "cmd/send_request.h"
#include "cmd/send_step.h"
#include "common/route.h"

/* Zero it, then fill in the first four; release with guards_free(). */
struct guards {
    struct session *session;
    struct requests *requests;
    struct replies *replies;
    int64_t retry;    /* ms that an outage may last */
    uint64_t lost;    /* messages that the server acknowledged and then lost */
    bool unsure;      /* the server could not say whether it has lost some */
    bool unchecked;   /* the server may have lost what it acknowledged under some receipts */
    bool proven;      /* this connection has shown that transactions are allowed */
    unsigned evicted; /* receipts in a row; the caller resets it when a transaction is in */
    int64_t distance; /* the round trip to the server in ms, measured on a new connection */

    /* Private. */
    struct receipt *receipts[ROUTE_SLOTS + 1]; /* by hash slot; the last one is for slot -1 */
    struct receipt *guarded;                   /* or NULL */
    enum guard state;
    int64_t asked_at; /* wait_now() when transactions were tried; 0: they were not */
};

/*
 * The receipt for a room: that of the hash slot, or for slot -1 the one for all rooms. It has a
 * name, but may not be open yet. NULL if a receipt named after the room would lie in another slot
 * than the room, which cannot happen for -1. The guards own it.
 */
struct receipt *guards_receipt(struct guards *g, int slot, struct span room);

/* Ask for the guard of a receipt. With `may_renew`, begin a new receipt if this one is old. */
void guards_ask(struct guards *g, struct receipt *r, bool may_renew);

/* Try whether transactions are allowed, when no guard is needed that would show it. */
void guards_prove(struct guards *g);

/* The state of this receipt's guard; `r` may be NULL. */
enum guard guards_state(const struct guards *g, const struct receipt *r);

/* EXEC or DISCARD was sent: no guard stands. */
void guards_drop(struct guards *g);

/* The connection is a new one, or it refused something: no guard stands, and nothing is proven. */
void guards_drop_connection(struct guards *g);

/* The next connection may lead to a server that lacks what was acknowledged: check the receipts.
 * An opening that was not answered is never repeated. */
void guards_lose_server(struct guards *g);

/* The server answered without an error, which shows that transactions are allowed. */
void guards_on_proof(struct guards *g);

/*
 * GET was answered without an error: judge the receipt, with `in_doubt` entries in doubt. For
 * RECEIPT_AGREES and RECEIPT_RAN its guard stands, if it was asked for. For RECEIPT_BEHIND the loss
 * is reported. Then, and for RECEIPT_GONE with nothing in doubt, the receipt is given up.
 */
enum receipt_verdict guards_on_get(struct guards *g, struct receipt *r, uint64_t in_doubt);

/* EXPECT_LAST was answered: report if what was acknowledged is gone, or if nobody knows. */
void guards_on_last(struct guards *g, struct receipt *r);

/* Nothing is being sent: ask the server about the next unchecked receipt, if there is one. */
void guards_check(struct guards *g);

/* Delete all receipts, so that late copies of transactions, which watch them, fail for good. Waits
 * for the server, but for a second at most. */
void guards_delete(struct guards *g);

void guards_free(struct guards *g);

#endif
