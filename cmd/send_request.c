#include "cmd/send_request.h"

#include <stdlib.h>

#include "common/link.h"
#include "common/reply.h"
#include "common/wait.h"

/* How long the server waits for replicas before it says how many there are. */
enum { REPLICAS_MS = 1000 };

/* --- expectations ---------------------------------------------------------------------------- */

struct expected *request_nth(struct requests *q, size_t n)
{
    return n < q->n ? &q->queue[(q->first + n) % REQUEST_QUEUE] : NULL;
}

struct expected *request_due(struct requests *q)
{
    return request_nth(q, 0);
}

static void expect_all(struct requests *q, struct expected e)
{
    struct expected *last = q->n > 0 ? request_nth(q, q->n - 1) : NULL;

    if (e.left == 0)
        return;
    if (last && last->what == e.what && last->batch == NULL && e.batch == NULL
        && last->receipt == e.receipt) {
        last->left += e.left;
        return;
    }
    if (q->n == REQUEST_QUEUE)
        abort(); /* no request has so many kinds of replies */
    q->n++;
    *request_nth(q, q->n - 1) = e;
}

static void expect(struct requests *q, enum expectation what)
{
    expect_all(q, (struct expected){.what = what, .left = 1});
}

/* The state of the entries that the replies are about. */
static int state_of(const struct expected *e)
{
    return e->what == EXPECT_HELD || e->what == EXPECT_BELOW ? ENTRY_TOO_OLD : ENTRY_OUT;
}

/* The room behind `from` that the request is about. */
static uint32_t next_room(const struct send_batch *b, uint32_t from)
{
    while (from < b->n_rooms && b->rooms[from].entry == BATCH_NO_ENTRY)
        from++;
    return from;
}

