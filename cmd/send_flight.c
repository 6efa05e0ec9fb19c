#include "cmd/send_flight.h"

#include <stdlib.h>

static struct send_batch *at(struct flight *f, size_t n)
{
    return &f->ring[(f->first + n) % FLIGHT_RING];
}

struct send_batch *flight_batch(struct flight *f, size_t n)
{
    return n <= f->taken ? at(f, n) : NULL;
}

size_t flight_size(const struct flight *f)
{
    return f->taken;
}

/* Order parts by node, and those of one node by their first entries. */
static int compare_parts(const void *one, const void *other)
{
    const struct batch_part *a = one, *b = other;

    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* With -i each part is one room, so that the last ID is enough to find the others. */
static void divide(const struct flight *f, struct send_batch *b, const struct send_settings *set,
    const struct session *s)
{
    batch_divide(b, set->ids && !set->keep_ids ? DIVIDE_BY_ROOM
                    : f->by_slot               ? DIVIDE_BY_SLOT
                                               : DIVIDE_NOT);
    for (size_t i = 0; i < b->parts.n; i++) {
        b->parts.at[i].node = session_node(s, b->parts.at[i].slot);
        if (part_find(&b->parts.at[i], ENTRY_OUT) == BATCH_NO_ENTRY)
            b->parts.at[i].state = PART_IN; /* sent before the batch was divided again */
    }
    qsort(b->parts.at, b->parts.n, sizeof *b->parts.at, compare_parts);
}

bool flight_take(struct flight *f, const struct send_settings *set, const struct session *s)
{
    if (f->taken + 1 == FLIGHT_RING)
        return false;
    f->by_slot = f->by_slot || session_in_cluster(s);
    divide(f, at(f, f->taken++), set, s);
    return true;
}

struct batch_part *flight_now(struct flight *f)
{
    struct send_batch *b = at(f, 0);

    return f->taken > 0 ? &b->parts.at[b->at] : NULL;
}

struct batch_part *flight_next(struct flight *f, const struct session *s)
{
    struct batch_part *now = flight_now(f), *next = NULL;

    if (now && now->batch->at + 1 < now->batch->parts.n)
        next = now + 1;
    else if (now && f->taken > 1)
        next = at(f, 1)->parts.at;
    if (next && s && session_node(s, next->slot) != session_node(s, now->slot))
        next = NULL;
    return next;
}

size_t flight_sent(struct flight *f, struct batch_part *of[2])
{
    of[0] = flight_now(f);
    of[1] = flight_next(f, NULL);
    return of[1] ? 2 : of[0] ? 1 : 0;
}

bool flight_advance(struct flight *f)
{
    struct send_batch *b = at(f, 0);

    return ++b->at == b->parts.n;
}

void flight_release(struct flight *f)
{
    f->first = (f->first + 1) % FLIGHT_RING;
    f->taken--;
}

void flight_divide_by_slot(
    struct flight *f, const struct send_settings *set, const struct session *s)
{
    f->by_slot = true;
    for (size_t n = 0; n < f->taken; n++)
        divide(f, at(f, n), set, s);
}

bool flight_take_back(struct flight *f)
{
    struct batch_part *sent[2];
    bool queued = false;

    for (size_t i = 0, n = flight_sent(f, sent); i < n; i++)
        if (sent[i]->state == PART_QUEUED) {
            sent[i]->state = PART_READY;
            queued = true;
        }
    return queued;
}

void flight_send_again(struct batch_part *part, bool forget)
{
    part_mark_out(part, forget);
    part->state = PART_READY;
}

void flight_lose(struct batch_part *part, bool guarded, bool again)
{
    switch (part->state) {
    case PART_IN_FLIGHT:
    case PART_ADDED:
    case PART_RAN:
        if (again) /* replies that came in part are void */
            part_mark_out(part, guarded && part->state != PART_ADDED);
        if (part->in_doubt < part->count)
            part->in_doubt = part->count;
        part->state = guarded ? PART_IN_DOUBT : PART_READY;
        break;
    case PART_TOO_OLD: flight_send_again(part, false); break;
    case PART_QUEUED: part->state = PART_READY; break;
    default: break;
    }
}

void flight_finish_parts(struct flight *f)
{
    struct batch_part *sent[2];

    for (size_t i = 0, n = flight_sent(f, sent); i < n; i++)
        if (sent[i]->state == PART_READY && part_find(sent[i], ENTRY_OUT) == BATCH_NO_ENTRY)
            sent[i]->state = PART_IN;
}

void flight_free(struct flight *f)
{
    for (size_t i = 0; i < FLIGHT_RING; i++)
        batch_free(&f->ring[i]);
}
