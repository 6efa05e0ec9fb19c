/*
 * How each entry gets into its room once and in order, and why that holds.
 *
 * A batch is one transaction that also writes a receipt. The guard for the next batch rides behind
 * it in the same round trip:
 *
 *     MULTI  XADD ...  SET receipt "n line"  EXEC  [WAIT]   WATCH receipt  GET receipt
 *     `---------------- batch n ----------------'           `--- arms batch n+1 ---'
 *
 * The rule: EXEC of batch n+1 is sent only after WATCH and GET were answered on this very
 * connection, and GET returned exactly the number of entries before it. What comes before EXEC may
 * be queued at the server earlier. If GET returns anything else, DISCARD ends the transaction.
 *
 * Every batch that runs writes the receipt. An EXEC that succeeds proves that nobody has written it
 * since its WATCH; GET, which came behind that WATCH, proves that it stood at n. So batch n+1 runs
 * only behind batch n, and at most once: a late copy of it, from a connection that died, has an
 * older WATCH, and whichever copy runs first makes all others fail. When a connection dies, GET on
 * the next one shows whether the batch in flight is in: the receipt either stands at n or counts
 * that batch too. The batch stays in doubt until something later is acknowledged, since a late copy
 * may still run. Queueing is all or nothing: a command that is refused (out of memory and the like)
 * makes EXEC fail, and so does a receipt that has expired or was evicted (Redis documentation,
 * "Transactions").
 *
 * A receipt is opened before it is used. If it is missing ever after, it was evicted or lost, and
 * nobody takes that for a batch that never ran. An opening that was not answered is never repeated,
 * because it could arrive late and bring back an evicted receipt at 0: the next connection opens a
 * new random name. A failover may lose a receipt together with entries that were acknowledged under
 * it, so each opening also checks, on the same connection, that the entry acknowledged last is
 * still there; and after a lost connection that is checked for receipts that nothing more is sent
 * under. EXEC and DISCARD clear every WATCH of a connection, so at most one guard stands on each.
 *
 * That a transaction ran does not mean that each XADD in it worked: WRONGTYPE fails alone. EXEC's
 * reply shows that, and where that reply was lost, the rooms are probed (request_verify).
 *
 * Exceptions. With -k each entry's ID is its own receipt: the transaction has no guard, and an
 * entry whose ID is too old is compared with what the room holds. With --at-least-once, and where
 * transactions are not possible, the same batch goes without MULTI, SET and EXEC: XADDs whose reply
 * was lost are sent twice, and after a temporary refusal later entries may have overtaken it.
 */
#include "cmd/send_delivery.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/send_flight.h"
#include "cmd/send_guard.h"
#include "cmd/send_reply.h"
#include "cmd/send_request.h"
#include "cmd/send_step.h"
#include "common/wait.h"

/* An entry of more than this is refused once this many connections have died of it alone. */
enum { MOST_DEATHS = 3, DEADLY_BYTES = 64 * 1024 };

struct delivery {
    const struct send_settings *set;
    struct session *session;
    struct out *out;
    struct progress *done;

    struct flight flight;
    struct batch_size size;
    struct requests asked;
    struct replies replies;
    struct guards guards;
    bool plain;            /* XADDs go by themselves */
    struct err no_promise; /* why; reported once */
    bool reported;
    bool resuming; /* the last transaction held IDs that the rooms have (-k) */

    struct err failure; /* for good: nothing more is sent */
    size_t line;        /* that it is about, or 0 */
    bool unsure;        /* it says itself what is not known */
};

static bool is_plain(const struct delivery *d, struct piece c)
{
    return d->plain || c.part->plain;
}

/* Whether the part goes under a guard. */
static bool is_guarded(const struct delivery *d, struct piece c)
{
    return !d->set->keep_ids && !is_plain(d, c);
}

static bool is_good(const struct delivery *d)
{
    return d->replies.trouble.why.code == EXIT_DONE;
}

/* The beginning of the name of a part's room, for errors: its length and its bytes. */
static struct span shown(struct piece c)
{
    struct span room = batch_room(c.batch, c.part->first);

