/*
 * A batch is one transaction that also writes a receipt, and the guard of the next one rides behind
 * it in the same round trip:
 *
 *     MULTI  XADD ...  SET receipt "n line"  EXEC  [WAIT]   WATCH receipt  GET receipt
 *     `---------------- batch n ----------------'           `---- arms batch n+1 ----'
 *
 * The rule: EXEC of batch n+1 is sent only after WATCH and GET were answered on this very
 * connection, and GET told of exactly the entries before it. What comes before EXEC may be queued
 * at the server earlier; if GET tells of something else, DISCARD ends it.
 *
 * Why that adds each entry once, and in order. Every batch that runs writes the receipt. An EXEC
 * that succeeds proves that nobody has written it since its WATCH, and GET, which came behind that
 * WATCH, that it stood at n. So batch n+1 runs only behind batch n, and at most once: a copy of it
 * that arrives late, from a connection that died, has an older WATCH, and whichever copy runs first
 * makes the others fail. After a connection died, GET on the next one tells whether the batch that
 * was in flight is in: the receipt stands at n, or counts it as well; nothing else can be a receipt
 * of ours. A transaction is queued whole or not run at all: a command that is refused, out of
 * memory and the like, makes EXEC fail; and so does a receipt that has expired, was evicted, or is
 * a new master's (the documentation of Redis, "Transactions").
 *
 * A receipt is opened before it is used: if it is missing ever after, it was evicted or lost, and
 * nobody takes that for a batch that never ran. An opening that was not answered is not repeated:
 * it could come late, and bring back an evicted receipt; the next one has a new name. EXEC and
 * DISCARD clear every WATCH of a connection, so at most one guard stands on each. That a
 * transaction ran does not say that each XADD in it worked: that is read from EXEC's reply, or
 * asked (request_verify) when the receipt is all that tells of it.
 *
 * Exceptions. With -k each entry's ID is its receipt: the transaction has no guard, and what was
 * too old is compared with what the room holds. With --at-least-once, and where transactions are
 * not possible, the same batch goes without MULTI, SET and EXEC: XADDs whose answer was lost are
 * sent twice, and after a temporary refusal later entries may have overtaken the one refused.
 */
#include "cmd/send_delivery.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/send_flight.h"
#include "cmd/send_reply.h"
#include "cmd/send_request.h"
#include "cmd/send_step.h"
#include "common/route.h"
#include "common/wait.h"

/* An entry is refused when so many connections have died of it alone, if it is so large. */
enum { MOST_DEATHS = 3, DEADLY_BYTES = 64 * 1024 };

/* How long the server has to say that it has deleted the receipts. */
enum { CLOSING_MS = 1000 };

struct delivery {
    const struct send_settings *set;
    struct session *session;
    int64_t retry;
    struct out *out;
    struct progress *done;

    struct flight flight;
    struct batch_size size;
    struct requests asked;
    struct replies replies;
    bool plain;            /* XADDs go by themselves */
    struct err no_promise; /* why, until that is said */
    bool resuming;         /* the last transaction held IDs that the rooms have (-k) */

    struct receipt *receipts[ROUTE_SLOTS + 1]; /* by hash slot; the last one serves for all */
    struct receipt *guarded;                   /* the one that the guard is about */
    enum guard guard;
    bool proven;      /* this connection has shown that transactions are allowed */
    int64_t asked_at; /* wait_now() when that was asked */
    unsigned evicted; /* receipts, one after the other, with no transaction in between */

    struct err failure; /* for good: nothing more is sent */
    size_t line;        /* that it is about, or 0 */
    bool unsure;        /* it says itself what is not known */
    uint64_t lost;      /* messages that were acknowledged, and lost */
};

static bool is_plain(const struct delivery *d, struct cursor c)
{
    return d->plain || c.part->plain;
}

/* The text of a room, for errors, and its length. */
#define SHOWN(room) (int)((room).len < 64 ? (room).len : 64), (room).data

/* --- receipts and guards --------------------------------------------------------------------- */

