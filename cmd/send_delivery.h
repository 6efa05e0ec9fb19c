/*
 * Delivery of batches to the server, so that each entry is in its room once and in order, or an
 * error says why not. The comment at the head of send_delivery.c explains how, and why it works.
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
 * Deliver over a connected session whose outages may last `retry` ms, which decides how long
 * receipts live. `done` counts what is delivered, and `out` gets what -T and -i print. All of these
 * must outlive the delivery. Returns it, for delivery_free().
 */
struct delivery *delivery_new(const struct send_settings *set, struct session *session,
    int64_t retry, struct out *out, struct progress *done);

/* The batch to fill, and how much it may hold. */
struct send_batch *delivery_batch(struct delivery *d);
struct batch_limit delivery_limit(const struct delivery *d);

/*
 * Take the batch that was filled, unless it is empty. If no other batch is in flight, it is taken
 * at once; otherwise only when it is full, or if `ended`: no more input can be read for it. Returns
 * whether it was taken, so that another may be filled.
 */
bool delivery_take(struct delivery *d, bool ended);

/*
 * Take the replies that have come, and send what may be sent. Returns 0, or -1 when the session
 * gave up or the server broke the protocol; what the server refuses is a delivery_failure().
 */
int delivery_serve(struct delivery *d, struct err *e);

/* Whether batches are in flight. */
bool delivery_is_sending(const struct delivery *d);

/* Whether batches are in flight, or it is being checked whether the server still has what it
 * acknowledged. */
bool delivery_is_busy(const struct delivery *d);

/* Whether the server owes a reply. */
bool delivery_is_owed(const struct delivery *d);

/* Why nothing more can be delivered; its code is EXIT_DONE while there is no failure. */
const struct err *delivery_failure(const struct delivery *d);

/*
 * The line of the first entry that was taken and is not known to be in; 0 if there is none, or if
 * the failure's text has said what is known. `*in_doubt`: the entry may be in.
 */
size_t delivery_undelivered(struct delivery *d, bool *in_doubt);

/* How many messages the server acknowledged and then lost; `*unsure`: it may be more. */
uint64_t delivery_lost(const struct delivery *d, bool *unsure);

/* End the delivery, complete or not: count and print what is in, and delete the receipts. */
void delivery_close(struct delivery *d);

/* Release; NULL is fine. */
void delivery_free(struct delivery *d);

#endif
