#include "cmd/send_outcome.h"

#include <inttypes.h>

/* An entry of more than this is refused once this many connections have died of it alone. */
enum { MOST_DEATHS = 3, DEADLY_BYTES = 64 * 1024 };

bool outcome_is_plain(const struct delivery *d, struct piece c)
{
    return d->plain || c.part->plain;
}

/* Whether the part goes under a guard. */
static bool is_guarded(const struct delivery *d, struct piece c)
{
    return !d->set->keep_ids && !outcome_is_plain(d, c);
}

static bool is_good(const struct delivery *d)
{
    return d->replies.trouble.why.code == EXIT_DONE;
}

/* For errors: the beginning of the name of a part's room, and of a receipt's, so that there is
 * space for what else is said. */
static struct span shown(struct piece c)
{
    struct span room = batch_room(c.batch, c.part->first);

    return (struct span){room.at, room.len < 64 ? room.len : 64};
}

static struct span shown_key(const struct receipt *r)
{
    return (struct span){r->key.data, r->key.len < 200 ? r->key.len : 200};
}

struct receipt *outcome_receipt(struct delivery *d, struct piece c)
{
    int slot = d->flight.by_slot ? c.part->slot : -1;
    struct receipt *r;

    if (outcome_is_plain(d, c) || (d->set->keep_ids && d->set->replicas == 0))
        return NULL;
    r = guards_receipt(&d->guards, slot, batch_room(c.batch, c.part->first));
    if (r || d->set->keep_ids)
        return r;
    c.part->plain = true;
    if (!d->reported)
        err_set(&d->no_promise, EXIT_REFUSED, "%.*s: CROSSSLOT: no key can lie beside this name",
            (int)shown(c).len, shown(c).at);
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
static void acknowledge(struct delivery *d, struct piece c)
{
    if (is_guarded(d, c))
        receipt_acknowledge(outcome_receipt(d, c), c.batch, c.part);
    c.part->state = PART_COPIED;
    c.part->in_doubt = c.part->deaths = 0;
    d->guards.evicted = 0;
    session_fine(d->session);
    if (d->no_promise.code == EXIT_DONE || d->reported)
        return;
    err_say(ERR_NOTICE, "%s; sending without what keeps a lost connection from doubling messages",
        d->no_promise.text);
    d->reported = true;
}

/* The server has it. */
static void add(struct delivery *d, struct piece c)
{
    if (!is_good(d))
        return;
    c.part->state = PART_ADDED;
    if (d->set->replicas == 0)
        acknowledge(d, c);
}

void outcome_finish(struct delivery *d, struct piece c)
{
    c.part->first = batch_find(c.batch, c.part->first, ENTRY_OUT);
    c.part->state = c.part->first == BATCH_NO_ENTRY ? PART_IN : PART_READY;
    if (c.part->state == PART_READY || !flight_advance(&d->flight))
        return;
    batch_settle(c.batch, d->set, d->out, d->done);
    flight_release(&d->flight);
}

/*
 * A command of a transaction that ran was refused: an XADD, or what writes the receipt, as the
 * script of -i is when memory runs out at that moment. EXEC's reply shows which entries are in; the
 * receipt does not count them, or counts others too, so that what is left goes under a new one.
 */
static void outlive_receipt(struct delivery *d, struct piece c)
{
    struct receipt *r = outcome_receipt(d, c);

    c.part->state = PART_READY;
    c.part->in_doubt = 0;
    outcome_discard(d);
    guards_drop(&d->guards);
    if (r)
        request_delete(&d->asked, r);
}

/* EXEC was answered. */
static void on_exec(struct delivery *d, struct piece c)
{
    if (!d->replies.ran) {
        c.part->state = PART_READY;
        return;
    }
    if (!is_good(d)) {
        outlive_receipt(d, c);
        return;
    }
    size_succeeded(&d->size);
    d->resuming = d->replies.too_old > 0;
    if (d->resuming)
        c.part->state = PART_TOO_OLD;
    else
        add(d, c);
}

/* XADDs by themselves were answered: what was refused among them is sent again. */
static void on_plain(struct delivery *d, struct piece c)
{
    bool all = batch_find(c.batch, c.part->first, ENTRY_OUT) > c.part->end;

    c.part->state = all ? PART_ADDED : PART_READY;
    if (all && d->set->replicas == 0)
        acknowledge(d, c);
}

/* WAIT was answered, about a part or the opening of a receipt. */
static void on_wait(struct delivery *d, struct piece c, struct receipt *r)
{
    bool enough = d->replies.copies >= d->set->replicas;
    struct err *why = &d->replies.trouble.why;

    if (c.part == NULL)
        r->state = enough ? RECEIPT_OPENING : RECEIPT_ALONE; /* until GET shows that it is there */
    else if (enough && c.part->state == PART_ADDED)
        acknowledge(d, c);
    if (enough || !is_good(d))
        return;
    err_set(why, EXIT_FAILED, "%lld of %" PRId64 " replicas have what was sent", d->replies.copies,
        d->set->replicas);
    why->kind = ERR_TRANSIENT;
}

/* The rooms were probed for what is in by its receipt, and its IDs asked for. */
static void on_verified(struct delivery *d, struct piece c)
{
    size_t line, unknown = batch_mark_verified(c.batch, c.part, &line);

    if (d->set->ids && unknown > 0)
        err_say(ERR_ALWAYS,
            "the IDs of %zu messages, from line %zu on, are not known: the answer was lost, and "
            "they were deleted or trimmed since",
            unknown, line);
    add(d, c);
}

/* What the rooms hold under IDs that were too old was answered. */
static void on_held(struct delivery *d, struct piece c, bool below)
{
    uint32_t missing = batch_find(c.batch, c.part->first, ENTRY_TOO_OLD);

    if (!is_good(d))
        return;
    if (missing == BATCH_NO_ENTRY)
        add(d, c);
    else if (!below && (d->set->maxlen || d->set->maxage))
        request_held(&d->asked, c, true);
    else
        replies_not_held(&d->replies, c.batch, missing);
}

/* --- what the receipt shows ------------------------------------------------------------------ */

static void fail_unsure(struct delivery *d, struct piece c, const struct receipt *r)
{
    d->unsure = true;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: lines %zu and after may be in or not: the connection was lost before the answer, "
        "and the receipt %.*s was evicted or has expired",
        (int)shown(c).len, shown(c).at, c.batch->entries[c.part->first].line, (int)shown_key(r).len,
        shown_key(r).at);
}