/* The receipt that serves for the part; NULL: none does. */
static struct receipt *receipt_of(struct delivery *d, struct cursor c)
{
    struct receipt **r = &d->receipts[d->flight.by_slot ? c.part->slot : ROUTE_SLOTS];

    if (is_plain(d, c) || (d->set->keep_ids && d->set->replicas == 0))
        return NULL;
    if (*r == NULL && (*r = calloc(1, sizeof **r)) == NULL)
        buf_no_memory();
    if ((*r)->state == RECEIPT_NONE
        && receipt_begin(*r, batch_room(c.batch, c.part->first), session_user(d->session), d->retry,
               wait_now(), &d->failure)
               < 0)
        return NULL;
    if (!d->flight.by_slot || receipt_lies_beside(*r))
        return *r;
    c.part->plain = !d->set->keep_ids;
    if (c.part->plain)
        err_set(&d->no_promise, EXIT_REFUSED, "%.*s: CROSSSLOT: no key can lie beside this name",
            SHOWN((*r)->room));
    return NULL;
}

static void forget_guard(struct delivery *d)
{
    d->guard = GUARD_NONE;
    d->guarded = NULL;
}

/* The connection is another one. */
static void forget_connection(struct delivery *d)
{
    forget_guard(d);
    d->proven = false;
    d->asked_at = 0;
}

static void guard(struct delivery *d, struct cursor c)
{
    struct receipt *r = receipt_of(d, c);

    if (r && c.part->in_doubt == 0 && receipt_is_old(r, wait_now())) {
        request_delete(&d->asked, r);
        r = receipt_of(d, c);
    }
    if (r == NULL)
        return;
    if (!d->proven && d->asked_at == 0)
        d->asked_at = wait_now();
    request_guard(&d->asked, r, d->proven);
    d->guarded = r;
    d->guard = GUARD_ASKED;
}

/* Take back what was queued behind MULTI. That clears every WATCH, so no guard stands. */
static void discard(struct delivery *d)
{
    struct cursor parts[] = {flight_now(&d->flight), flight_next(&d->flight, NULL)};
    struct expected *e;

    request_discard(&d->asked, true);
    forget_guard(d);
    for (size_t i = 0; (e = request_nth(&d->asked, i)); i++)
        if (e->what == EXPECT_GET)
            e->what = EXPECT_ANYTHING;
    for (size_t i = 0; i < 2; i++)
        if (parts[i].part && parts[i].part->state == PART_QUEUED)
            parts[i].part->state = PART_READY;
}

/* --- what has come of a transaction ---------------------------------------------------------- */

/* What was sent of the part did not run, or is gone: it is to be sent again. */
static void send_again(const struct delivery *d, struct cursor c)
{
    batch_mark_out(c.batch, c.part, !d->set->keep_ids);
    c.part->state = PART_READY;
}

/* The server has it, and so have as many replicas as are asked for. */
static void acknowledge(struct delivery *d, struct cursor c)
{
    struct receipt *r = d->set->keep_ids ? NULL : receipt_of(d, c);

    if (r)
        receipt_acknowledge(
            r, c.part->count, c.batch->entries[c.part->first].line, c.batch, c.part->end);
    c.part->state = PART_COPIED;
    c.part->in_doubt = 0;
    c.part->deaths = 0;
    d->evicted = 0;
    session_fine(d->session);
    if (d->no_promise.code == EXIT_DONE)
        return;
    err_say(ERR_NOTICE, "%s; sending without what keeps a lost connection from doubling messages",
        d->no_promise.text);
    d->no_promise.code = EXIT_DONE;
}

static void add(struct delivery *d, struct cursor c)
{
    c.part->state = PART_ADDED;
    if (d->set->replicas == 0)
        acknowledge(d, c);
}

/* The part at hand is in, all of it or what was sent of it. */
static void finish(struct delivery *d, struct cursor c)
{
    c.part->first = batch_find(c.batch, c.part->first, ENTRY_OUT);
    if (c.part->first != BATCH_NO_ENTRY) {
        c.part->state = PART_READY;
        return;
    }
    c.part->state = PART_IN;
    if (!flight_advance(&d->flight))
        return;
    batch_settle(c.batch, d->set, d->out, d->done);
    flight_release(&d->flight);
}

