#include "cmd/send_request.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/link.h"
#include "common/reply.h"
#include "common/wait.h"

/* How long WAIT waits for replicas before it answers how many there are. */
enum { REPLICAS_MS = 1000 };

/* --- expectations ---------------------------------------------------------------------------- */

static struct expected *nth(struct requests *q, size_t n)
{
    return &q->queue[(q->first + n) % REQUEST_QUEUE];
}

struct expected *request_due(struct requests *q)
{
    return q->n > 0 ? nth(q, 0) : NULL;
}

static void expect(struct requests *q, struct expected e)
{
    struct expected *last = q->n > 0 ? nth(q, q->n - 1) : NULL;

    if (last && last->what == e.what && last->receipt == e.receipt && last->asking == e.asking
        && last->of == NULL && e.of == NULL) {
        last->left += e.left;
        return;
    }
    if (q->n == REQUEST_QUEUE)
        abort(); /* no request has that many kinds of replies */
    *nth(q, q->n++) = e;
}

/* The state of the entries that the replies are about. */
static int state_of(const struct expected *e)
{
    return e->what == EXPECT_HELD || e->what == EXPECT_BELOW ? ENTRY_TOO_OLD : ENTRY_OUT;
}

/* The next room at or after `from` that the request is about. */
static uint32_t next_room(const struct send_batch *b, uint32_t from)
{
    while (from < b->rooms.n && b->rooms.at[from].entry == BATCH_NO_ENTRY)
        from++;
    return from;
}

bool request_answered(struct requests *q)
{
    struct expected *e = nth(q, 0);

    if (e->asking && !e->asked) {
        e->asked = true;
        return false;
    }
    e->asked = false;
    if (e->what == EXPECT_PROBE)
        e->entry = next_room(e->of->batch, e->entry + 1);
    else if (e->of && e->left > 1)
        e->entry = part_find_next(e->of, e->entry, state_of(e));
    if (--e->left > 0)
        return false;
    q->first = (q->first + 1) % REQUEST_QUEUE;
    q->n--;
    return true;
}

void request_forget(struct requests *q)
{
    q->n = 0;
}

void request_free(struct requests *q)
{
    buf_free(&q->space);
}

/* --- requests -------------------------------------------------------------------------------- */

/* Send a command about a key, in the format of link_command(). A node that a slot is migrating to
 * takes it only after ASKING; of a transaction, only MULTI needs that. */
#define SEND_KEY(q, ...)                                        \
    do {                                                        \
        if (session_asking((q)->session))                       \
            link_command(session_link((q)->session), "ASKING"); \
        link_command(session_link((q)->session), __VA_ARGS__);  \
    } while (0)

/* The same, and expect its reply, which is about a receipt or, if that is NULL, about none. */
#define ASK_KEY(q, kind, r, ...)                              \
    do {                                                      \
        SEND_KEY(q, __VA_ARGS__);                             \
        expect(q, (struct expected){.what = (kind),           \
                      .asking = session_asking((q)->session), \
                      .left = 1,                              \
                      .receipt = (r)});                       \
    } while (0)

/* The same for a command that needs no ASKING. */
#define ASK(q, kind, r, ...)                                                     \
    do {                                                                         \
        link_command(session_link((q)->session), __VA_ARGS__);                   \
        expect(q, (struct expected){.what = (kind), .left = 1, .receipt = (r)}); \
    } while (0)

static void ask_replicas(struct requests *q, struct batch_part *of, struct receipt *r)
{
    struct expected e = {.what = EXPECT_WAIT, .left = 1, .of = of, .receipt = r};

    if (q->set->replicas == 0)
        return;
    link_command(
        session_link(q->session), "WAIT %lld %d", (long long)q->set->replicas, REPLICAS_MS);
    expect(q, e);
}

void request_prove(struct requests *q, struct receipt *r)
{
    ASK(q, EXPECT_BOOKKEEPING, r, "MULTI");
    ASK(q, EXPECT_BOOKKEEPING, r, "EXEC");
}

static void set_receipt(struct requests *q, struct receipt *r, const char *value, size_t n)
{
    ASK(q, EXPECT_BOOKKEEPING, r, "SET %b %b PX %llu", r->key.data, r->key.len, value, n,
        (unsigned long long)r->life);
}

