#include "cmd/send_window.h"

#include <string.h>

#include "common/wait.h"

enum { WINDOW = 2, WINDOW_BYTES = 2 * BATCH_BYTES };

/* What is worth the round trip in the middle of a transaction: so many entries, or bytes. */
enum { LARGE_ENTRIES = 64, LARGE_BYTES = 64 * 1024 };

/* How long the server waits for replicas before it says how many there are. */
enum { REPLICAS_MS = 1000 };

static size_t place(const struct window *w, size_t n)
{
    return (w->first + n) % WINDOW_RING;
}

struct send_batch *window_batch(struct window *w, size_t n)
{
    return &w->ring[place(w, n)];
}

struct send_batch *window_filling(struct window *w)
{
    return window_batch(w, w->under_way);
}

size_t window_awaited(const struct window *w)
{
    for (size_t i = 0; i < w->under_way; i++)
        if (w->ring[place(w, i)].state == BATCH_SENT || w->ring[place(w, i)].waits)
            return place(w, i);
    return WINDOW_RING;
}

bool window_is_opening(const struct window *w)
{
    return w->probes > 0 || w->opening > 0;
}

bool window_is_owed(const struct window *w)
{
    return window_is_opening(w) || w->ends > 0 || window_awaited(w) < WINDOW_RING;
}

bool window_is_done(const struct window *w)
{
    if (w->trouble.kind == TROUBLE_FINAL)
        return !window_is_opening(w) && window_awaited(w) == WINDOW_RING;
    return w->under_way == 0;
}

static bool goes_plain(const struct window *w, const struct send_batch *b)
{
    return w->plain || b->alone;
}

/*
 * Whether the batch had better be a transaction, if that is allowed. It knows nothing of what only
 * a script can see to, is worth nothing for a few lines or where each batch waits for replicas, and
 * settles nothing: what may be in, or was not run, is for the script.
 */
static bool suits_transaction(const struct window *w, const struct send_batch *b)
{
    const struct send_settings *set = w->set;

    if (set->keep_ids || set->ids || set->maxage || set->replicas
        || link_is_asking(session_link(w->session)))
        return false;
    return (b->n >= LARGE_ENTRIES || b->fields.len >= LARGE_BYTES) && !b->doubtful && !b->unrun
           && batch_undone(b, 0) == 0;
}

static const struct send_way *choose_way(const struct window *w, const struct send_batch *b)
{
    if (goes_plain(w, b))
        return &send_as_plain;
    return w->transacts && suits_transaction(w, b) ? &send_as_transaction : &send_as_script;
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
    before = window_batch(w, w->under_way - 1);
    if (w->under_way >= WINDOW || before->fields.len + b->fields.len > WINDOW_BYTES)
        return false;
    if (asks_often(w, b) || asks_often(w, before))
        return false;
    return (w->plain && !session_in_cluster(w->session)) || batch_same_room(before, b);
}

void window_settle(struct window *w)
{
    while (w->under_way > 0 && window_batch(w, 0)->state == BATCH_IN) {
        batch_settle(window_batch(w, 0), w->set, &w->out, &w->progress);
        w->first = (w->first + 1) % WINDOW_RING;
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
    window_settle(w);
    return true;
}

struct wire window_wire(struct window *w, struct send_batch *b)
{
    return (struct wire){w->set, &w->receipt, session_link(w->session), b, &w->trouble};
}

void window_ask_replicas(struct window *w, struct send_batch *b)
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
    w->probed = w->transacts = false; /* that may be another server */
    return session_up(w->session);
}

static void probe(struct window *w, struct wire *wire)
{
    transaction_probe(wire);
    w->probes = TRANSACTION_PROBES;
    w->probed = w->transacts = true;
    w->probed_at = wait_now();
}

static void open_receipt(struct window *w, struct wire *wire)
{
    script_open(wire);
    w->opening = 1;
    if (w->set->replicas) {
        window_ask_replicas(w, NULL);
        w->opening = 2;
    }
}

/* Have an open receipt for the batch, and know whether transactions are allowed if it suits one: 1
 * if so, 0 if not yet, -1 if there will be no receipt. */
static int prepare_receipt(struct window *w, struct send_batch *b, struct err *e)
{
    struct wire wire = window_wire(w, b);

    /* A batch that may be in already is told from its receipt, however old that is. */
    if (!b->doubtful && !receipt_serves(&w->receipt, &b->room, wait_now())) {
        if (window_awaited(w) < WINDOW_RING)
            return 0; /* under the old one */
        w->ends += receipt_end(&w->receipt, wire.link);
        if (receipt_begin(&w->receipt, &b->room, w->retry, wait_now(), e) < 0)
            return -1;
    }
    if (!w->probed && suits_transaction(w, b)) {
        if (window_awaited(w) < WINDOW_RING)
            return 0;
        probe(w, &wire);
    }
    if (!w->receipt.open)
        open_receipt(w, &wire);
    return !window_is_opening(w);
}

/* Send what is ready, in order. */
static int send_ready(struct window *w, struct err *e)
{
    for (size_t i = 0; i < w->under_way; i++) {
        struct send_batch *b = window_batch(w, i);
        struct wire wire = window_wire(w, b);
        int open;

        if (b->state != BATCH_READY)
            continue;
        if (w->trouble.kind != TROUBLE_NONE || window_is_opening(w) || !session_up(w->session)
            || (i > 0 && (asks_often(w, b) || window_batch(w, i - 1)->open)) || !is_aimed(w, b))
            return 0;
        open = goes_plain(w, b) ? 1 : prepare_receipt(w, b, e);
        if (open <= 0)
            return open;
        b->way = choose_way(w, b);
        b->way->send(&wire);
        if (w->set->replicas && (b->state == BATCH_ADDED || !asks_often(w, b)))
            window_ask_replicas(w, b);
    }
    window_settle(w);
    return 0;
}

int window_serve(struct window *w, struct err *e)
{
    if (send_ready(w, e) < 0 || window_take_replies(w, e) < 0 || send_ready(w, e) < 0)
        return -1;
    if (w->under_way == 0 && session_up(w->session))
        session_fine(w->session);
    return 0;
}

size_t window_first_undelivered(struct window *w, bool *doubtful)
{
    for (size_t n = 0; n <= w->under_way; n++) {
        const struct send_batch *b = window_batch(w, n);
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
        window_batch(w, i)->state = BATCH_IN; /* what of it is not done is not counted */
    window_settle(w);
    out_flush(&w->out);
    if (session_up(w->session) && receipt_end(&w->receipt, session_link(w->session)))
        session_finish(w->session);
}

void window_free(struct window *w)
{
    for (size_t i = 0; i < WINDOW_RING; i++)
        batch_free(&w->ring[i]);
    receipt_free(&w->receipt);
    buf_free(&w->aimed);
    out_free(&w->out);
}