/* EXEC was answered. */
static void on_exec(struct delivery *d, struct cursor c)
{
    if (!d->replies.ran) {
        c.part->state = PART_READY;
        return;
    }
    size_succeeded(&d->size);
    d->resuming = d->replies.too_old > 0;
    if (d->resuming)
        c.part->state = PART_TOO_OLD;
    else if (d->replies.trouble.why.code == EXIT_DONE)
        add(d, c);
}

/* XADDs by themselves were answered; with --replicas, that is decided by the answer to WAIT. */
static void on_plain(struct delivery *d, struct cursor c)
{
    if (d->replies.trouble.why.code == EXIT_DONE)
        acknowledge(d, c);
    else
        c.part->state = PART_READY;
}

static void lack_replicas(struct delivery *d, const struct buf *room)
{
    struct err *why = &d->replies.trouble.why;

    if (why->code != EXIT_DONE)
        return;
    err_set(why, EXIT_FAILED, "%.*s: %lld of %" PRId64 " replicas have what was sent", SHOWN(*room),
        d->replies.copies, d->set->replicas);
    why->kind = ERR_PASSING;
}

static void on_wait(struct delivery *d, struct cursor c, struct receipt *r)
{
    bool enough = d->replies.copies >= d->set->replicas;
    struct buf room = r ? r->room : (struct buf){0};

    if (c.part == NULL) {
        r->state = enough ? RECEIPT_OPEN : RECEIPT_ALONE;
    } else {
        struct entry_bytes name = batch_room(c.batch, c.part->first);

        room = (struct buf){(char *)(uintptr_t)name.at, name.len, 0};
        if (is_plain(d, c) && !enough)
            send_again(d, c);
        else if (is_plain(d, c))
            on_plain(d, c);
        else if (enough && c.part->state == PART_ADDED)
            acknowledge(d, c);
    }
    if (!enough)
        lack_replicas(d, &room);
}

/* Whether the rooms of what the receipt says is in took it was asked, and perhaps for its IDs. */
static void on_verified(struct delivery *d, struct cursor c)
{
    size_t unknown = 0, line = 0;

    for (uint32_t at = c.part->first, n = 0; n < c.part->count;
         n++, at = c.batch->entries[at].next) {
        struct batch_entry *e = &c.batch->entries[at];

        if (c.batch->rooms[e->room].entry != BATCH_NO_ENTRY)
            continue;
        e->state = ENTRY_IN;
        if (d->set->ids && id_compare(e->id, ID_LEAST) == 0 && unknown++ == 0)
            line = e->line;
    }
    if (unknown > 0)
        err_say(ERR_ALWAYS,
            "the IDs of %zu messages, from line %zu on, are not known: the answer was lost, and "
            "they were deleted or trimmed since",
            unknown, line);
    if (d->replies.trouble.why.code == EXIT_DONE)
        add(d, c);
}

/* What the rooms hold under IDs that were too old was told. */
static void on_held(struct delivery *d, struct cursor c, bool below)
{
    uint32_t missing = batch_find(c.batch, c.part->first, ENTRY_TOO_OLD);

    if (d->replies.trouble.why.code != EXIT_DONE)
        return;
    if (missing == BATCH_NO_ENTRY)
        add(d, c);
    else if (!below && (d->set->maxlen || d->set->maxage))
        request_held(&d->asked, c.batch, c.part, true);
    else
        replies_not_held(&d->replies, c.batch, missing);
}

/* --- what the receipt tells ------------------------------------------------------------------ */

static void forget_receipt(struct delivery *d, struct receipt *r)
{
    r->state = RECEIPT_NONE;
    if (d->guarded == r)
        forget_guard(d);
}

/* What was acknowledged is gone, as after a failover to a replica that did not have it yet. */
static void report_loss(
    struct delivery *d, const struct receipt *r, const struct receipt_said *said)
{
    uint64_t lost = r->acked - said->entries;
    size_t from = said->entries > 0 ? said->line + 1 : r->first;

