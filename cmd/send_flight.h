/*
 * The batches under way, and the parts of them in the order in which they are sent.
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
    bool by_slot; /* rooms of several hash slots can not share a transaction */

    /* Private: from `first` on, those that were taken, then the one being filled. */
    struct send_batch ring[FLIGHT_RING];
    size_t first, taken;
};

/* The n-th batch that is under way, from 0, or behind those the one being filled; NULL behind it.
 */
struct send_batch *flight_batch(struct flight *f, size_t n);

/* How many are under way. */
size_t flight_size(const struct flight *f);

/* Take the batch that was filled, which must not be empty; false if there is no space for it. */
bool flight_take(struct flight *f, const struct send_settings *set, const struct session *s);

/* The part at hand: the first one that is not in. */
struct batch_part *flight_now(struct flight *f);

/* The part behind it; with a session, only if the same node serves it. */
struct batch_part *flight_next(struct flight *f, const struct session *s);

/* Both of them, if they are there: only they can have been sent. Returns how many. */
size_t flight_sent(struct flight *f, struct batch_part *of[2]);

/* The part at hand is PART_IN: go on to the next. Returns whether its batch is done with, and can
 * be settled and then released. */
bool flight_advance(struct flight *f);
void flight_release(struct flight *f);

/* Divide what is under way by hash slot from here on; nothing of it may be in flight. */
void flight_divide_by_slot(
    struct flight *f, const struct send_settings *set, const struct session *s);

/* What is queued is not to be committed: it is to be sent again. False if nothing is queued. */
bool flight_take_back(struct flight *f);

/* What was sent of the part did not run, or is gone: it is to be sent again. `forget`: the IDs that
 * the server gave are void. */
void flight_send_again(struct batch_part *part, bool forget);

/*
 * The connection died while the part was on its way: if it goes under a guard, the receipt will
 * show whether it is in. `again`: entries that were answered for are in doubt as well.
 */
void flight_lose(struct batch_part *part, bool guarded, bool again);

/* Where MULTI was refused, the XADDs behind it ran by themselves: if all of a part to be sent is
 * in, it is PART_IN. */
void flight_finish_parts(struct flight *f);

void flight_free(struct flight *f);

#endif
