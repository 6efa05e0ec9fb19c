/*
 * How each entry gets into its room once and in order, and why that works.
 *
 * A batch is one transaction that also writes a receipt. The guard for the next batch follows it in
 * the same round trip:
 *
 *     MULTI  XADD ...  SET receipt "n line"  EXEC  [WAIT]   WATCH receipt  GET receipt
 *     `---------------- batch n ----------------'           `--- arms batch n+1 ---'
 *
 * The rule: EXEC of batch n+1 is sent only after WATCH and GET were answered on the same
 * connection, and GET returned exactly the number of entries before that batch. What precedes EXEC
 * may be queued at the server earlier. If GET returns anything else, DISCARD ends the transaction.
 *
 * Every batch that runs writes the receipt. If EXEC succeeds, nobody has written the receipt since
 * WATCH; GET, which followed WATCH, showed that it counted n batches. So batch n+1 runs only after
 * batch n, and at most once: a late copy of it, from a connection that died, has an older WATCH,
 * and whichever copy runs first makes all others fail. When a connection dies, GET on the next one
 * shows whether the batch in flight is in: the receipt counts that batch, or it does not. The batch
 * stays in doubt until something later is acknowledged, since a late copy may still run. A
 * transaction runs whole or not at all: a command that is refused when it is queued (out of memory,
 * for example) makes EXEC fail, and so does a receipt that has expired or was evicted (Redis
 * documentation, "Transactions").
 *
 * A receipt is opened before it is used. If it is missing later, it was evicted or lost, which is
 * not mistaken for a batch that never ran. An opening that was not answered is never repeated,
 * because it could arrive late and bring back an evicted receipt at 0: the next connection opens a
 * receipt with a new random name. A failover may lose a receipt together with entries that were
 * acknowledged under it. So each opening also checks, on the same connection, that the last
 * acknowledged entry is still there, and after a lost connection the receipts that are no longer in
 * use are checked too. EXEC and DISCARD clear every WATCH of a connection, so at most one guard
 * stands on each.
 *
 * A transaction that ran may hold an XADD that failed, as with WRONGTYPE. EXEC's reply shows that;
 * if the reply was lost, request_verify() probes the rooms.
 *
 * Exceptions. With -k each entry's ID is its own receipt: the transaction has no guard, and an
 * entry whose ID is too old is compared with what the room holds. With --at-least-once, and where
 * transactions are refused, the batch is sent without MULTI, SET and EXEC: XADDs whose reply was
 * lost are sent twice, and an entry that was refused for a while may come after later ones.
 */
#include "cmd/send_delivery.h"

#include <stdlib.h>

#include "cmd/send_outcome.h"
#include "common/link.h"

static int take_replies(struct delivery *d, struct err *e)
{
    for (;;) {
        int came = session_reply(d->session, replies_item, &d->replies, e);
        struct expected *due = request_due(&d->requests), answered;

        if (came == SESSION_BROKEN)
            outcome_lose_connection(d);
        if (came != 1)
            return came < 0 ? -1 : 0;
        if (due == NULL)
            continue;
        answered = *due;
        if (request_answered(&d->requests))
            outcome_answered(d, &answered);
    }
}

/* --- the next step --------------------------------------------------------------------------- */

/* Whether the next part may be sent before the current one is answered. */
static bool may_go_ahead(const struct delivery *d, struct batch_part *now, struct batch_part *next)
{
    return now->whole && d->size.limit == 0 && d->set->maxage == 0 && !d->resuming
           && !session_asking(d->session) && outcome_is_plain(d, now) == outcome_is_plain(d, next);
}

static struct step_facts facts(struct delivery *d, struct batch_part *now, struct batch_part *next)
{
    struct step_facts f = {
        .up = session_up(d->session),
        .owed = delivery_is_owed(d),
        .error = d->replies.error.why.code != EXIT_DONE,
        .proven = d->guards.proven,
        .unguarded = d->set->keep_ids,
        .trims = d->set->maxage > 0,
    };

    if (now == NULL)
        return f;
    f.now = now->state;
    f.guard = guards_state(&d->guards, outcome_receipt(d, now));
    f.plain = outcome_is_plain(d, now);
    if (next && (next->state == PART_QUEUED || may_go_ahead(d, now, next)))
        f.next = next->state;
    return f;
}

static void guard(struct delivery *d, struct batch_part *part)
{
    struct receipt *r = outcome_receipt(d, part);

    if (r)
        guards_ask(&d->guards, r, part->in_doubt == 0);
}

/* Send the transaction up to EXEC; `before` entries in flight precede it under the same receipt. */
static void queue(struct delivery *d, struct batch_part *part, uint64_t before)
{
    part_choose(part, size_of_transaction(&d->size));
    request_queue(&d->requests, part, outcome_receipt(d, part), before);
    part->state = PART_QUEUED;
}

/* Send EXEC, and the guard of the transaction after it: of the same part, or of the next one. If
 * that is not known yet, guard the same receipt. */
static void commit(struct delivery *d, struct batch_part *now, struct batch_part *next)
{
    request_commit(&d->requests, now, outcome_receipt(d, now));
    now->state = PART_IN_FLIGHT;
    guards_drop(&d->guards);
    if (d->set->keep_ids)
        return;
    if (!now->whole || flight_next(&d->flight, NULL) == NULL)
        guard(d, now);
    else if (next && !outcome_is_plain(d, next))
        guard(d, next);
}