    d->lost += lost;
    d->done->messages -= lost < d->done->messages ? lost : d->done->messages;
    if (from == r->last)
        err_say(ERR_ALWAYS, "%.*s: the server lost a message that it had acknowledged, line %zu",
            SHOWN(r->room), from);
    else
        err_say(ERR_ALWAYS,
            "%.*s: the server lost %" PRIu64 " messages that it had acknowledged, lines %zu to %zu",
            SHOWN(r->room), lost, from, r->last);
}

static void fail_unsure(
    struct delivery *d, struct cursor c, const struct receipt *r, const char *why)
{
    d->unsure = true;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: lines %zu and after may be in or not: the connection was lost before the answer, "
        "and "
        "the receipt %.*s %s",
        SHOWN(r->room), c.part ? c.batch->entries[c.part->first].line : 0, (int)r->key.len,
        r->key.data, why);
}

/* The receipt was evicted: once may happen, but a server that goes on so is full. */
static void on_evicted(struct delivery *d, struct receipt *r)
{
    struct err *why = &d->replies.trouble.why;

    forget_receipt(d, r);
    if (d->evicted++ == 0)
        return;
    err_set(why, EXIT_FAILED, "%.*s: the server is full, and evicts the receipts of what is sent",
        SHOWN(r->room));
    why->kind = ERR_PASSING;
}

/* There is no receipt any more: is what was acknowledged under it gone as well? */
static void on_gone(struct delivery *d, struct cursor c, struct receipt *r)
{
    forget_guard(d);
    if (c.part && c.part->in_doubt > 0) {
        fail_unsure(d, c, r, "was evicted or has expired");
    } else if (r->acked == 0 || id_compare(r->last_id, ID_LEAST) == 0) {
        on_evicted(d, r);
    } else {
        struct cursor now = flight_now(&d->flight), next = flight_next(&d->flight, NULL);

        if ((now.part && now.part->state == PART_QUEUED)
            || (next.part && next.part->state == PART_QUEUED))
            discard(d);
        request_last(&d->asked, r);
    }
}

static void on_last(struct delivery *d, struct receipt *r)
{
    static const struct receipt_said nothing = {0};

    if (d->replies.last == LAST_UNKNOWN)
        err_say(ERR_NOTICE, "%s; it is not known whether what was acknowledged is still there",
            d->replies.unknown.text);
    if (d->replies.last != LAST_GONE) {
        on_evicted(d, r);
        return;
    }
    report_loss(d, r, &nothing);
    forget_receipt(d, r);
}

/* The first so many entries that were in doubt are in: it remains to see that each XADD worked. */
static void on_ran(struct delivery *d, struct cursor c, uint64_t count)
{
    if (c.part->state == PART_ADDED)
        return; /* as was known */
    if (c.part->state == PART_QUEUED)
        discard(d);
    batch_choose(c.batch, c.part, (size_t)count);
    c.part->state = PART_FOUND;
}

/* GET was answered. */
static void on_said(struct delivery *d, struct receipt *r)
{
    const struct receipt_said *said = &d->replies.said;
    struct cursor c = flight_now(&d->flight);
    enum receipt_verdict verdict;

    if (d->replies.trouble.why.code != EXIT_DONE || d->guarded != r)
        return;
    if (c.part && receipt_of(d, c) != r)
        c.part = NULL;
    verdict = receipt_judge(r,
        c.part == NULL                ? 0
        : c.part->state == PART_ADDED ? c.part->count
                                      : c.part->in_doubt,
        said);
    d->guard = GUARD_STANDS;
    if (verdict == RECEIPT_GONE) {
        on_gone(d, c, r);
        return;
    }
    if (verdict == RECEIPT_FOREIGN) {
        fail_unsure(d, c, r, "was written by somebody else");
        return;
    }
    if (verdict == RECEIPT_BEHIND) {
        report_loss(d, r, said);
        forget_receipt(d, r);
    } else if (r->state == RECEIPT_OPENING) {
        r->state = RECEIPT_OPEN;
    }
    if (verdict == RECEIPT_RAN)
        on_ran(d, c, said->entries - r->acked);
    else if (c.part && (c.part->state == PART_IN_DOUBT || c.part->state == PART_ADDED))
        send_again(d, c);
    if (c.part && verdict == RECEIPT_BEHIND)
        c.part->in_doubt = 0; /* it came after what is lost */
}

