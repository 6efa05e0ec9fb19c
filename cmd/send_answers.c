#include "cmd/send_window.h"

#include <inttypes.h>

#include "common/wait.h"

/* A cluster slot that is being moved refuses the script of a new sender, whose keys do not exist,
 * for as long as that takes: after so long, the entries go without it. */
enum { TORN_MS = 5000 };

/* With a server farther away than that, in ms, the round trip within a transaction costs more than
 * the script. */
enum { NEAR_MS = 5 };

/* What plain XADDs have added, another master may not have: with --replicas it is added again. */
static void doubt_plain(struct window *w)
{
    for (size_t n = 0; n < w->under_way && w->set->replicas; n++) {
        struct send_batch *b = window_batch(w, n);

        for (size_t i = 0; i < b->n && b->state != BATCH_IN && b->way == &send_as_plain; i++)
            b->slots[i].done = false;
    }
}

/* The connection has died: what it owed is to be asked for again on the next one. */
static void lose(struct window *w)
{
    for (size_t n = 0; n < w->under_way; n++) {
        struct send_batch *b = window_batch(w, n);

        if (b->state == BATCH_SENT || b->waits)
            b->doubtful = w->receipt.stays = true;
        if (b->state != BATCH_IN)
            b->state = BATCH_READY;
        b->waits = b->open = false;
    }
    doubt_plain(w);
    w->receipt.sent = w->receipt.acked;
    w->opening = 0;
    w->probes = 0;
    w->probed = w->transacts = false;
    w->ends = 0;
    if (w->trouble.kind != TROUBLE_FINAL)
        w->trouble = (struct trouble){0};
}

/* What was acknowledged is gone, as after a failover to a replica that did not have it yet. */
static void report_loss(struct window *w, const struct trouble *t)
{
    const struct receipt *r = &w->receipt;
    uint64_t lost = r->acked - t->gap.upto;
    size_t from = t->gap.upto > 0 ? t->gap.line + 1 : r->first;

    w->lost += lost;
    w->progress.messages -= lost < w->progress.messages ? lost : w->progress.messages;
    if (from == r->last)
        err_say(ERR_ALWAYS, "%.64s: the server lost a message that it had acknowledged, line %zu",
            r->room.data, from);
    else
        err_say(ERR_ALWAYS,
            "%.64s: the server lost %" PRIu64
            " messages that it had acknowledged, lines %zu to %zu",
            r->room.data, lost, from, r->last);
}

/* The receipt does not tell of what was acknowledged under it. */
static int mind_the_gap(struct window *w, const struct trouble *t, struct err *e)
{
    const struct send_batch *b = window_batch(w, 0);
    struct err why;

    if (!t->gap.evicted && t->gap.upto >= w->receipt.acked)
        return 0; /* it told of a part that had been added before the answer was lost */
    if (t->gap.evicted && b->doubtful) {
        w->trouble.kind = TROUBLE_FINAL;
        w->trouble.unsure = true;
        err_set(&w->trouble.why, EXIT_FAILED,
            "%.64s: lines %zu and after may be in or not: the connection was lost before the "
            "answer, and the receipt %s was evicted or has expired",
            b->room.data, b->slots[batch_undone(b, 0)].line, w->receipt.key.data);
        return 0;
    }
    if (!t->gap.evicted)
        report_loss(w, t);
    for (size_t i = 0; i < w->under_way; i++)
        window_batch(w, i)->doubtful = false; /* they came after what is lost: they are not in */
    w->receipt.stays = true;
    receipt_end(&w->receipt, NULL);
    if (!t->gap.evicted || w->evicted++ == 0)
        return 0;
    err_set(&why, EXIT_FAILED, "%.64s: the server is full, and evicts the receipts of what is sent",
        b->room.data);
    why.kind = ERR_PASSING;
    return session_refused(w->session, &why, e);
}

/* Whether it is time to do without the script, which a new sender's slot has refused for long. */
static bool is_torn(struct window *w, const struct trouble *t)
{
    if (w->receipt.open || w->plain || !t->torn) {
        w->torn = 0;
        return false;
    }
    w->torn = w->torn ? w->torn : wait_now();
    return wait_now() - w->torn >= TORN_MS;
}

/* All answers have come, and there is trouble. -1: that is the end. */
static int see_to_trouble(struct window *w, struct err *e)
{
    struct trouble trouble = w->trouble;

    w->receipt.sent = w->receipt.acked;
    if (trouble.kind == TROUBLE_FINAL)
        return 0;
    w->trouble = (struct trouble){0};
    if (trouble.kind == TROUBLE_PASSING && trouble.why.kind != ERR_PASSING)
        doubt_plain(w);
    if (trouble.kind == TROUBLE_PASSING && !is_torn(w, &trouble))
        return session_refused(w->session, &trouble.why, e);
    if (trouble.kind == TROUBLE_UNRUN) {
        w->probed = w->probed && !trouble.refused; /* perhaps they are not allowed any more */
        return 0;
    }
    if (trouble.kind == TROUBLE_GAP)
        return mind_the_gap(w, &trouble, e);
    w->plain = true;
    w->no_script = trouble.why;
    return 0;
}