/* The first `count` entries that were in doubt are in, if each XADD worked. */
static void on_ran(struct delivery *d, struct piece c, uint64_t count)
{
    outcome_discard(d);
    batch_choose(c.batch, c.part, (size_t)count);
    c.part->state = PART_FOUND;
}

/* The part that the receipt is about, if it is the one at hand. */
static struct piece part_under(struct delivery *d, const struct receipt *r)
{
    struct piece c = flight_now(&d->flight);

    if (c.part && outcome_receipt(d, c) != r)
        c.part = NULL;
    return c;
}

static void on_get(struct delivery *d, struct receipt *r)
{
    struct piece c = part_under(d, r);
    enum receipt_verdict verdict;

    if (!is_good(d))
        return;
    verdict = guards_on_get(&d->guards, r, c.part ? c.part->in_doubt : 0);
    if (verdict == RECEIPT_FOREIGN) {
        d->unsure = true;
        err_set(&d->failure, EXIT_FAILED, "the receipt %.*s was written by somebody else",
            (int)shown_key(r).len, shown_key(r).at);
    }
    if (c.part == NULL)
        return;
    if (verdict == RECEIPT_RAN) {
        on_ran(d, c, d->replies.said.entries - r->acked);
    } else if (verdict == RECEIPT_GONE && c.part->in_doubt > 0) {
        outcome_discard(d);
        if (id_compare(r->last_id, ID_LEAST) > 0)
            request_last(&d->asked, r); /* on_last() */
        else
            fail_unsure(d, c, r);
    } else if (c.part->state == PART_IN_DOUBT) {
        flight_send_again(c, true);
    }
    if (verdict == RECEIPT_BEHIND)
        c.part->in_doubt = 0; /* it came after what is lost */
}

/* Whether the entry acknowledged last is still there was answered; of an open receipt, because it
 * is gone itself. */
static void on_last(struct delivery *d, struct receipt *r)
{
    struct piece c = part_under(d, r);

    if (r->state == RECEIPT_OPEN && c.part && c.part->in_doubt > 0)
        fail_unsure(d, c, r);
    guards_on_last(&d->guards, r);
}

