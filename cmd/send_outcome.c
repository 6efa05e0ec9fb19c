#include "cmd/send_outcome.h"

#include <inttypes.h>

/* An entry of more than DEADLY_BYTES fails when MOST_DEATHS connections died while it was sent. */
enum { MOST_DEATHS = 3, DEADLY_BYTES = 64 * 1024 };

bool outcome_is_plain(const struct delivery *d, struct batch_part *part)
{
    return d->plain || part->plain;
}

/* Whether the part's transaction has a guard. */
static bool is_guarded(const struct delivery *d, struct batch_part *part)
{
    return !d->set->keep_ids && !outcome_is_plain(d, part);
}

static bool is_good(const struct delivery *d)
{
    return d->replies.error.why.code == EXIT_DONE;
}

/* The names of a part's room and of a receipt, for %.*s: cut, so that the rest of the text fits. */
#define ROOM_TEXT(part) SPAN_TEXT(part_room(part), 64)
#define KEY_TEXT(receipt) SPAN_TEXT(span_of_buf(&(receipt)->key), 200)

struct receipt *outcome_receipt(struct delivery *d, struct batch_part *part)
{
    int slot = d->flight.by_slot ? part->slot : -1;
    struct receipt *r;

    if (outcome_is_plain(d, part) || (d->set->keep_ids && d->set->replicas == 0))
        return NULL;
    r = guards_receipt(&d->guards, slot, part_room(part));
    if (r || d->set->keep_ids)
        return r;
    part->plain = true;
    if (!d->reported)
        err_set(&d->why_plain, EXIT_REFUSED,
            "%.*s: CROSSSLOT: a cluster cannot keep a receipt for this name", ROOM_TEXT(part));
    return NULL;
}

void outcome_discard(struct delivery *d)
{
    if (!flight_take_back(&d->flight))
        return;
    request_discard(&d->requests);
    guards_drop(&d->guards);
}

/* --- what became of a transaction ---------------------------------------------------------- */

/* The server has the transaction, and so have enough replicas. */
static void acknowledge(struct delivery *d, struct batch_part *part)
{
    if (is_guarded(d, part))
        receipt_acknowledge(outcome_receipt(d, part), part);
    part->state = PART_ACKNOWLEDGED;
    part->in_doubt = part->deaths = 0;
    d->guards.evicted = 0;
    session_succeeded(d->session);
    if (d->why_plain.code == EXIT_DONE || d->reported)
        return;
    err_say(ERR_NOTICE, "%s; sending without receipts, so a lost connection may double messages",
        d->why_plain.text);
    d->reported = true;
}

/* The server has the transaction. */
static void mark_added(struct delivery *d, struct batch_part *part)
{
    if (!is_good(d))
        return;
    part->state = PART_ADDED;
    if (d->set->replicas == 0)
        acknowledge(d, part);
}

void outcome_finish(struct delivery *d, struct batch_part *part)
{
    part->first = part_find(part, ENTRY_OUT);
    part->state = part->first == BATCH_NO_ENTRY ? PART_IN : PART_READY;
    if (part->state == PART_READY || !flight_advance(&d->flight))
        return;
    batch_finish(part->batch, d->set, d->out, d->done);
    flight_release(&d->flight);
}

/*
 * A command of a transaction that ran was refused: an XADD, or the one that writes the receipt, as
 * when the script of -i runs out of memory. EXEC's reply shows which entries are in, but the
 * receipt does not agree with that, so the rest is sent under a new receipt.
 */
static void abandon_receipt(struct delivery *d, struct batch_part *part)
{
    struct receipt *r = outcome_receipt(d, part);

    part->state = PART_READY;
    part->in_doubt = 0;
    outcome_discard(d);
    guards_drop(&d->guards);
    if (r)
        request_delete(&d->requests, r);
}

static void on_exec(struct delivery *d, struct batch_part *part)
{
    if (!d->replies.ran) {
        part->state = PART_READY;
        return;
    }
    if (!is_good(d)) {
        abandon_receipt(d, part);
        return;
    }
    size_succeeded(&d->size);
    d->resuming = d->replies.too_old > 0;
    if (d->resuming)
        part->state = PART_TOO_OLD;
    else
        mark_added(d, part);
}