/* The sink for the answers to WAIT. */
static void wait_item(void *window, const struct reply_item *item)
{
    struct window *w = window;
    struct wire wire = window_wire(w, window_batch(w, 0));

    w->replicas = item->type == REPLY_INTEGER ? item->integer : 0;
    if (item->type == REPLY_ERROR)
        wire_refuse(&wire, item, 0);
}

/* WAIT was answered: whether with enough replicas. If not, that is an outage. */
static bool are_enough(struct window *w)
{
    struct trouble *t = &w->trouble;

    if (w->replicas >= w->set->replicas)
        return true;
    if (t->kind != TROUBLE_NONE)
        return false;
    t->kind = TROUBLE_PASSING;
    err_set(&t->why, EXIT_FAILED, "%.64s: %lld of %" PRId64 " replicas have what was sent",
        window_batch(w, 0)->room.data, w->replicas, w->set->replicas);
    t->why.kind = ERR_PASSING;
    return false;
}

/* The server may have all of the batch; the replicas have not, or not what came before it. */
static void put_off(struct send_batch *b)
{
    b->state = BATCH_READY;
    b->doubtful = true;
}

/* What was asked for a batch is answered: is it in? */
static void on_batch_replied(struct window *w, struct wire *wire)
{
    struct send_batch *b = wire->batch;
    bool plain = b->way == &send_as_plain, unacknowledged = w->set->replicas && !plain;

    if (b->state == BATCH_SENT) {
        if (unacknowledged && b != window_batch(w, 0))
            put_off(b);
        else if (unacknowledged && w->trouble.kind == TROUBLE_NONE)
            b->state = BATCH_IN; /* as far as the script goes; it is acknowledged below */
        else
            b->way->replied(wire);
        if (b->state == BATCH_IN && w->set->replicas) {
            b->state = BATCH_ADDED;
            if (!b->waits)
                window_ask_replicas(w, b);
        }
        return;
    }
    b->waits = false;
    if (b->state != BATCH_ADDED)
        return; /* it was refused: no matter who else has it */
    if (!are_enough(w))
        put_off(b);
    else if (plain)
        b->state = BATCH_IN;
    else
        b->way->replied(wire);
}

/* The sink for the answers to whether transactions are allowed. */
static void probe_item(void *window, const struct reply_item *item)
{
    struct window *w = window;

    if (transaction_is_refused(item, w->probes))
        w->transacts = false;
}

static void on_probed(struct window *w)
{
    w->probes--;
    if (w->probes == 0 && wait_now() - w->probed_at > NEAR_MS)
        w->transacts = false;
}

/* The receipt's opening was answered, and then how many replicas have it. */
static void on_opening(struct window *w)
{
    w->opening--;
    if (w->opening == 0 && w->set->replicas)
        are_enough(w);
    if (w->opening > 0 || w->trouble.kind != TROUBLE_NONE)
        return;
    w->receipt.open = true;
    w->torn = 0;
}

/* A reply was told whole; `due`: one about a batch was. */
static void on_replied(struct window *w, struct wire *wire, bool due)
{
    if (w->ends > 0)
        w->ends--;
    else if (w->probes > 0)
        on_probed(w);
    else if (w->opening)
        on_opening(w);
    else if (due)
        on_batch_replied(w, wire);
    if (w->trouble.kind != TROUBLE_NONE || !due || wire->batch->state != BATCH_IN)
        return;
    session_fine(w->session);
    w->evicted = 0;
    if (w->no_script.code != EXIT_DONE) {
        err_say(ERR_NOTICE,
            "%s; sending without the script that keeps a lost connection from "
            "doubling messages",
            w->no_script.text);
        w->no_script.code = EXIT_DONE;
    }
}

/* Who listens to the next reply. */
static reply_sink *choose_sink(const struct window *w, const struct send_batch *due)
{
    if (w->ends > 0)
        return reply_ignore;
    if (w->probes > 0)
        return probe_item;
    if (w->opening)
        return w->set->replicas && w->opening == 1 ? wait_item : send_as_script.item;
    if (due == NULL)
        return reply_ignore;
    return due->state == BATCH_SENT ? due->way->item : wait_item;
}

int window_take_replies(struct window *w, struct err *e)
{
    for (;;) {
        size_t at = window_awaited(w);
        struct wire wire = window_wire(w, at < WINDOW_RING ? &w->ring[at] : window_batch(w, 0));
        reply_sink *sink = choose_sink(w, at < WINDOW_RING ? wire.batch : NULL);
        void *context = sink == wait_item || sink == probe_item ? (void *)w : (void *)&wire;
        int told = session_reply(w->session, sink, context, e);

        if (told == SESSION_BROKEN)
            lose(w);
        if (told != 1)
            return told < 0 ? -1 : 0;
        on_replied(w, &wire, at < WINDOW_RING);
        window_settle(w);
        if (w->trouble.kind != TROUBLE_NONE && !window_is_opening(w)
            && window_awaited(w) == WINDOW_RING)
            return see_to_trouble(w, e);
    }
}