/* --- replies --------------------------------------------------------------------------------- */

void outcome_answered(struct delivery *d, const struct expected *e)
{
    struct piece c = e->of;
    bool last = request_due(&d->asked) == NULL;

    if (is_good(d) && (e->what == EXPECT_GET || (e->what == EXPECT_PROMISE && last)))
        guards_on_proof(&d->guards);
    switch (e->what) {
    case EXPECT_EXEC: on_exec(d, c); break;
    case EXPECT_WAIT: on_wait(d, c, e->receipt); break;
    case EXPECT_GET: on_get(d, e->receipt); break;
    case EXPECT_LAST: on_last(d, e->receipt); break;
    case EXPECT_PROBE: on_verified(d, c); break;
    case EXPECT_HELD:
    case EXPECT_BELOW: on_held(d, c, e->what == EXPECT_BELOW); break;
    case EXPECT_XADD: on_plain(d, c); break;
    case EXPECT_TRIMMED:
        if (is_good(d) && last)
            flight_now(&d->flight).part->state = PART_IN;
        break;
    default: break;
    }
}

/* The server refused something for good. */
static void fail(struct delivery *d, struct piece c, const struct trouble *t)
{
    if (t->part && t->entry != t->part->first) {
        t->part->refused = t->entry; /* without it, what is before it can be added */
    } else if (t->promise && c.part && is_guarded(d, c) && c.part->in_doubt == 0) {
        d->plain = true;
        d->no_promise = t->why;
        session_renew(d->session); /* perhaps MULTI was taken, and EXEC was not */
    } else {
        d->failure = t->why;
        d->line = t->line;
    }
}

/* A transaction was on its way when the connection died: perhaps it died of its size. */
static void suspect_size(struct delivery *d, struct piece c)
{
    struct batch_part *part = c.part;

    if (part->state != PART_IN_FLIGHT && part->state != PART_QUEUED)
        return;
    size_failed(&d->size, part->count, true);
    if (outcome_is_plain(d, c) || part->count > 1
        || batch_command(c.batch, part->first).len <= DEADLY_BYTES || ++part->deaths < MOST_DEATHS)
        return; /* only where it was queued did the server answer something before */
    d->line = c.batch->entries[part->first].line;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: the server has closed %d connections on line %zu without a word: it is too large",
        (int)shown(c).len, shown(c).at, MOST_DEATHS, d->line);
}

/* What is asked next goes to another connection, and perhaps to a server that lacks something. */
static void lose_server(struct delivery *d)
{
    struct piece sent[2];

    for (size_t i = 0, n = flight_sent(&d->flight, sent); i < n; i++)
        flight_lose(
            sent[i], is_guarded(d, sent[i]), !outcome_is_plain(d, sent[i]) || d->set->replicas);
    guards_lose_server(&d->guards);
}

int outcome_recover(struct delivery *d, struct piece c, struct err *e)
{
    struct trouble t = d->replies.trouble;

    d->replies.trouble = (struct trouble){0};
    guards_drop_connection(&d->guards);
    if (t.why.kind == ERR_RECONNECT || t.why.kind == ERR_MOVED)
        lose_server(d);
    if (c.part == NULL && !d->guards.unchecked)
        return 0; /* it will be asked again when there is something to send */
    flight_finish_parts(&d->flight);
    if (t.crossed && !d->flight.by_slot) {
        flight_divide_by_slot(&d->flight, d->set, d->session);
    } else if (t.why.kind == ERR_FINAL) {
        fail(d, c, &t);
    } else {
        if (t.full && c.part)
            size_failed(&d->size, c.part->count, false);
        return session_refused(d->session, &t.why, e);
    }
    return 0;
}

void outcome_lose_connection(struct delivery *d)
{
    struct piece now = flight_now(&d->flight);
    struct trouble t = d->replies.trouble;

    request_forget(&d->asked);
    d->replies.trouble = (struct trouble){0};
    if (now.part)
        suspect_size(d, now);
    lose_server(d);
    if (t.why.code != EXIT_DONE && t.why.kind == ERR_FINAL)
        fail(d, now, &t); /* and not that the server then closed */
}
