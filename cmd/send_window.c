#include "cmd/send_window.h"

#include <inttypes.h>
#include <string.h>

#include "common/wait.h"

enum { WINDOW = 2, WINDOW_BYTES = 2 * BATCH_BYTES };

/* How long the server waits for replicas before it says how many there are. */
enum { REPLICAS_MS = 1000 };

/* A cluster slot that is being moved refuses the script of a new sender, whose keys do not exist,
 * for as long as that takes: after so long, the entries go without it. */
enum { TORN_MS = 5000 };

enum { RING = sizeof((struct window *)0)->ring / sizeof(struct send_batch) };

static size_t place(const struct window *w, size_t n)
{
    return (w->first + n) % RING;
}

static struct send_batch *batch_at(struct window *w, size_t n)
{
    return &w->ring[place(w, n)];
}

struct send_batch *window_filling(struct window *w)
{
    return batch_at(w, w->under_way);
}

static bool goes_plain(const struct window *w, const struct send_batch *b)
{
    return w->plain || b->alone;
}

/* The place of the oldest batch that the server owes an answer to; RING: none. */
static size_t awaited(const struct window *w)
{
    for (size_t i = 0; i < w->under_way; i++)
        if (w->ring[place(w, i)].state == BATCH_SENT || w->ring[place(w, i)].waits)
            return place(w, i);
    return RING;
}

bool window_is_owed(const struct window *w)
{
    return w->opening || w->ends > 0 || awaited(w) < RING;
}

bool window_is_done(const struct window *w)
{
    if (w->trouble.kind == TROUBLE_FINAL)
        return !w->opening && awaited(w) == RING;
    return w->under_way == 0;
}

/* Whether the batch, on its way, asks more than once: then it travels alone. */
static bool asks_often(const struct window *w, const struct send_batch *b)
{
    return b->alone || (w->plain && (w->set->keep_ids || w->set->maxage));
}

static bool fits(struct window *w, const struct send_batch *b)
{
    const struct send_batch *before;

    if (w->under_way == 0)
        return true;
    before = batch_at(w, w->under_way - 1);
    if (w->under_way >= WINDOW || before->fields.len + b->fields.len > WINDOW_BYTES)
        return false;
    if (asks_often(w, b) || asks_often(w, before))
        return false;
    return (w->plain && !session_in_cluster(w->session)) || batch_same_room(before, b);
}

/* Account for what is in, from the oldest batch on. */
static void settle(struct window *w)
{
    while (w->under_way > 0 && batch_at(w, 0)->state == BATCH_IN) {
        batch_settle(batch_at(w, 0), w->set, &w->out, &w->progress);
        w->first = (w->first + 1) % RING;
        w->under_way--;
    }
}

bool window_ship(struct window *w)
{
    struct send_batch *b = window_filling(w);

    if ((b->n == 0 && b->echo.len == 0) || w->trouble.kind != TROUBLE_NONE || !fits(w, b))
        return false;
    b->state = b->n > 0 ? BATCH_READY : BATCH_IN; /* an empty one is an echo of skipped lines */
    w->under_way++;
    settle(w);
    return true;
}

static struct wire wire_for(struct window *w, struct send_batch *b)
{
    return (struct wire){w->set, &w->receipt, session_link(w->session), b, &w->trouble};
}

/* Ask how many replicas have what this connection has written so far (WAIT). */
static void ask_replicas(struct window *w, struct send_batch *b)
{
    link_command(
        session_link(w->session), "WAIT %lld %d", (long long)w->set->replicas, REPLICAS_MS);
    if (b)
        b->waits = true;
}

/* Have the link lead to the batch's room, if that matters; what is owed on it comes first. */
static bool is_aimed(struct window *w, const struct send_batch *b)
{
    const struct buf *aimed = &w->aimed;

    if (!session_in_cluster(w->session)
        || (aimed->len == b->room.len && memcmp(aimed->data, b->room.data, aimed->len) == 0))
        return true;
    if (!window_is_owed(w))
        w->ends += receipt_end(&w->receipt, session_link(w->session));
    if (window_is_owed(w))
        return false;
    buf_clear(&w->aimed);
    buf_add(&w->aimed, b->room.data, b->room.len);
    session_aim(w->session, b->room.data, b->room.len);
    return session_up(w->session);
}

/* Have an open receipt for the batch: 1 if there is one, 0 if not yet, -1 if there will be none. */
static int prepare_receipt(struct window *w, struct send_batch *b, struct err *e)
{
    struct wire wire = wire_for(w, b);

    /* A batch that may be in already is told from its receipt, however old that is. */
    if (!b->doubtful && !receipt_serves(&w->receipt, &b->room, wait_now())) {
        if (awaited(w) < RING)
            return 0; /* under the old one */
        w->ends += receipt_end(&w->receipt, wire.link);
        if (receipt_begin(&w->receipt, &b->room, w->retry, wait_now(), e) < 0)
            return -1;
    }
    if (w->receipt.open)
        return 1;
    script_open(&wire);
    w->opening = 1;
    if (w->set->replicas) {
        ask_replicas(w, NULL);
        w->opening = 2;
    }
    return 0;
}