    return (struct span){room.at, room.len < 64 ? room.len : 64};
}

/* The receipt that serves for the part; NULL: none does. */
static struct receipt *receipt_of(struct delivery *d, struct piece c)
{
    int slot = d->flight.by_slot ? c.part->slot : -1;
    struct receipt *r;

    if (is_plain(d, c) || (d->set->keep_ids && d->set->replicas == 0))
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

/* Take back what was queued behind MULTI. That clears every WATCH, so no guard stands. */
static void discard(struct delivery *d)
{
    struct piece parts[] = {flight_now(&d->flight), flight_next(&d->flight, NULL)};
    bool open = false;

    for (size_t i = 0; i < 2; i++)
        if (parts[i].part && parts[i].part->state == PART_QUEUED) {
            parts[i].part->state = PART_READY;
            open = true;
        }
    if (!open)
        return;
    request_discard(&d->asked);
    guards_drop(&d->guards);
}

/* --- what became of a transaction ---------------------------------------------------------- */

/* The server has it, and so have as many replicas as are asked for. */
static void acknowledge(struct delivery *d, struct piece c)
{
    if (is_guarded(d, c))
        receipt_acknowledge(receipt_of(d, c), c.batch, c.part);
    c.part->state = PART_COPIED;
    c.part->in_doubt = c.part->deaths = 0;
    guards_on_success(&d->guards);
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

/* The part at hand is in, all of it or what was sent of it. */
static void finish(struct delivery *d, struct piece c)
{
    c.part->first = batch_find(c.batch, c.part->first, ENTRY_OUT);
    c.part->state = c.part->first == BATCH_NO_ENTRY ? PART_IN : PART_READY;
    if (c.part->state == PART_READY || !flight_advance(&d->flight))
        return;
    batch_settle(c.batch, d->set, d->out, d->done);
    flight_release(&d->flight);
}

/* EXEC was answered. */
static void on_exec(struct delivery *d, struct piece c)
{
    if (!d->replies.ran) {
        c.part->state = PART_READY;
        return;
    }
    size_succeeded(&d->size);
    d->resuming = d->replies.too_old > 0;
    if (d->resuming)
        c.part->state = PART_TOO_OLD;
    else
        add(d, c);
}

/* XADDs by themselves were answered; with --replicas, that is decided by the answer to WAIT. */
static void on_plain(struct delivery *d, struct piece c)
{
    if (is_good(d))
        acknowledge(d, c);
    else
        c.part->state = PART_READY;
}

/* WAIT was answered, about a part or the opening of a receipt. */
static void on_wait(struct delivery *d, struct piece c, struct receipt *r)
{
    bool enough = d->replies.copies >= d->set->replicas;
    struct err *why = &d->replies.trouble.why;

    if (c.part == NULL) {
        guards_on_wait(&d->guards, r, enough);
    } else if (is_plain(d, c)) {
        if (enough)
            on_plain(d, c);
        else
            flight_send_again(c, true);
    } else if (enough && c.part->state == PART_ADDED) {
        acknowledge(d, c);
    }
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
        "and "
        "the receipt %.*s was evicted or has expired",
        (int)shown(c).len, shown(c).at, c.batch->entries[c.part->first].line, (int)r->key.len,
        r->key.data);
}

/* The first `count` entries that were in doubt are in, if each XADD worked. */
static void on_ran(struct delivery *d, struct piece c, uint64_t count)
{
    if (c.part->state == PART_ADDED)
        return; /* as was known */
    discard(d);
    batch_choose(c.batch, c.part, (size_t)count);
    c.part->state = PART_FOUND;
}

/* The part that the receipt is about, if it is the one at hand. */
static struct piece part_under(struct delivery *d, const struct receipt *r)
{
    struct piece c = flight_now(&d->flight);