/* XADDs without a transaction were answered. Those that were refused are sent again. */
static void on_plain(struct delivery *d, struct batch_part *part)
{
    bool all = part_find(part, ENTRY_OUT) > part->end;

    part->state = all ? PART_ADDED : PART_READY;
    if (all && d->set->replicas == 0)
        acknowledge(d, part);
}

/* WAIT was answered: for a part, or with `part` NULL for the opening of a receipt. */
static void on_wait(struct delivery *d, struct batch_part *part, struct receipt *r)
{
    bool enough = d->replies.replicas >= d->set->replicas;
    struct err *why = &d->replies.error.why;

    if (part == NULL)
        r->state = enough ? RECEIPT_OPENING : RECEIPT_UNREPLICATED;
    else if (enough && part->state == PART_ADDED)
        acknowledge(d, part);
    if (enough || !is_good(d))
        return;
    err_set(why, EXIT_FAILED, "only %lld of %" PRId64 " replicas have the messages",
        d->replies.replicas, d->set->replicas);
    why->kind = ERR_TRANSIENT;
}

/* The rooms of a transaction that ran were probed, and with -i the IDs of its entries were read. */
static void on_verified(struct delivery *d, struct batch_part *part)
{
    size_t line, unknown = part_mark_verified(part, &line);

    if (d->set->ids && unknown > 0)
        err_say(ERR_ALWAYS,
            "the IDs of %zu messages, from line %zu on, are not known: the reply was lost, and "
            "they have been deleted or trimmed since",
            unknown, line);
    mark_added(d, part);
}

/* The server answered what the rooms hold under IDs that were too old, or `below` them. */
static void on_held(struct delivery *d, struct batch_part *part, bool below)
{
    uint32_t missing = part_find(part, ENTRY_TOO_OLD);

    if (!is_good(d))
        return;
    if (missing == BATCH_NO_ENTRY)
        mark_added(d, part);
    else if (!below && (d->set->maxlen || d->set->maxage))
        request_held(&d->requests, part, true);
    else
        replies_not_held(&d->replies, part->batch, missing);
}

/* --- what the receipt shows ------------------------------------------------------------------ */

/* Fail because nobody can know what is in. */
static void fail_unsure(struct delivery *d, struct batch_part *part, const struct receipt *r)
{
    d->unsure = true;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: line %zu and later may or may not be in: the connection was lost before the reply, "
        "and the receipt %.*s was evicted or has expired",
        ROOM_TEXT(part), part->batch->entries.at[part->first].line, KEY_TEXT(r));
}

/* A transaction in doubt ran, and held `count` entries. */
static void on_ran(struct delivery *d, struct batch_part *part, uint64_t count)
{
    outcome_discard(d);
    part_choose(part, (size_t)count);
    part->state = PART_RAN;
}

/* The current part if the receipt is its own, or NULL. */
static struct batch_part *part_under(struct delivery *d, const struct receipt *r)
{
    struct batch_part *part = flight_now(&d->flight);

    if (part && outcome_receipt(d, part) != r)
        part = NULL;
    return part;
}

static void on_get(struct delivery *d, struct receipt *r)
{
    struct batch_part *part = part_under(d, r);
    enum receipt_verdict verdict;

    if (!is_good(d))
        return;
    verdict = guards_on_get(&d->guards, r, part ? part->in_doubt : 0);
    if (verdict == RECEIPT_FOREIGN) {
        d->unsure = true;
        err_set(&d->failure, EXIT_FAILED, "another client has overwritten the receipt %.*s",
            KEY_TEXT(r));
    }
    if (part == NULL)
        return;
    if (verdict == RECEIPT_RAN) {
        on_ran(d, part, d->replies.receipt.entries - r->acked);
    } else if (verdict == RECEIPT_GONE && part->in_doubt > 0) {
        outcome_discard(d);
        if (id_compare(r->last_id, ID_LEAST) > 0)
            request_last(&d->requests, r); /* on_last() */
        else
            fail_unsure(d, part, r);
    } else if (part->state == PART_IN_DOUBT) {
        flight_send_again(part, true);
    }
    if (verdict == RECEIPT_BEHIND)
        part->in_doubt = 0; /* it was sent after what is lost, so it cannot be in */
}

/* The server answered whether the last acknowledged entry is still there. For an open receipt that
 * was asked because the receipt is gone. */
