/*
 * Delivery: batches to the server, so that each entry is in its room once and in order, or it is
 * said why not. How that is done, and why it holds, stands at the head of send_delivery.c.
 */
#ifndef CMD_SEND_DELIVERY_H
#define CMD_SEND_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_batch.h"
#include "common/out.h"
#include "common/progress.h"
#include "common/session.h"

struct delivery;

/*
 * A delivery over a session that is connected, and may be away for `retry` ms: receipts live
 * longer. What is delivered is counted in `done`, and printed to `out` as -T and -i ask. All of
 * these must outlive it; returns it for delivery_free().
 */
struct delivery *delivery_new(const struct send_settings *set, struct session *session,
    int64_t retry, struct out *out, struct progress *done);

/* The batch that is being filled, and how much it may hold. */
struct send_batch *delivery_batch(struct delivery *d);
struct batch_limit delivery_limit(const struct delivery *d);

/*
 * Take the batch that was filled, if there is something in it. It goes at once when no other is
 * under way; while one is, it is better filled first, so it is taken only when it is full, or
 * `ended`: there will be no more. Returns whether it was taken, and another may be filled.
 */
bool delivery_take(struct delivery *d, bool ended);

/*
 * Take the replies that are there, and send what may be sent. -1 when the session gave up, or what
 * came is no reply.
 */
int delivery_serve(struct delivery *d, struct err *e);

/* Whether batches are under way; whether they are, or it is being asked whether what was
 * acknowledged is still there; and whether the server owes a reply. */
bool delivery_is_sending(const struct delivery *d);
bool delivery_is_busy(const struct delivery *d);
bool delivery_is_owed(const struct delivery *d);

/* Why nothing more can be delivered; EXIT_DONE as long as that is not so. */
const struct err *delivery_failure(const struct delivery *d);

/*
 * The line of the first entry that was given to it and is not known to be in; 0: there is none, or
 * the failure has said all that is known. `*in_doubt`: it may be in.
 */
size_t delivery_undelivered(struct delivery *d, bool *in_doubt);

/* How many messages the server had acknowledged, and lost; `*unsure`: perhaps more. */
uint64_t delivery_lost(const struct delivery *d, bool *unsure);

/* The end, good or bad: count and print what is in, and delete the receipts. */
void delivery_close(struct delivery *d);

/* Release; NULL is fine. */
void delivery_free(struct delivery *d);

#endif