    if (c.part && receipt_of(d, c) != r)
        c.part = NULL;
    return c;
}

static void on_get(struct delivery *d, struct receipt *r)
{
    struct piece c = part_under(d, r);
    enum receipt_verdict verdict;

    if (!is_good(d))
        return;
    verdict = guards_on_get(&d->guards, r,
        c.part == NULL                ? 0
        : c.part->state == PART_ADDED ? c.part->count
                                      : c.part->in_doubt);
    if (verdict == RECEIPT_FOREIGN) {
        d->unsure = true;
        err_set(&d->failure, EXIT_FAILED, "the receipt %.*s was written by somebody else",
            (int)r->key.len, r->key.data);
    }
    if (c.part == NULL)
        return;
    if (verdict == RECEIPT_RAN) {
        on_ran(d, c, d->replies.said.entries - r->acked);
    } else if (verdict == RECEIPT_GONE && c.part->in_doubt > 0) {
        discard(d);
        if (id_compare(r->last_id, ID_LEAST) > 0)
            request_last(&d->asked, r); /* on_last() */
        else
            fail_unsure(d, c, r);
    } else if (c.part->state == PART_IN_DOUBT || c.part->state == PART_ADDED) {
        flight_send_again(c, true);
    }
    if (verdict == RECEIPT_BEHIND)
        c.part->in_doubt = 0; /* it came after what is lost */
}

/* Whether the entry acknowledged last is still there was answered. */
static void on_last(struct delivery *d, struct receipt *r)
{
    struct piece c = part_under(d, r);
    bool gone = r->state >= RECEIPT_ALONE && !d->replies.said.there;

    if (c.part && c.part->in_doubt > 0 && gone)
        fail_unsure(d, c, r);
    guards_on_last(&d->guards, r);
}

/* --- replies --------------------------------------------------------------------------------- */

/* The last reply of an expectation has come whole. */
static void on_answered(struct delivery *d, const struct expected *e)
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
    case EXPECT_XADD:
        if (d->set->replicas == 0)
            on_plain(d, c);
        break;
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

/* All replies have come, and there was an error among them. */
static int recover(struct delivery *d, struct piece c, struct err *e)
{
    struct trouble t = d->replies.trouble;

    d->replies.trouble = (struct trouble){0};
    guards_drop_connection(&d->guards);
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

/* A transaction was on its way when the connection died: perhaps it died of its size. */
static void suspect_size(struct delivery *d, struct piece c)
{
    struct batch_part *part = c.part;

    if (part->state != PART_IN_FLIGHT && part->state != PART_QUEUED)
        return;
    size_failed(&d->size, part->count, true);
    if (is_plain(d, c) || part->count > 1 || batch_command(c.batch, part->first).len <= DEADLY_BYTES
        || ++part->deaths < MOST_DEATHS)
        return; /* only where it was queued did the server answer something before */
    d->line = c.batch->entries[part->first].line;
    err_set(&d->failure, EXIT_FAILED,
        "%.*s: the server has closed %d connections on line %zu without a word: it is too large",
        (int)shown(c).len, shown(c).at, MOST_DEATHS, d->line);
}

/* What is unanswered must be asked for again on the next connection. */
static void lose_connection(struct delivery *d)
{
    struct piece parts[] = {flight_now(&d->flight), flight_next(&d->flight, NULL)};
    struct trouble t = d->replies.trouble;

    request_forget(&d->asked);
    d->replies.trouble = (struct trouble){0};
    if (parts[0].part)
        suspect_size(d, parts[0]);
    for (size_t i = 0; i < 2; i++)
        if (parts[i].part)
            flight_lose(
                parts[i], is_guarded(d, parts[i]), !is_plain(d, parts[i]) || d->set->replicas);
    guards_lose_connection(&d->guards);
    if (t.why.code != EXIT_DONE && t.why.kind == ERR_FINAL)
        fail(d, parts[0], &t); /* and not that the server then closed */
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
static bool may_go_ahead(const struct delivery *d, struct piece now, struct piece next)
{
    return now.part->whole && d->size.limit == 0 && d->set->maxage == 0 && !d->resuming
           && !session_asking(d->session) && is_plain(d, now) == is_plain(d, next);
}

static struct step_facts facts(struct delivery *d, struct piece now, struct piece next)
{
    struct step_facts f = {
        .up = session_up(d->session),
        .owed = delivery_is_owed(d),
        .trouble = !is_good(d),
        .proven = guards_proven(&d->guards),
        .unguarded = d->set->keep_ids,
        .trims = d->set->maxage > 0,
    };

    if (now.part == NULL)
        return f;
    f.now = now.part->state;
    f.guard = guards_state(&d->guards, receipt_of(d, now));
    f.plain = is_plain(d, now);
    if (next.part && (next.part->state == PART_QUEUED || may_go_ahead(d, now, next)))
        f.next = next.part->state;
    return f;
}

static void guard(struct delivery *d, struct piece c)
{
    struct receipt *r = receipt_of(d, c);

    if (r)
        guards_ask(&d->guards, r, c.part->in_doubt == 0);
}

/* Send the transaction up to EXEC, `before` entries behind what was acknowledged. */
static void queue(struct delivery *d, struct piece c, uint64_t before)
{
    batch_choose(c.batch, c.part, size_of_transaction(&d->size));
    request_queue(&d->asked, c, receipt_of(d, c), before);
    c.part->state = PART_QUEUED;
}

/* EXEC, and the guard of what is left of the part, or of the next one, or of what may come. */
static void commit(struct delivery *d, struct piece now, struct piece next)
{
    request_commit(&d->asked, now, receipt_of(d, now));
    now.part->state = PART_IN_FLIGHT;
    guards_drop(&d->guards);
    if (d->set->keep_ids)
        return;
    if (!now.part->whole || flight_next(&d->flight, NULL).part == NULL)
        guard(d, now);
    else if (next.part && !is_plain(d, next))
        guard(d, next);
}

static void add_plain(struct delivery *d, struct piece c)
{
    batch_choose(c.batch, c.part, session_asking(d->session) ? 1 : size_of_transaction(&d->size));
    request_add(&d->asked, c);
    c.part->state = PART_IN_FLIGHT;
}

static void verify(struct delivery *d, struct piece c)
{
    bool known = !d->set->ids || id_compare(c.batch->entries[c.part->end].id, ID_LEAST) > 0;

    request_verify(&d->asked, c, receipt_of(d, c), known ? ID_LEAST : d->replies.said.id);
}

static void trim(struct delivery *d, struct piece c)
{
    request_trim(&d->asked, c.batch);
    if (!delivery_is_owed(d))
        c.part->state = PART_IN; /* there is nothing so old */
}

static int take_step(
    struct delivery *d, enum step step, struct piece now, struct piece next, struct err *e)
{
    switch (step) {
    case STEP_WAIT: break;
    case STEP_PROVE: guards_prove(&d->guards); break;
    case STEP_GUARD: guard(d, now); break;
    case STEP_QUEUE: queue(d, now, 0); break;
    case STEP_QUEUE_NEXT:
        queue(d, next, receipt_of(d, now) == receipt_of(d, next) ? now.part->count : 0);
        break;
    case STEP_COMMIT: commit(d, now, next); break;
    case STEP_DISCARD: discard(d); break;
    case STEP_ADD: add_plain(d, now); break;
    case STEP_ADD_NEXT: add_plain(d, next); break;
    case STEP_VERIFY: verify(d, now); break;
    case STEP_LOOK_UP: request_held(&d->asked, now, false); break;
    case STEP_RENEW:
        request_renew(&d->asked, now, receipt_of(d, now));
        guards_drop(&d->guards); /* it watches what is written there */
        break;
    case STEP_TRIM: trim(d, now); break;
    case STEP_FINISH: finish(d, now); break;
    case STEP_RECOVER: return recover(d, now, e);
    }
    return 0;
}

/* Have the link lead to the part's node. */
static void use_node(struct delivery *d, struct piece now)
{
    if (now.part && now.part->slot >= 0 && !delivery_is_owed(d)
        && session_use_slot(d->session, now.part->slot))
        guards_drop_connection(&d->guards);
}

int delivery_serve(struct delivery *d, struct err *e)
{
    enum step step = STEP_FINISH;

    if (take_replies(d, e) < 0)
        return -1;
    while (step != STEP_WAIT && d->failure.code == EXIT_DONE) {
        struct piece now = flight_now(&d->flight), next;
        struct step_facts known;

        use_node(d, now);
        next = flight_next(&d->flight, d->session);
        known = facts(d, now, next);
        step = step_next(&known);
        if (take_step(d, step, now, next, e) < 0)
            return -1;
    }
    if (flight_size(&d->flight) == 0 && d->failure.code == EXIT_DONE)
        guards_check(&d->guards);
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
    d->session = d->asked.session = d->guards.session = session;
    d->replies.asked = d->guards.asked = &d->asked;
    d->guards.replies = &d->replies;
    d->guards.retry = retry;
    d->out = out;
    d->done = done;
    d->plain = set->at_least_once;
    d->resuming = set->keep_ids; /* perhaps: the first transaction will show */
    d->guards.distance = link_distance(session_link(session));
    session_keep_links(session);
    return d;
}

struct send_batch *delivery_batch(struct delivery *d)
{
    return flight_batch(&d->flight, flight_size(&d->flight));
}

struct batch_limit delivery_limit(const struct delivery *d)
{
    return size_limit(d->guards.distance, session_in_cluster(d->session) || d->flight.by_slot);
}

bool delivery_take(struct delivery *d, bool ended)
{
    struct send_batch *b = delivery_batch(d);
    bool busy = flight_size(&d->flight) > 0;
    struct batch_limit most = delivery_limit(d);
    size_t size = b->commands.len + flight_batch(&d->flight, 0)->commands.len;

    if (d->failure.code != EXIT_DONE || (b->n == 0 && b->echo.len == 0))
        return false;
    if (busy && (b->n == 0 || (!ended && !batch_full(b, most)) || size > 2 * most.bytes))
        return false;
    if (b->n > 0)
        return flight_take(&d->flight, d->set, d->session);
    batch_settle(b, d->set, d->out, d->done); /* skipped lines, for -T */
    return true;
}

bool delivery_is_busy(const struct delivery *d)
{
    return flight_size(&d->flight) > 0 || (d->failure.code == EXIT_DONE && d->guards.unchecked);
}

bool delivery_is_owed(const struct delivery *d)
{
    return d->asked.n > 0;
}

const struct err *delivery_failure(const struct delivery *d)
{
    return &d->failure;
}

uint64_t delivery_lost(const struct delivery *d, bool *unsure)
{
    *unsure = d->guards.unsure;
    return d->guards.lost;
}

size_t delivery_undelivered(struct delivery *d, bool *in_doubt)
{
    const struct send_batch *b;

    *in_doubt = false;
    for (size_t n = 0; !d->unsure && (b = flight_batch(&d->flight, n)); n++) {
        size_t at = batch_undelivered(b);

        if (at == b->n)
            continue;
        if (d->line > 0 && d->line <= b->entries[at].line)
            break;
        *in_doubt = batch_in_doubt(b, at);
        return b->entries[at].line;
    }
    return d->unsure ? 0 : d->line;
}

void delivery_close(struct delivery *d)
{
    if (session_up(d->session))
        discard(d);
    for (size_t n = 0; n < flight_size(&d->flight); n++) {
        struct send_batch *b = flight_batch(&d->flight, n);

        for (size_t i = b->at; i < b->n_parts; i++)
            if (b->parts[i].state == PART_ADDED) /* but the replicas do not have it */
                batch_mark_out(b, &b->parts[i], false);
        batch_settle(b, d->set, d->out, d->done);
    }
    out_flush(d->out);
    guards_delete(&d->guards);
}

void delivery_free(struct delivery *d)
{
    if (d == NULL)
        return;
    guards_free(&d->guards);
    flight_free(&d->flight);
    request_free(&d->asked);
    replies_free(&d->replies);
    free(d);
}