/* --- replies --------------------------------------------------------------------------------- */

/* This connection has shown that transactions are allowed, and how far away the server is. */
static void on_proven(struct delivery *d)
{
    int64_t took = wait_now() - d->asked_at, login = link_distance(session_link(d->session));

    d->proven = true;
    d->size.distance = took < login ? took : login;
}

/* The last reply of an expectation was told whole. */
static void on_answered(struct delivery *d, const struct expected *e)
{
    struct cursor c = {e->batch, e->part};
    bool good = d->replies.trouble.why.code == EXIT_DONE;

    if (good && !d->proven && d->asked_at
        && (e->what == EXPECT_GET || (d->set->keep_ids && request_due(&d->asked) == NULL)))
        on_proven(d);
    switch (e->what) {
    case EXPECT_EXEC: on_exec(d, c); break;
    case EXPECT_XADD:
        if (d->set->replicas == 0)
            on_plain(d, c);
        break;
    case EXPECT_WAIT: on_wait(d, c, e->receipt); break;
    case EXPECT_GET: on_said(d, e->receipt); break;
    case EXPECT_LAST: on_last(d, e->receipt); break;
    case EXPECT_PROBE: on_verified(d, c); break;
    case EXPECT_HELD:
    case EXPECT_BELOW: on_held(d, c, e->what == EXPECT_BELOW); break;
    case EXPECT_TRIMMED:
        if (good && request_due(&d->asked) == NULL)
            flight_now(&d->flight).part->state = PART_IN;
        break;
    default: break;
    }
}

/* Where MULTI was refused, the XADDs behind it ran by themselves: perhaps all of the part is in. */
static void finish_if_in(struct cursor c)
{
    if (c.part && c.part->state == PART_READY
        && batch_find(c.batch, c.part->first, ENTRY_OUT) == BATCH_NO_ENTRY)
        c.part->state = PART_IN;
}

/* The server refused something for good. */
static void fail(struct delivery *d, struct cursor c, const struct trouble *t)
{
    if (t->part && t->entry != t->part->first) {
        t->part->refused = t->entry; /* without it, what is before it can be added */
    } else if (t->promise && !d->plain && !d->set->keep_ids && (!c.part || c.part->in_doubt == 0)) {
        d->plain = true;
        d->no_promise = t->why;
        if (session_up(d->session))
            request_discard(&d->asked, false); /* perhaps MULTI was taken, and EXEC was not */
    } else {
        d->failure = t->why;
        d->line = t->line;
    }
}

/* All replies have come, and there was an error among them. */
static int recover(struct delivery *d, struct cursor c, struct err *e)
{
    struct trouble t = d->replies.trouble;

    d->replies.trouble = (struct trouble){0};
    forget_connection(d);
    finish_if_in(c);
    finish_if_in(flight_next(&d->flight, NULL));
    if (t.crossed && !d->flight.by_slot) {
        flight_divide_by_slot(&d->flight, d->set, d->session);
    } else if (t.why.kind == ERR_FINAL) {
        fail(d, c, &t);
    } else if (c.part) {
        if (t.full)
            size_failed(&d->size, c.part->count, false);
        return session_refused(d->session, &t.why, e);
    }
    return 0;
}

/* The connection died while the part was on its way. */
static void lose_part(struct delivery *d, struct cursor c)
{
    struct batch_part *part = c.part;
    bool exact = !is_plain(d, c) && !d->set->keep_ids;

    switch (part->state) {
    case PART_IN_FLIGHT:
        if (part->in_doubt < part->count)
            part->in_doubt = part->count;
        if (!is_plain(d, c) || d->set->replicas)
            send_again(d, c); /* a reply that was told in part is void */
        part->state = exact ? PART_IN_DOUBT : PART_READY;
        break;
    case PART_ADDED:
    case PART_FOUND: /* of whose IDs, some may have been told */
        batch_mark_out(c.batch, part, part->state == PART_FOUND);
        if (part->in_doubt < part->count)
            part->in_doubt = part->count;
        part->state = exact ? PART_IN_DOUBT : PART_READY;
        break;
    case PART_TOO_OLD: send_again(d, c); break;
    case PART_QUEUED: part->state = PART_READY; break;
    default: break;
    }
}