static void expire_later(struct requests *q, struct receipt *r)
{
    ASK_KEY(q, EXPECT_BOOKKEEPING, r, "PEXPIRE %b %llu", r->key.data, r->key.len,
        (unsigned long long)r->life);
}

static void open_receipt(struct requests *q, struct receipt *r)
{
    ASK_KEY(q, EXPECT_BOOKKEEPING, r, "MULTI");
    ASK(q, EXPECT_BOOKKEEPING, r, "SET %b %s PX %llu NX", r->key.data, r->key.len, "0 0",
        (unsigned long long)r->life);
    ASK(q, EXPECT_BOOKKEEPING, r, "EXEC");
    r->state = RECEIPT_OPENING;
}

void request_guard(struct requests *q, struct receipt *r, bool proven)
{
    bool opens = r->state == RECEIPT_BEGUN, alone = r->state == RECEIPT_UNREPLICATED;

    if (!proven || opens) /* EXEC would fail to open it if a WATCH of an evicted one stood */
        request_prove(q, r);
    if (opens)
        open_receipt(q, r);
    if (alone)
        expire_later(q, r);
    if (opens || alone)
        ask_replicas(q, NULL, r);
    if (opens && id_compare(r->last_id, ID_LEAST) > 0)
        request_last(q, r);
    ASK_KEY(q, EXPECT_BOOKKEEPING, r, "WATCH %b", r->key.data, r->key.len);
    ASK_KEY(q, EXPECT_GET, r, "GET %b", r->key.data, r->key.len);
    r->used = wait_now();
}

/* Send the XADDs of the part's transaction, those next to each other in the batch at once. */
static void send_entries(struct requests *q, struct batch_part *of)
{
    uint32_t at = of->first, left = of->count;

    while (left > 0) {
        struct span run = batch_command(of->batch, at);
        uint32_t next = part_find_next(of, at, ENTRY_OUT);

        for (; --left > 0 && next == at + 1; at = next, next = part_find_next(of, at, ENTRY_OUT))
            run.len += batch_command(of->batch, next).len;
        link_send(session_link(q->session), run.at, run.len);
        at = next;
    }
}

/* Expect `left` replies about entries of the part. */
static void expect_about(struct requests *q, enum expectation what, struct batch_part *of,
    uint32_t left, struct receipt *r)
{
    struct expected e = {.what = what, .left = left, .of = of, .receipt = r};

    e.entry = part_find(of, state_of(&e));
    e.asking = what != EXPECT_QUEUED && what != EXPECT_EXEC && session_asking(q->session);
    expect(q, e);
}

/* With -i the receipt also holds the last ID, from which the others are found if EXEC's reply is
 * lost. */
static const char note_id[] =
    "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]\n"
    "return redis.call('SET', KEYS[2], ARGV[1] .. (last and ' ' .. last[1] or ''), 'PX', "
    "ARGV[2])\n";

void request_queue(struct requests *q, struct batch_part *of, struct receipt *r, uint64_t before)
{
    struct span room = batch_room(of->batch, of->end);
    struct buf *value = &q->space;

    ASK_KEY(q, EXPECT_BOOKKEEPING, r, "MULTI");
    send_entries(q, of);
    expect_about(q, EXPECT_QUEUED, of, of->count, r);
    if (r == NULL)
        return;
    receipt_value(r, before + of->count, of->batch->entries.at[of->end].line, value);
    if (q->set->ids && !q->set->keep_ids)
        ASK(q, EXPECT_BOOKKEEPING, r, "EVAL %s 2 %b %b %b %llu", note_id, room.at, room.len,
            r->key.data, r->key.len, value->data, value->len, (unsigned long long)r->life);
    else
        set_receipt(q, r, value->data, value->len);
    if (q->set->keep_ids)
        r->state = RECEIPT_OPEN; /* it needs no opening, but must be deleted in the end */
}

void request_commit(struct requests *q, struct batch_part *of, struct receipt *r)
{
    link_command(session_link(q->session), "EXEC");
    expect_about(q, EXPECT_EXEC, of, 1, r);
    ask_replicas(q, of, r);
    if (r)
        r->used = wait_now();
}