static void add_plain(struct delivery *d, struct batch_part *part)
{
    part_choose(part, session_asking(d->session) ? 1 : size_of_transaction(&d->size));
    request_add(&d->requests, part);
    part->state = PART_IN_FLIGHT;
}

static void verify(struct delivery *d, struct batch_part *part)
{
    bool known = !d->set->ids || id_compare(part->batch->entries.at[part->end].id, ID_LEAST) > 0;

    request_verify(
        &d->requests, part, outcome_receipt(d, part), known ? ID_LEAST : d->replies.receipt.id);
}

static void trim(struct delivery *d, struct batch_part *part)
{
    request_trim(&d->requests, part->batch);
    if (!delivery_is_owed(d))
        part->state = PART_IN; /* nothing was sent: no entry can be that old */
}

static int take_step(struct delivery *d, enum step step, struct batch_part *now,
    struct batch_part *next, struct err *e)
{
    switch (step) {
    case STEP_WAIT: break;
    case STEP_PROVE: guards_prove(&d->guards); break;
    case STEP_GUARD: guard(d, now); break;
    case STEP_QUEUE: queue(d, now, 0); break;
    case STEP_QUEUE_NEXT:
        queue(d, next, outcome_receipt(d, now) == outcome_receipt(d, next) ? now->count : 0);
        break;
    case STEP_COMMIT: commit(d, now, next); break;
    case STEP_DISCARD: outcome_discard(d); break;
    case STEP_ADD: add_plain(d, now); break;
    case STEP_ADD_NEXT: add_plain(d, next); break;
    case STEP_VERIFY: verify(d, now); break;
    case STEP_COMPARE: request_held(&d->requests, now, false); break;
    case STEP_RENEW:
        request_renew(&d->requests, now, outcome_receipt(d, now));
        guards_drop(&d->guards); /* it watches the key that was written */
        break;
    case STEP_TRIM: trim(d, now); break;
    case STEP_FINISH: outcome_finish(d, now); break;
    case STEP_RECOVER: return outcome_recover(d, now, e);
    }
    return 0;
}

/* Use the connection to the part's node. */
static void use_node(struct delivery *d, struct batch_part *now)
{
    if (now && now->slot >= 0 && !delivery_is_owed(d) && session_use_slot(d->session, now->slot))
        guards_drop_connection(&d->guards);
}

int delivery_serve(struct delivery *d, struct err *e)
{
    enum step step = STEP_FINISH;

    if (take_replies(d, e) < 0)
        return -1;
    while (step != STEP_WAIT && d->failure.code == EXIT_DONE) {
        struct batch_part *now = flight_now(&d->flight), *next;
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
        session_succeeded(d->session);
    return 0;
}

/* --- for the main loop ----------------------------------------------------------------------- */

struct delivery *delivery_new(const struct send_settings *set, struct session *session,
    int64_t retry, struct out *out, struct progress *done)
{
    struct delivery *d = buf_zeroed(1, sizeof *d);

    d->set = d->requests.set = d->replies.set = set;
    d->session = d->requests.session = d->guards.session = session;
    d->replies.requests = d->guards.requests = &d->requests;
    d->guards.replies = &d->replies;
    d->guards.retry = retry;
    d->out = out;
    d->done = done;
    d->plain = set->at_least_once;
    d->resuming = set->keep_ids; /* until the first transaction shows otherwise */
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

    if (d->failure.code != EXIT_DONE || (b->entries.n == 0 && b->echo.len == 0))
        return false;
    if (busy && (b->entries.n == 0 || (!ended && !batch_full(b, most)) || size > 2 * most.bytes))
        return false;
    if (b->entries.n > 0)
        return flight_take(&d->flight, d->set, d->session);
    batch_finish(b, d->set, d->out, d->done); /* skipped lines, for -T */
    return true;
}

bool delivery_is_sending(const struct delivery *d)
{
    return flight_size(&d->flight) > 0;
}

bool delivery_is_busy(const struct delivery *d)
{
    return delivery_is_sending(d) || (d->failure.code == EXIT_DONE && d->guards.unchecked);
}

bool delivery_is_owed(const struct delivery *d)
{
    return d->requests.n > 0;
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

/* Entries that too few replicas have do not count as delivered. */
static void take_back_unreplicated(struct send_batch *b)
{
    for (size_t i = b->at; i < b->parts.n; i++)
        if (b->parts.at[i].state == PART_ADDED)
            part_mark_out(&b->parts.at[i], false);
}

size_t delivery_undelivered(struct delivery *d, bool *in_doubt)
{
    struct send_batch *b;

    *in_doubt = false;
    for (size_t n = 0; !d->unsure && (b = flight_batch(&d->flight, n)); n++) {
        take_back_unreplicated(b);
        size_t at = batch_undelivered(b);

        if (at == b->entries.n)
            continue;
        if (d->line > 0 && d->line <= b->entries.at[at].line)
            break;
        *in_doubt = batch_in_doubt(b, at);
        return b->entries.at[at].line;
    }
    return d->unsure ? 0 : d->line;
}

void delivery_close(struct delivery *d)
{
    if (session_up(d->session))
        outcome_discard(d);
    for (size_t n = 0; n < flight_size(&d->flight); n++) {
        struct send_batch *b = flight_batch(&d->flight, n);

        take_back_unreplicated(b);
        batch_finish(b, d->set, d->out, d->done);
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
    request_free(&d->requests);
    replies_free(&d->replies);
    free(d);
}