static void on_last(struct delivery *d, struct receipt *r)
{
    struct batch_part *part = part_under(d, r);

    if (r->state == RECEIPT_OPEN && part && part->in_doubt > 0)
        fail_unsure(d, part, r);
    guards_on_last(&d->guards, r);
}

/* --- replies --------------------------------------------------------------------------------- */

void outcome_answered(struct delivery *d, const struct expected *e)
{
    struct batch_part *part = e->of;
    bool last = request_due(&d->requests) == NULL;

    if (is_good(d) && (e->what == EXPECT_GET || (e->what == EXPECT_BOOKKEEPING && last)))
        guards_on_proof(&d->guards);
    switch (e->what) {
    case EXPECT_EXEC: on_exec(d, part); break;
    case EXPECT_WAIT: on_wait(d, part, e->receipt); break;
    case EXPECT_GET: on_get(d, e->receipt); break;
    case EXPECT_LAST: on_last(d, e->receipt); break;
    case EXPECT_PROBE: on_verified(d, part); break;
    case EXPECT_HELD:
    case EXPECT_BELOW: on_held(d, part, e->what == EXPECT_BELOW); break;
    case EXPECT_XADD: on_plain(d, part); break;
    case EXPECT_TRIMMED:
        if (is_good(d) && last)
            flight_now(&d->flight)->state = PART_IN;
        break;
    default: break;
    }
}

/* The server refused something for good: send the rest first, send without receipts, or fail. */
static void fail(struct delivery *d, struct batch_part *part, const struct request_error *t)
{
    if (t->part && t->entry != t->part->first) {
        t->part->refused = t->entry; /* the entries before it can be added without it */
    } else if (t->bookkeeping && part && is_guarded(d, part) && part->in_doubt == 0) {
        d->plain = true;
        d->why_plain = t->why;
        session_reconnect(d->session); /* the connection may still be within a MULTI */
    } else {
        d->failure = t->why;
        d->line = t->line;
    }
}

/*
 * The connection died with a transaction in flight, perhaps because that was too large. Without
 * a transaction, no earlier reply shows that the connection worked, so never give up then.
 */
static void suspect_size(struct delivery *d, struct batch_part *part)
{
    if (part->state != PART_IN_FLIGHT && part->state != PART_QUEUED)
        return;
    size_failed(&d->size, part->count, true);
    if (outcome_is_plain(d, part) || part->count > 1
        || batch_command(part->batch, part->first).len <= DEADLY_BYTES
        || ++part->deaths < MOST_DEATHS)
        return;
    d->line = part->batch->entries.at[part->first].line;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: the server closed %d connections on line %zu without an error: it is too large",
        ROOM_TEXT(part), MOST_DEATHS, d->line);
}

/* The next connection may lead to a server that lacks what this one had. */
static void lose_server(struct delivery *d)
{
    struct batch_part *sent[2];

    for (size_t i = 0, n = flight_sent(&d->flight, sent); i < n; i++)
        flight_lose(
            sent[i], is_guarded(d, sent[i]), !outcome_is_plain(d, sent[i]) || d->set->replicas);
    guards_lose_server(&d->guards);
}

int outcome_recover(struct delivery *d, struct batch_part *part, struct err *e)
{
    struct request_error t = d->replies.error;

    d->replies.error = (struct request_error){0};
    guards_drop_connection(&d->guards);
    if (t.why.kind == ERR_RECONNECT || t.why.kind == ERR_MOVED)
        lose_server(d);
    if (part == NULL && !d->guards.unchecked)
        return 0; /* the next part will try again */
    flight_finish_parts(&d->flight);
    if (t.crossed && !d->flight.by_slot) {
        flight_divide_by_slot(&d->flight, d->set, d->session);
    } else if (t.why.kind == ERR_FINAL) {
        fail(d, part, &t);
    } else {
        if (t.full && part)
            size_failed(&d->size, part->count, false);
        return session_refused(d->session, &t.why, e);
    }
    return 0;
}

void outcome_lose_connection(struct delivery *d)
{
    struct batch_part *now = flight_now(&d->flight);
    struct request_error t = d->replies.error;

    request_forget(&d->requests);
    d->replies.error = (struct request_error){0};
    if (now)
        suspect_size(d, now);
    lose_server(d);
    if (t.why.code != EXIT_DONE && t.why.kind == ERR_FINAL)
        fail(d, now, &t); /* the refusal, not the lost connection that came of it */
}