/* Send what is ready, in order. */
static int send_ready(struct window *w, struct err *e)
{
    for (size_t i = 0; i < w->under_way; i++) {
        struct send_batch *b = batch_at(w, i);
        struct wire wire = wire_for(w, b);
        int open;

        if (b->state != BATCH_READY)
            continue;
        if (w->trouble.kind != TROUBLE_NONE || w->opening || !session_up(w->session)
            || (i > 0 && asks_often(w, b)) || !is_aimed(w, b))
            return 0;
        if (goes_plain(w, b)) {
            plain_send(&wire);
        } else {
            open = prepare_receipt(w, b, e);
            if (open <= 0)
                return open;
            script_send(&wire);
        }
        if (w->set->replicas && (b->state == BATCH_ADDED || !asks_often(w, b)))
            ask_replicas(w, b);
    }
    settle(w);
    return 0;
}

/* The connection has died: what it owed is to be asked for again on the next one. */
static void lose(struct window *w)
{
    for (size_t at; (at = awaited(w)) < RING;) {
        struct send_batch *b = &w->ring[at];

        b->state = BATCH_READY;
        b->doubtful = true;
        b->waits = false;
        for (size_t i = 0; i < b->n && w->set->replicas && goes_plain(w, b); i++)
            b->slots[i].done = false; /* another master may not have it */
        w->receipt.stays = true;
    }
    w->receipt.sent = w->receipt.acked;
    w->opening = 0;
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
    const struct send_batch *b = batch_at(w, 0);
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
        batch_at(w, i)->doubtful = false; /* they came after what is lost: they are not in */
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
static bool is_torn(struct window *w, const struct err *why)
{
    if (w->receipt.open || w->plain || strstr(why->text, "TRYAGAIN") == NULL) {
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
    if (trouble.kind == TROUBLE_PASSING && !is_torn(w, &trouble.why))
        return session_refused(w->session, &trouble.why, e);
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
    struct wire wire = wire_for(w, batch_at(w, 0));

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
        batch_at(w, 0)->room.data, w->replicas, w->set->replicas);
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
    bool plain = goes_plain(w, b);

    if (b->state == BATCH_SENT) {
        if (plain)
            plain_replied(wire);
        else if (w->set->replicas && b != batch_at(w, 0))
            put_off(b);
        else if (w->set->replicas == 0 || w->trouble.kind != TROUBLE_NONE)
            script_replied(wire);
        else
            b->state = BATCH_IN; /* as far as the script goes; it is acknowledged below */
        if (b->state == BATCH_IN && w->set->replicas) {
            b->state = BATCH_ADDED;
            if (!b->waits)
                ask_replicas(w, b);
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
        script_replied(wire);
}

/* The receipt's opening was answered, and then how many replicas have it. */
static void on_opening(struct window *w)
{
    w->opening--;
    if (w->opening == 0 && w->set->replicas)
        are_enough(w);
    if (w->opening == 0)
        w->receipt.open = w->trouble.kind == TROUBLE_NONE;
}

/* A reply was told whole; `due`: one about a batch was. */
static void on_replied(struct window *w, struct wire *wire, bool due)
{
    if (w->ends > 0)
        w->ends--;
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
    if (w->ends > 0 || (!w->opening && due == NULL))
        return reply_ignore;
    if (w->opening)
        return w->set->replicas && w->opening == 1 ? wait_item : script_item;
    if (due->state != BATCH_SENT)
        return wait_item;
    return goes_plain(w, due) ? plain_item : script_item;
}

static int take_replies(struct window *w, struct err *e)
{
    for (;;) {
        size_t at = awaited(w);
        struct wire wire = wire_for(w, at < RING ? &w->ring[at] : batch_at(w, 0));
        reply_sink *sink = choose_sink(w, at < RING ? wire.batch : NULL);
        void *context = sink == wait_item ? (void *)w : (void *)&wire;
        int told = session_reply(w->session, sink, context, e);

        if (told == SESSION_BROKEN)
            lose(w);
        if (told != 1)
            return told < 0 ? -1 : 0;
        on_replied(w, &wire, at < RING);
        settle(w);
        if (w->trouble.kind != TROUBLE_NONE && !w->opening && awaited(w) == RING)
            return see_to_trouble(w, e);
    }
}

int window_serve(struct window *w, struct err *e)
{
    if (send_ready(w, e) < 0 || take_replies(w, e) < 0 || send_ready(w, e) < 0)
        return -1;
    if (w->under_way == 0 && session_up(w->session))
        session_fine(w->session);
    return 0;
}

size_t window_first_undelivered(struct window *w, bool *doubtful)
{
    for (size_t n = 0; n <= w->under_way; n++) {
        const struct send_batch *b = batch_at(w, n);
        size_t at = batch_undone(b, 0);

        *doubtful = n < w->under_way && b->doubtful;
        if (at < b->n)
            return b->slots[at].line;
    }
    *doubtful = false;
    return 0;
}

void window_close(struct window *w)
{
    for (size_t i = 0; i < w->under_way; i++)
        batch_at(w, i)->state = BATCH_IN; /* what of it is not done is not counted */
    settle(w);
    out_flush(&w->out);
    if (session_up(w->session) && receipt_end(&w->receipt, session_link(w->session)))
        session_finish(w->session);
}

void window_free(struct window *w)
{
    for (size_t i = 0; i < RING; i++)
        batch_free(&w->ring[i]);
    receipt_free(&w->receipt);
    buf_free(&w->aimed);
    out_free(&w->out);
}