/* A transaction was on its way: perhaps the connection died of its size. */
static void suspect_size(struct delivery *d, struct cursor c)
{
    struct batch_part *part = c.part;
    struct entry_bytes room, entry;

    if (part->state != PART_IN_FLIGHT && part->state != PART_QUEUED)
        return;
    size_failed(&d->size, part->count, true);
    entry = batch_command(c.batch, part->first);
    if (part->count > 1 || entry.len <= DEADLY_BYTES || (!d->proven && !is_plain(d, c))
        || ++part->deaths < MOST_DEATHS)
        return;
    room = batch_room(c.batch, part->first);
    d->line = c.batch->entries[part->first].line;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: the server has closed %d connections on line %zu without a word: it is too large",
        (int)(room.len < 64 ? room.len : 64), room.at, MOST_DEATHS, d->line);
}

/* What the connection owed is to be asked for again on the next one. */
static void lose_connection(struct delivery *d)
{
    struct cursor now = flight_now(&d->flight), next = flight_next(&d->flight, NULL);
    struct trouble t = d->replies.trouble;

    request_forget(&d->asked);
    d->replies.trouble = (struct trouble){0};
    if (now.part)
        suspect_size(d, now);
    if (now.part)
        lose_part(d, now);
    if (next.part)
        lose_part(d, next);
    for (size_t i = 0; i <= ROUTE_SLOTS; i++)
        if (d->receipts[i] && d->receipts[i]->state == RECEIPT_OPENING)
            d->receipts[i]->state = RECEIPT_NONE;
    forget_connection(d);
    if (t.why.code != EXIT_DONE && t.why.kind == ERR_FINAL)
        fail(d, now, &t); /* and not that the server then closed */
}

static int take_replies(struct delivery *d, struct err *e)
{
    for (;;) {
        int told = session_reply(d->session, replies_item, &d->replies, e);
        struct expected *due = request_due(&d->asked), answered;

        if (told == SESSION_BROKEN)
            lose_connection(d);
        if (told != 1)
            return told < 0 ? -1 : 0;
        if (due == NULL)
            continue;
        answered = *due;
        if (request_answered(&d->asked))
            on_answered(d, &answered);
    }
}

/* --- what comes next ------------------------------------------------------------------------- */

/* Whether the part behind may be sent before the one at hand is answered. */
static bool may_go_ahead(const struct delivery *d, struct cursor now, struct cursor next)
{
    return now.part->whole && d->size.limit == 0 && d->set->maxage == 0 && !d->resuming
           && !session_asking(d->session) && is_plain(d, now) == is_plain(d, next);
}

static struct step_facts facts(struct delivery *d, struct cursor now, struct cursor next)
{
    struct step_facts f = {
        .up = session_up(d->session),
        .owed = request_due(&d->asked) != NULL,
        .trouble = d->replies.trouble.why.code != EXIT_DONE,
        .proven = d->proven,
        .unguarded = d->set->keep_ids,
        .trims = d->set->maxage > 0,
    };

    if (now.part == NULL)
        return f;
    f.now = now.part->state;
    f.plain = is_plain(d, now);
    f.guard = d->guarded && d->guarded == receipt_of(d, now) ? d->guard : GUARD_NONE;
    if (next.part && (next.part->state == PART_QUEUED || may_go_ahead(d, now, next)))
        f.next = next.part->state;
    return f;
}

/* Send the transaction up to EXEC, `before` entries behind what was acknowledged. */
static void queue(struct delivery *d, struct cursor c, uint64_t before)
{
    batch_choose(c.batch, c.part, size_of_transaction(&d->size));
    request_queue(&d->asked, c.batch, c.part, receipt_of(d, c), before);
    c.part->state = PART_QUEUED;
}