bool request_answered(struct requests *q)
{
    struct expected *e = request_due(q);

    if (e->asking && !e->asked) {
        e->asked = true;
        return false;
    }
    e->asked = false;
    if (e->what == EXPECT_PROBE)
        e->entry = next_room(e->batch, e->entry + 1);
    else if (e->batch && e->left > 1)
        e->entry = batch_find(e->batch, e->batch->entries[e->entry].next, state_of(e));
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

static struct link *link_of(const struct requests *q)
{
    return session_link(q->session);
}

/* A node that is being given the slot takes a command only behind this, and then a transaction. */
static void say_asking(struct requests *q)
{
    if (!session_asking(q->session))
        return;
    link_command(link_of(q), "ASKING");
    expect(q, EXPECT_NO_ERROR);
}

static void ask_replicas(
    struct requests *q, struct send_batch *b, struct batch_part *part, struct receipt *r)
{
    if (q->set->replicas == 0)
        return;
    link_command(link_of(q), "WAIT %lld %d", (long long)q->set->replicas, REPLICAS_MS);
    expect_all(
        q, (struct expected){EXPECT_WAIT, .left = 1, .batch = b, .part = part, .receipt = r});
}

/* One thing more is asked that is there only to keep the promise. */
static void expect_promise(struct requests *q, struct receipt *r)
{
    expect_all(q, (struct expected){.what = EXPECT_PROMISE, .left = 1, .receipt = r});
}

void request_prove(struct requests *q, struct receipt *r)
{
    link_command(link_of(q), "MULTI");
    expect_promise(q, r);
    link_command(link_of(q), "EXEC");
    expect_promise(q, r);
}

static void expire_later(struct requests *q, struct receipt *r)
{
    say_asking(q);
    link_command(
        link_of(q), "PEXPIRE %b %llu", r->key.data, r->key.len, (unsigned long long)r->life);
    expect_promise(q, r);
}

static void open_receipt(struct requests *q, struct receipt *r)
{
    say_asking(q);
    link_command(link_of(q), "MULTI");
    expect_promise(q, r);
    link_command(link_of(q), "SET %b %s PX %llu NX", r->key.data, r->key.len, "0 0",
        (unsigned long long)r->life);
    expect_promise(q, r);
    link_command(link_of(q), "EXEC");
    expect_promise(q, r);
    r->state = RECEIPT_OPENING;
}

static void ask_value(struct requests *q, struct receipt *r)
{
    say_asking(q);
    link_command(link_of(q), "GET %b", r->key.data, r->key.len);
    expect_all(q, (struct expected){.what = EXPECT_GET, .left = 1, .receipt = r});
}

void request_guard(struct requests *q, struct receipt *r, bool proven)
{
    bool opens = r->state == RECEIPT_BEGUN, alone = r->state == RECEIPT_ALONE;

    if (!proven || opens) /* the guard of one that was evicted would make its opening fail */
        request_prove(q, r);
    if (opens)
        open_receipt(q, r);
    if (alone)
        expire_later(q, r);
    if (opens || alone)
        ask_replicas(q, NULL, NULL, r);
    if (opens && id_compare(r->last_id, ID_LEAST) > 0)
        request_last(q, r);
    say_asking(q);
    link_command(link_of(q), "WATCH %b", r->key.data, r->key.len);
    expect_promise(q, r);
    ask_value(q, r);
    r->used = wait_now();
}

/* Send the part's XADDs; those that lie side by side at once. Returns the last entry. */
static uint32_t send_entries(
    struct requests *q, const struct send_batch *b, const struct batch_part *part)
{
    uint32_t at = batch_find(b, part->first, ENTRY_OUT), last = at;

    for (uint32_t left = part->count; left > 0;) {
        uint32_t next = at;
        struct entry_bytes run = {batch_command(b, at).at, 0};

        do {
            last = next;
            run.len += batch_command(b, last).len;
            next = batch_find(b, b->entries[last].next, ENTRY_OUT);
        } while (--left > 0 && next == last + 1);
        link_send(link_of(q), run.at, run.len);
        at = next;
    }
    return last;
}

static struct expected about_entries(
    enum expectation what, struct send_batch *b, struct batch_part *part)
{
    return (struct expected){.what = what,
        .left = part->count,
        .entry = batch_find(b, part->first, ENTRY_OUT),
        .batch = b,
        .part = part};
}

/* With -i the receipt holds the last ID too, by which the others are found if no answer comes. */
static const char note_id[] =
    "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]\n"
    "return redis.call('SET', KEYS[2], ARGV[1] .. (last and ' ' .. last[1] or ''), 'PX', "
    "ARGV[2])\n";

/* Where each entry is its own receipt, this one is only something that replicas can have. */
static void write_receipt(struct requests *q, const struct send_batch *b, uint32_t last,
    struct receipt *r, uint64_t count)
{
    unsigned long long life = r->life;
    struct buf *value = &q->space;

    if (r == NULL || (q->set->keep_ids && !q->set->replicas))
        return;
    receipt_value(r, count, b->entries[last].line, value);
    if (q->set->ids && !q->set->keep_ids) {
        struct entry_bytes room = batch_room(b, last);

        link_command(link_of(q), "EVAL %s 2 %b %b %b %llu", note_id, room.at, room.len, r->key.data,
            r->key.len, value->data, value->len, life);
    } else {
        link_command(link_of(q), "SET %b %b PX %llu", r->key.data, r->key.len, value->data,
            value->len, life);
    }
    expect_promise(q, r);
}

void request_queue(struct requests *q, struct send_batch *b, struct batch_part *part,
    struct receipt *r, uint64_t before)
{
    uint32_t last;

    say_asking(q);
    link_command(link_of(q), "MULTI");
    expect_promise(q, r);
    expect_all(q, about_entries(EXPECT_QUEUED, b, part));
    last = send_entries(q, b, part);
    write_receipt(q, b, last, r, before + part->count);
}

void request_commit(
    struct requests *q, struct send_batch *b, struct batch_part *part, struct receipt *r)
{
    struct expected exec = about_entries(EXPECT_EXEC, b, part);

    exec.left = 1;
    exec.receipt = r;
    link_command(link_of(q), "EXEC");
    expect_all(q, exec);
    ask_replicas(q, b, part, r);
    if (r)
        r->used = wait_now();
}

void request_discard(struct requests *q)
{
    struct expected *e;

    for (size_t i = 0; (e = request_nth(q, i)); i++)
        if (e->what == EXPECT_GET)
            e->what = EXPECT_ANYTHING;
    link_command(link_of(q), "DISCARD");
    expect(q, EXPECT_NO_ERROR);
}

void request_add(struct requests *q, struct send_batch *b, struct batch_part *part)
{
    struct expected added = about_entries(EXPECT_XADD, b, part);

    added.asking = session_asking(q->session);
    if (added.asking)
        link_command(link_of(q), "ASKING");
    send_entries(q, b, part);
    expect_all(q, added);
    ask_replicas(q, b, part, NULL);
}

/*
 * An ID that a stream which has had entries refuses as too old, so that nothing is added; no more
 * permission is needed than for sending. What is no stream, or has no IDs left, says so instead.
 */
static void probe_rooms(struct requests *q, struct send_batch *b, struct batch_part *part)
{
    struct expected e = {
        EXPECT_PROBE, .asking = session_asking(q->session), .batch = b, .part = part};
    uint32_t at = batch_find(b, part->first, ENTRY_OUT);

    for (uint32_t i = 0; i < b->n_rooms; i++)
        b->rooms[i].entry = BATCH_NO_ENTRY;
    for (uint32_t n = 0; n < part->count; n++) {
        struct batch_room *room = &b->rooms[b->entries[at].room];

        if (room->entry == BATCH_NO_ENTRY)
            room->entry = at;
        at = batch_find(b, b->entries[at].next, ENTRY_OUT);
    }
    for (uint32_t i = next_room(b, 0); i < b->n_rooms; i = next_room(b, i + 1), e.left++) {
        struct entry_bytes name = {b->commands.data + b->rooms[i].at, b->rooms[i].len};

        if (e.asking)
            link_command(link_of(q), "ASKING");
        link_command(link_of(q), "XADD %b NOMKSTREAM 0-1 x x", name.at, name.len);
    }
    e.entry = next_room(b, 0);
    expect_all(q, e);
}

void request_verify(struct requests *q, struct send_batch *b, struct batch_part *part,
    struct receipt *r, struct id last)
{
    struct entry_bytes room = batch_room(b, part->first);
    struct expected ids = about_entries(EXPECT_IDS, b, part);
    char id[ID_TEXT];

    if (id_compare(last, ID_LEAST) > 0) {
        id_print(id, last);
        say_asking(q);
        link_command(link_of(q), "XREVRANGE %b %s - COUNT %llu", room.at, room.len, id,
            (unsigned long long)part->count);
        ids.left = 1;
        ids.receipt = r;
        expect_all(q, ids);
    }
    probe_rooms(q, b, part);
}

static uint32_t count_too_old(const struct send_batch *b, const struct batch_part *part)
{
    uint32_t n = 0, at = part->first;

    while ((at = batch_find(b, at, ENTRY_TOO_OLD)) != BATCH_NO_ENTRY) {
        at = b->entries[at].next;
        n++;
    }
    return n;
}

void request_held(struct requests *q, struct send_batch *b, struct batch_part *part, bool below)
{
    uint32_t at = batch_find(b, part->first, ENTRY_TOO_OLD);
    struct expected e = {below ? EXPECT_BELOW : EXPECT_HELD, .asking = session_asking(q->session),
        .left = count_too_old(b, part), .entry = at, .batch = b, .part = part};

    for (; at != BATCH_NO_ENTRY; at = batch_find(b, b->entries[at].next, ENTRY_TOO_OLD)) {
        struct entry_bytes room = batch_room(b, at);
        char id[ID_TEXT];

        id_print(id, b->entries[at].id);
        if (e.asking)
            link_command(link_of(q), "ASKING");
        if (below)
            link_command(link_of(q), "XRANGE %b - %s COUNT 1", room.at, room.len, id);
        else
            link_command(link_of(q), "XRANGE %b %s %s", room.at, room.len, id, id);
    }
    expect_all(q, e);
}

void request_renew(
    struct requests *q, struct send_batch *b, struct batch_part *part, struct receipt *r)
{
    if (r && q->set->keep_ids) { /* there may be none yet */
        link_command(link_of(q), "SET %b %s PX %llu", r->key.data, r->key.len, "0 0",
            (unsigned long long)r->life);
        expect_promise(q, r);
    } else if (r) {
        expire_later(q, r);
    }
    ask_replicas(q, b, part, r);
}

void request_trim(struct requests *q, struct send_batch *b)
{
    for (size_t i = 0; i < b->n_rooms; i++) {
        struct batch_room *room = &b->rooms[i];

        if (room->newest.ms < q->set->maxage)
            continue;
        say_asking(q);
        link_command(link_of(q), "XTRIM %b MINID ~ %llu", b->commands.data + room->at, room->len,
            (unsigned long long)(room->newest.ms - q->set->maxage));
        expect(q, EXPECT_TRIMMED);
    }
}

void request_last(struct requests *q, struct receipt *r)
{
    char id[ID_TEXT];

    id_print(id, r->last_id);
    say_asking(q);
    link_command(link_of(q), "XRANGE %b %s + COUNT 1", r->last_room.data, r->last_room.len, id);
    expect_all(q, (struct expected){.what = EXPECT_LAST, .left = 1, .receipt = r});
}

void request_check(struct requests *q, struct receipt *r)
{
    if (r->state < RECEIPT_ALONE)
        request_last(q, r);
    else
        ask_value(q, r);
}

void request_delete(struct requests *q, struct receipt *r)
{
    say_asking(q);
    link_command(link_of(q), "DEL %b", r->key.data, r->key.len);
    expect(q, EXPECT_ANYTHING);
    r->state = RECEIPT_NONE;
}
