/*
 * The receipts of all parts, and which of them is guarded on the connection at hand. What they tell
 * of losses is said here too.
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
    struct requests *asked;
    struct replies *replies;
    int64_t retry;    /* ms that the server may be away */
    uint64_t lost;    /* messages that the server had acknowledged, and lost */
    bool unsure;      /* it could not be found out whether it had lost some */
    bool unchecked;   /* since a server was lost, it was not asked about some receipts whether what
                         was acknowledged under them is still there */
    bool proven;      /* this connection has shown that transactions are allowed */
    unsigned evicted; /* receipts, since the caller set it to 0: a transaction went through */
    int64_t distance; /* ms to the server, as it answered when the connection was new */

    /* Private. */
    struct receipt *receipts[ROUTE_SLOTS + 1]; /* by hash slot; the last one serves for all */
    struct receipt *guarded;                   /* the one that the guard is about */
    enum guard state;
    int64_t asked_at; /* wait_now() when that was asked; 0: it was not */
};

/*
 * The receipt for a room: that of the hash slot, or for `slot` -1 the one that serves for all. It
 * has a name, but need not be open. NULL when no key of such a name lies in the room's slot; -1 is
 * never refused.
 */
struct receipt *guards_receipt(struct guards *g, int slot, struct span room);

/* Ask for the guard of a receipt. One that is old is left for a new one, if it `may` be. */
void guards_ask(struct guards *g, struct receipt *r, bool may_renew);

/* Ask whether transactions are allowed, where there is no guard that shows it. */
void guards_prove(struct guards *g);

/* What the guard of this receipt is. */
enum guard guards_state(const struct guards *g, const struct receipt *r);

/* No guard stands: EXEC or DISCARD was sent; or the connection is another one, or what was asked on
 * it was refused. */
void guards_drop(struct guards *g);
void guards_drop_connection(struct guards *g);

/* The connection died, or the server says that another one serves: perhaps one that does not have
 * all that was acknowledged. An opening that was not answered is never repeated. */
void guards_lose_server(struct guards *g);

/* What was asked to prove transactions was answered, without an error. */
void guards_on_proof(struct guards *g);

/*
 * GET was answered, and there was no error: judge the receipt, with so many entries in doubt. For
 * RECEIPT_AGREES and RECEIPT_RAN its guard stands, if it was asked for. What is lost was said; the
 * receipt of what is lost or gone was given up, unless it is gone with entries in doubt.
 */
enum receipt_verdict guards_on_get(struct guards *g, struct receipt *r, uint64_t in_doubt);

/* EXPECT_LAST was answered: if what was acknowledged is gone, say so. */
void guards_on_last(struct guards *g, struct receipt *r);

/* While there are unchecked receipts and nothing else is under way: ask about the next of them. */
void guards_check(struct guards *g);

/* Delete all receipts, so that late copies of transactions, which watch them, fail for good. */
void guards_delete(struct guards *g);

void guards_free(struct guards *g);

#endif
