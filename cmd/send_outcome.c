#include "cmd/send_outcome.h"

#include <inttypes.h>

/* An entry of more than this is refused once this many connections have died of it alone. */
enum { MOST_DEATHS = 3, DEADLY_BYTES = 64 * 1024 };

bool outcome_is_plain(const struct delivery *d, struct batch_part *part)
{
    return d->plain || part->plain;
}

/* Whether the part goes under a guard. */
static bool is_guarded(const struct delivery *d, struct batch_part *part)
{
    return !d->set->keep_ids && !outcome_is_plain(d, part);
}

static bool is_good(const struct delivery *d)
{
    return d->replies.error.why.code == EXIT_DONE;
}

/* For errors: the beginning of the name of a part's room, and of a receipt's, so that there is
 * space for what else is said. */
static struct span shown(struct batch_part *part)
{
    return span_head(part_room(part), 64);
}

static struct span shown_key(const struct receipt *r)
{
    return span_head(span_of_buf(&r->key), 200);
}

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
            "%.*s: CROSSSLOT: a cluster cannot keep a receipt for this name", (int)shown(part).len,
            shown(part).at);
    return NULL;
}

void outcome_discard(struct delivery *d)
{
    if (!flight_take_back(&d->flight))
        return;
    request_discard(&d->asked);
    guards_drop(&d->guards);
}

/* --- what became of a transaction ---------------------------------------------------------- */

/* The server has it, and so have as many replicas as are asked for. */
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

/* The server has it. */
static void add(struct delivery *d, struct batch_part *part)
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
    batch_settle(part->batch, d->set, d->out, d->done);
    flight_release(&d->flight);
}

/*
 * A command of a transaction that ran was refused: an XADD, or what writes the receipt, as the
 * script of -i is when memory runs out at that moment. EXEC's reply shows which entries are in; the
 * receipt does not count them, or counts others too, so that what is left goes under a new one.
 */
static void abandon_receipt(struct delivery *d, struct batch_part *part)
{
    struct receipt *r = outcome_receipt(d, part);

    part->state = PART_READY;
    part->in_doubt = 0;
    outcome_discard(d);
    guards_drop(&d->guards);
    if (r)
        request_delete(&d->asked, r);
}

/* EXEC was answered. */
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
        add(d, part);
}

/* XADDs by themselves were answered: what was refused among them is sent again. */
static void on_plain(struct delivery *d, struct batch_part *part)
{
    bool all = part_find(part, ENTRY_OUT) > part->end;

    part->state = all ? PART_ADDED : PART_READY;
    if (all && d->set->replicas == 0)
        acknowledge(d, part);
}

/* WAIT was answered, about a part or the opening of a receipt. */
static void on_wait(struct delivery *d, struct batch_part *part, struct receipt *r)
{
    bool enough = d->replies.replicas >= d->set->replicas;
    struct err *why = &d->replies.error.why;

    if (part == NULL)
        r->state = enough ? RECEIPT_OPENING
                          : RECEIPT_UNREPLICATED; /* until GET shows that it is there */
    else if (enough && part->state == PART_ADDED)
        acknowledge(d, part);
    if (enough || !is_good(d))
        return;
    err_set(why, EXIT_FAILED, "only %lld of %" PRId64 " replicas have the messages",
        d->replies.replicas, d->set->replicas);
    why->kind = ERR_TRANSIENT;
}

/* The rooms were probed for what is in by its receipt, and its IDs asked for. */
static void on_verified(struct delivery *d, struct batch_part *part)
{
    size_t line, unknown = part_mark_verified(part, &line);

    if (d->set->ids && unknown > 0)
        err_say(ERR_ALWAYS,
            "the IDs of %zu messages, from line %zu on, are not known: the reply was lost, and "
            "they have been deleted or trimmed since",
            unknown, line);
    add(d, part);
}

/* What the rooms hold under IDs that were too old was answered. */
static void on_held(struct delivery *d, struct batch_part *part, bool below)
{
    uint32_t missing = part_find(part, ENTRY_TOO_OLD);

    if (!is_good(d))
        return;
    if (missing == BATCH_NO_ENTRY)
        add(d, part);
    else if (!below && (d->set->maxlen || d->set->maxage))
        request_held(&d->asked, part, true);
    else
        replies_not_held(&d->replies, part->batch, missing);
}

/* --- what the receipt shows ------------------------------------------------------------------ */

static void fail_unsure(struct delivery *d, struct batch_part *part, const struct receipt *r)
{
    d->unsure = true;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: line %zu and later may or may not be in: the connection was lost before the reply, "
        "and the receipt %.*s was evicted or has expired",
        (int)shown(part).len, shown(part).at, part->batch->entries.at[part->first].line,
        (int)shown_key(r).len, shown_key(r).at);
}

/* The first `count` entries that were in doubt are in, if each XADD worked. */
static void on_ran(struct delivery *d, struct batch_part *part, uint64_t count)
{
    outcome_discard(d);
    part_choose(part, (size_t)count);
    part->state = PART_RAN;
}

/* The part that the receipt is about, if it is the one at hand. */
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
            (int)shown_key(r).len, shown_key(r).at);
    }
    if (part == NULL)
        return;
    if (verdict == RECEIPT_RAN) {
        on_ran(d, part, d->replies.said.entries - r->acked);
    } else if (verdict == RECEIPT_GONE && part->in_doubt > 0) {
        outcome_discard(d);
        if (id_compare(r->last_id, ID_LEAST) > 0)
            request_last(&d->asked, r); /* on_last() */
        else
            fail_unsure(d, part, r);
    } else if (part->state == PART_IN_DOUBT) {
        flight_send_again(part, true);
    }
    if (verdict == RECEIPT_BEHIND)
        part->in_doubt = 0; /* it came after what is lost */
}

/* Whether the entry acknowledged last is still there was answered; of an open receipt, because it
 * is gone itself. */
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
    bool last = request_due(&d->asked) == NULL;

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

/* The server refused something for good. */
static void fail(struct delivery *d, struct batch_part *part, const struct request_error *t)
{
    if (t->part && t->entry != t->part->first) {
        t->part->refused = t->entry; /* without it, what is before it can be added */
    } else if (t->bookkeeping && part && is_guarded(d, part) && part->in_doubt == 0) {
        d->plain = true;
        d->why_plain = t->why;
        session_reconnect(d->session); /* perhaps MULTI was taken, and EXEC was not */
    } else {
        d->failure = t->why;
        d->line = t->line;
    }
}

/* A transaction was on its way when the connection died: perhaps it died of its size. */
static void suspect_size(struct delivery *d, struct batch_part *part)
{
    if (part->state != PART_IN_FLIGHT && part->state != PART_QUEUED)
        return;
    size_failed(&d->size, part->count, true);
    if (outcome_is_plain(d, part) || part->count > 1
        || batch_command(part->batch, part->first).len <= DEADLY_BYTES
        || ++part->deaths < MOST_DEATHS)
        return; /* only where it was queued did the server answer something before */
    d->line = part->batch->entries.at[part->first].line;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: the server closed %d connections on line %zu without an error: it is too large",
        (int)shown(part).len, shown(part).at, MOST_DEATHS, d->line);
}

/* What is asked next goes to another connection, and perhaps to a server that lacks something. */
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
        return 0; /* it will be asked again when there is something to send */
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

    request_forget(&d->asked);
    d->replies.error = (struct request_error){0};
    if (now)
        suspect_size(d, now);
    lose_server(d);
    if (t.why.code != EXIT_DONE && t.why.kind == ERR_FINAL)
        fail(d, now, &t); /* and not that the server then closed */
}