void request_discard(struct requests *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (nth(q, i)->what == EXPECT_GET)
            nth(q, i)->what = EXPECT_ANYTHING;
    ASK(q, EXPECT_NO_ERROR, NULL, "DISCARD");
}

void request_add(struct requests *q, struct batch_part *of)
{
    if (session_asking(q->session))
        link_command(session_link(q->session), "ASKING");
    send_entries(q, of);
    expect_about(q, EXPECT_XADD, of, of->count, NULL);
    ask_replicas(q, of, NULL);
}

/*
 * Send an XADD with an ID that is too old for any stream that has had entries, so nothing is added.
 * It needs no more permission than sending does. A key that is not a stream, or a stream that has
 * run out of IDs, gives another error.
 */
static void probe_rooms(struct requests *q, struct batch_part *of)
{
    struct send_batch *b = of->batch;
    struct expected e = {.what = EXPECT_PROBE, .asking = session_asking(q->session), .of = of};

    part_mark_rooms(of);
    e.entry = next_room(b, 0);
    for (uint32_t i = e.entry; i < b->rooms.n; i = next_room(b, i + 1), e.left++)
        SEND_KEY(q, "XADD %b NOMKSTREAM 0-1 x x", b->commands.data + b->rooms.at[i].at,
            b->rooms.at[i].len);
    expect(q, e);
}

void request_verify(struct requests *q, struct batch_part *of, struct receipt *r, struct id last)
{
    struct span room = part_room(of);
    char id[ID_TEXT];

    id_print(id, last);
    if (id_compare(last, ID_LEAST) > 0) {
        SEND_KEY(q, "XREVRANGE %b %s - COUNT %llu", room.at, room.len, id,
            (unsigned long long)of->count);
        expect_about(q, EXPECT_IDS, of, 1, r);
    }
    probe_rooms(q, of);
}

void request_held(struct requests *q, struct batch_part *of, bool below)
{
    const struct send_batch *b = of->batch;
    uint32_t at = part_find(of, ENTRY_TOO_OLD), n = 0;

    for (; at != BATCH_NO_ENTRY; at = part_find_next(of, at, ENTRY_TOO_OLD), n++) {
        struct span room = batch_room(b, at);
        char id[ID_TEXT];

        id_print(id, b->entries.at[at].id);
        SEND_KEY(q, "XRANGE %b %s %s COUNT 1", room.at, room.len, below ? "-" : id, id);
    }
    expect_about(q, below ? EXPECT_BELOW : EXPECT_HELD, of, n, NULL);
}

void request_renew(struct requests *q, struct batch_part *of, struct receipt *r)
{
    if (r && q->set->keep_ids) /* the key may not exist */
        set_receipt(q, r, "0 0", 3);
    else if (r)
        expire_later(q, r);
    ask_replicas(q, of, r);
}

void request_trim(struct requests *q, struct send_batch *b)
{
    for (size_t i = 0; i < b->rooms.n; b->rooms.at[i++].newest = ID_LEAST)
        if (b->rooms.at[i].newest.ms >= q->set->maxage)
            ASK_KEY(q, EXPECT_TRIMMED, NULL, "XTRIM %b MINID ~ %llu",
                b->commands.data + b->rooms.at[i].at, b->rooms.at[i].len,
                (unsigned long long)(b->rooms.at[i].newest.ms - q->set->maxage));
}

void request_last(struct requests *q, struct receipt *r)
{
    char id[ID_TEXT];

    id_print(id, r->last_id);
    ASK_KEY(q, EXPECT_LAST, r, "XRANGE %b %s + COUNT 1", r->last_room.data, r->last_room.len, id);
}

void request_check(struct requests *q, struct receipt *r)
{
    if (r->state < RECEIPT_UNREPLICATED)
        request_last(q, r);
    else
        ASK_KEY(q, EXPECT_GET, r, "GET %b", r->key.data, r->key.len);
}

void request_delete(struct requests *q, struct receipt *r)
{
    ASK_KEY(q, EXPECT_ANYTHING, NULL, "DEL %b", r->key.data, r->key.len);
    r->state = RECEIPT_NONE;
}
