/*
 * The batches in flight, and their parts in the order in which they are sent.
 */
#ifndef CMD_SEND_FLIGHT_H
#define CMD_SEND_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/send_batch.h"
#include "common/session.h"

/* One in flight, one queued at the server behind it, one being filled. */
enum { FLIGHT_RING = 3 };

/* Zero it; release with flight_free(). */
struct flight {
    bool by_slot; /* rooms of several hash slots cannot share a transaction */

    /* Private: from `first` on, `taken` batches in flight, then the one being filled. */
    struct send_batch ring[FLIGHT_RING];
    size_t first, taken;
};

/* The n-th batch in flight, from 0; after them, the batch being filled, then NULL. */
struct send_batch *flight_batch(struct flight *f, size_t n);

/* How many batches are in flight. */
size_t flight_size(const struct flight *f);

/* Take the batch that was filled, which must not be empty. False if too many are in flight. */
bool flight_take(struct flight *f, const struct send_settings *set, const struct session *s);

/* The current part: the first one that is not in. NULL if nothing is in flight. */
struct batch_part *flight_now(struct flight *f);

/* The part after it, or NULL; with a session, only if the same node serves both. */
struct batch_part *flight_next(struct flight *f, const struct session *s);

/* The current and the next part, the only ones that can have been sent. Returns how many exist. */
size_t flight_sent(struct flight *f, struct batch_part *of[2]);

/* The current part is PART_IN: advance to the next. Returns whether that was the last part of its
 * batch, which must then be finished and released. */
bool flight_advance(struct flight *f);
void flight_release(struct flight *f);

/* Divide batches by hash slot from now on, those in flight as well. No reply may be due. */
void flight_divide_by_slot(
    struct flight *f, const struct send_settings *set, const struct session *s);

/* Parts that are queued will not be committed: they must be sent again. False if none is queued. */
bool flight_take_back(struct flight *f);

/* The part's transaction did not run, or the server lost it: it must be sent again. `forget`: the
 * IDs that the server gave are void. */
void flight_send_again(struct batch_part *part, bool forget);

/*
 * The connection died after the part was sent. If it is guarded, it is in doubt until the receipt
 * shows whether it is in. `again`: entries that were answered count as out again.
 */
void flight_lose(struct batch_part *part, bool guarded, bool again);

/* After MULTI was refused, XADDs run without it: a part to be sent whose entries are all in becomes
 * PART_IN. */
void flight_finish_parts(struct flight *f);

void flight_free(struct flight *f);

#endif