static void queue_next(struct delivery *d, struct cursor now, struct cursor next)
{
    queue(d, next, receipt_of(d, now) == receipt_of(d, next) ? now.part->count : 0);
}

static void commit(struct delivery *d, struct cursor now, struct cursor next)
{
    request_commit(&d->asked, now.batch, now.part, receipt_of(d, now));
    now.part->state = PART_IN_FLIGHT;
    forget_guard(d);
    if (d->set->keep_ids)
        return;
    if (!now.part->whole || flight_next(&d->flight, NULL).part == NULL)
        guard(d, now); /* for what is left of it, or comes later */
    else if (next.part && !is_plain(d, next))
        guard(d, next);
}

static void add_plain(struct delivery *d, struct cursor c)
{
    batch_choose(c.batch, c.part, session_asking(d->session) ? 1 : size_of_transaction(&d->size));
    request_add(&d->asked, c.batch, c.part);
    c.part->state = PART_IN_FLIGHT;
}

static void verify(struct delivery *d, struct cursor c)
{
    bool known = !d->set->ids || id_compare(c.batch->entries[c.part->end].id, ID_LEAST) > 0;

    request_verify(
        &d->asked, c.batch, c.part, receipt_of(d, c), known ? ID_LEAST : d->replies.said.id);
}

static void trim(struct delivery *d, struct cursor c)
{
    request_trim(&d->asked, c.batch);
    if (request_due(&d->asked) == NULL)
        c.part->state = PART_IN; /* there is nothing so old */
}

static int take_step(
    struct delivery *d, enum step step, struct cursor now, struct cursor next, struct err *e)
{
    switch (step) {
    case STEP_WAIT: break;
    case STEP_PROVE:
        d->asked_at = wait_now();
        request_prove(&d->asked);
        break;
    case STEP_GUARD: guard(d, now); break;
    case STEP_QUEUE: queue(d, now, 0); break;
    case STEP_QUEUE_NEXT: queue_next(d, now, next); break;
    case STEP_COMMIT: commit(d, now, next); break;
    case STEP_DISCARD: discard(d); break;
    case STEP_ADD: add_plain(d, now); break;
    case STEP_ADD_NEXT: add_plain(d, next); break;
    case STEP_VERIFY: verify(d, now); break;
    case STEP_LOOK_UP: request_held(&d->asked, now.batch, now.part, false); break;
    case STEP_RENEW:
        request_renew(&d->asked, now.batch, now.part, receipt_of(d, now));
        forget_guard(d); /* it watches what is written there */
        break;
    case STEP_TRIM: trim(d, now); break;
    case STEP_FINISH: finish(d, now); break;
    case STEP_RECOVER: return recover(d, now, e);
    }
    return 0;
}

int delivery_serve(struct delivery *d, struct err *e)
{
    enum step step = STEP_FINISH;

    if (take_replies(d, e) < 0)
        return -1;
    while (step != STEP_WAIT && d->failure.code == EXIT_DONE) {
        struct cursor now = flight_now(&d->flight), next;
        struct step_facts known;

        if (now.part && now.part->slot >= 0 && request_due(&d->asked) == NULL
            && session_use_slot(d->session, now.part->slot))
            forget_connection(d);
        next = flight_next(&d->flight, d->session);
        known = facts(d, now, next);
        step = step_next(&known);
        if (take_step(d, step, now, next, e) < 0)
            return -1;
    }
    if (!delivery_is_busy(d) && !delivery_is_owed(d) && session_up(d->session))
        session_fine(d->session);
    return 0;
}

/* --- for the loop ---------------------------------------------------------------------------- */

struct delivery *delivery_new(const struct send_settings *set, struct session *session,
    int64_t retry, struct out *out, struct progress *done)
{
    struct delivery *d = calloc(1, sizeof *d);

    if (d == NULL)
        buf_no_memory();
    d->set = d->asked.set = d->replies.set = set;
    d->session = d->asked.session = session;
    d->replies.asked = &d->asked;
    d->retry = retry;
    d->out = out;
    d->done = done;
    d->plain = set->at_least_once;
    session_keep_links(session);
    return d;
}

