#include "cmd/send_step.h"

/* Whether MULTI has been sent, and neither EXEC nor DISCARD. */
static bool is_open(const struct step_facts *f)
{
    return f->now == PART_QUEUED || f->next == PART_QUEUED;
}

/* The next step when XADDs are sent without a transaction. */
static enum step next_plain(const struct step_facts *f)
{
    switch (f->now) {
    case PART_READY:
    case PART_IN_DOUBT: return STEP_ADD; /* this may double messages, as --at-least-once allows */
    case PART_IN_FLIGHT: return f->next == PART_READY ? STEP_ADD_NEXT : STEP_WAIT;
    case PART_ADDED: return f->owed ? STEP_WAIT : STEP_RENEW;
    case PART_ACKNOWLEDGED: return !f->trims ? STEP_FINISH : f->owed ? STEP_WAIT : STEP_TRIM;
    case PART_IN: return STEP_FINISH;
    default: return STEP_WAIT;
    }
}

/* The next step towards the EXEC of the current part. */
static enum step next_to_commit(const struct step_facts *f)
{
    bool stands = f->unguarded || f->guard == GUARD_STANDS;
    bool armed = f->unguarded ? f->proven : f->guard != GUARD_NONE;

    if (is_open(f) && (f->now != PART_QUEUED || !armed))
        return STEP_DISCARD; /* its guard, or the transaction before it, is gone */
    if (!armed)
        return f->owed ? STEP_WAIT : f->unguarded ? STEP_PROVE : STEP_GUARD;
    if (f->now == PART_READY && (stands || f->proven))
        return STEP_QUEUE;
    return f->now == PART_QUEUED && stands ? STEP_COMMIT : STEP_WAIT;
}

/* The transaction ran: the next step of what else was asked for, which cannot be done in a MULTI.
 */
static enum step next_to_finish(const struct step_facts *f)
{
    enum step step = f->now == PART_RAN       ? STEP_VERIFY
                     : f->now == PART_TOO_OLD ? STEP_COMPARE
                     : f->now == PART_ADDED   ? STEP_RENEW
                     : f->trims               ? STEP_TRIM
                                              : STEP_FINISH;

    if (step == STEP_FINISH)
        return step;
    if (step == STEP_RENEW && f->owed)
        return STEP_WAIT; /* WAIT may not have been answered */
    return is_open(f) ? STEP_DISCARD : f->owed ? STEP_WAIT : step;
}

enum step step_next(const struct step_facts *f)
{
    if (f->error)
        return f->up && is_open(f) ? STEP_DISCARD : f->owed ? STEP_WAIT : STEP_RECOVER;
    if (!f->up || f->now == PART_NONE)
        return STEP_WAIT;
    if (f->plain)
        return next_plain(f);
    switch (f->now) {
    case PART_READY:
    case PART_QUEUED:
    case PART_IN_DOUBT: return next_to_commit(f);
    case PART_IN_FLIGHT: return f->next == PART_READY ? STEP_QUEUE_NEXT : STEP_WAIT;
    case PART_IN: return STEP_FINISH;
    default: return next_to_finish(f);
    }
}

enum {
    NEAR_ENTRIES = 2048,
    FAR_ENTRIES = 16384,
    NEAR_BYTES = 1024 * 1024,
    FAR_BYTES = 4 * 1024 * 1024,
    FAR_MS = 100,
    ENTRIES_PER_MS = 700, /* how many a server adds */
    GOOD_ENOUGH = 64      /* transactions in a row, to raise the ceiling */
};

struct batch_limit size_limit(int64_t distance, bool in_parts)
{
    size_t ms = in_parts || distance > FAR_MS ? FAR_MS : (size_t)distance;
    struct batch_limit most = {NEAR_ENTRIES + ms * ENTRIES_PER_MS, 0};

    if (most.entries > FAR_ENTRIES)
        most.entries = FAR_ENTRIES;
    most.bytes = most.entries * (NEAR_BYTES / NEAR_ENTRIES);
    if (most.bytes > FAR_BYTES)
        most.bytes = FAR_BYTES;
    return most;
}

size_t size_of_transaction(const struct transaction_size *s)
{
    return s->limit ? s->limit : FAR_ENTRIES;
}

void size_failed(struct transaction_size *s, size_t entries, bool died)
{
    s->limit = entries > 1 ? entries / 2 : 1;
    s->good = 0;
    if (died)
        s->ceiling = s->limit;
}

void size_succeeded(struct transaction_size *s)
{
    if (s->ceiling && ++s->good >= GOOD_ENOUGH) {
        s->ceiling *= 2;
        s->good = 0;
    }
    if (s->ceiling >= FAR_ENTRIES)
        s->ceiling = 0;
    s->limit *= 2;
    if (s->ceiling && s->limit > s->ceiling)
        s->limit = s->ceiling;
    if (s->limit >= FAR_ENTRIES)
        s->limit = 0;
}