struct send_batch *delivery_batch(struct delivery *d)
{
    return flight_batch(&d->flight, flight_size(&d->flight));
}

struct batch_limit delivery_limit(const struct delivery *d)
{
    struct batch_size size = d->size;

    size.in_parts = session_in_cluster(d->session) || d->flight.by_slot;
    return size_limit(&size);
}

bool delivery_take(struct delivery *d, bool ended)
{
    struct send_batch *b = delivery_batch(d);

    if (d->failure.code != EXIT_DONE || (b->n == 0 && b->echo.len == 0))
        return false;
    if (delivery_is_busy(d) && (b->n == 0 || (!ended && !batch_full(b, delivery_limit(d)))))
        return false;
    if (b->n > 0)
        return flight_take(&d->flight, d->set, d->session);
    batch_settle(b, d->set, d->out, d->done); /* skipped lines, for -T */
    return true;
}

bool delivery_is_busy(const struct delivery *d)
{
    return flight_size(&d->flight) > 0;
}

bool delivery_is_owed(const struct delivery *d)
{
    return d->asked.n > 0;
}

const struct err *delivery_failure(const struct delivery *d)
{
    return &d->failure;
}

uint64_t delivery_lost(const struct delivery *d)
{
    return d->lost;
}

static bool part_in_doubt(const struct send_batch *b, size_t entry)
{
    for (size_t i = b->at; i < b->n_parts; i++)
        if (b->parts[i].first == entry)
            return b->parts[i].in_doubt > 0;
    return false;
}

size_t delivery_undelivered(struct delivery *d, bool *in_doubt)
{
    const struct send_batch *b;
    size_t line = d->unsure ? 0 : d->line;

    *in_doubt = false;
    for (size_t n = 0; (b = flight_batch(&d->flight, n)) && !d->unsure; n++) {
        size_t at = batch_undelivered(b);

        if (at == b->n)
            continue;
        if (line > 0 && line <= b->entries[at].line)
            break;
        *in_doubt = part_in_doubt(b, at);
        return b->entries[at].line;
    }
    return line;
}

/* Wait for the answers to what was asked last, so that it reaches the server; not for long. */
static void finish_asking(struct delivery *d, int64_t deadline)
{
    while (delivery_is_owed(d) && session_finish(d->session, deadline))
        request_answered(&d->asked);
    request_forget(&d->asked);
}

/* So that late copies of transactions, which watch them, fail for good. */
static void delete_receipts(struct delivery *d)
{
    int64_t deadline = wait_now() + CLOSING_MS;
    int node = 0;

    for (int i = 0; i <= ROUTE_SLOTS; i++) {
        struct receipt *r = d->receipts[i];

        if (r == NULL || r->state < RECEIPT_OPENING)
            continue;
        if (i < ROUTE_SLOTS && session_node(d->session, i) != node) {
            finish_asking(d, deadline);
            session_use_slot(d->session, i);
            node = session_node(d->session, i);
        }
        if (session_up(d->session))
            request_delete(&d->asked, r);
    }
    finish_asking(d, deadline);
}

void delivery_close(struct delivery *d)
{
    struct send_batch *b;

    if (session_up(d->session) && flight_now(&d->flight).part)
        discard(d);
    for (size_t n = 0; n < flight_size(&d->flight); n++) {
        b = flight_batch(&d->flight, n);
        for (size_t i = b->at; i < b->n_parts; i++)
            if (b->parts[i].state == PART_ADDED) /* but the replicas do not have it */
                batch_mark_out(b, &b->parts[i], false);
        batch_settle(b, d->set, d->out, d->done);
    }
    out_flush(d->out);
    delete_receipts(d);
}

void delivery_free(struct delivery *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i <= ROUTE_SLOTS; i++) {
        if (d->receipts[i])
            receipt_free(d->receipts[i]);
        free(d->receipts[i]);
    }
    flight_free(&d->flight);
    request_free(&d->asked);
    replies_free(&d->replies);
    free(d);
}
