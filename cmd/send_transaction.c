#include "cmd/send_wire.h"

#include "common/reply.h"
#include "common/wait.h"

/*
 * WATCH receipt, fence, MULTI, the XADDs, SET receipt, EXEC: all in one go, and nothing of it is
 * done unless the receipt is what it should be. For that, the fence touches a receipt that says
 * something else, and EXEC does nothing when a key was touched after its WATCH (the commands'
 * documentation, "Optimistic locking using check-and-set"). So a batch that comes late, from a
 * connection that died, or behind one that was refused, changes nothing. Nor does one of which a
 * command is refused, out of memory and the like: then EXEC does nothing either.
 *
 * What was not run is left to the script, which also tells why.
 */
static const char fence[] = "local said = redis.call('GET', KEYS[1])\n"
                            "if said and said:match('%d+') == ARGV[1] then return end\n"
                            "redis.call('SET', KEYS[1], said or '', 'PX', ARGV[2])\n"
                            "if not said then redis.call('DEL', KEYS[1]) end\n";

/* The replies before those to the XADDs, and behind them. */
enum { BEFORE = 3, BEHIND = 2 };

void transaction_probe(struct wire *w)
{
    link_command(w->link, "WATCH %b", w->receipt->key.data, w->receipt->key.len);
    link_command(w->link, "MULTI");
    link_command(w->link, "EXEC");
}

static void add_fence(const struct receipt *r, struct buf *to)
{
    reply_command(to, 2);
    reply_text(to, "WATCH");
    reply_word(to, r->key.data, r->key.len);
    reply_command(to, 6);
    reply_text(to, "EVAL");
    reply_text(to, fence);
    reply_number(to, 1);
    reply_word(to, r->key.data, r->key.len);
    reply_number(to, r->sent);
    reply_number(to, r->life);
}

/* The receipt, as the script writes it. */
static void add_receipt(const struct wire *w, struct buf *to)
{
    const struct receipt *r = w->receipt;
    const struct send_batch *b = w->batch;
    struct buf value = {0};

    buf_printf(&value, "%llu %zu - -", (unsigned long long)r->sent + b->n, b->slots[b->n - 1].line);
    reply_command(to, 5);
    reply_text(to, "SET");
    reply_word(to, r->key.data, r->key.len);
    reply_word(to, value.data, value.len);
    reply_text(to, "PX");
    reply_number(to, r->life);
    buf_free(&value);
}

static void transaction_send(struct wire *w)
{
    struct send_batch *b = w->batch;
    struct buf to = {0}, head = {0};

    add_fence(w->receipt, &to);
    reply_command(&to, 1);
    reply_text(&to, "MULTI");
    wire_add_head(w, 0, &head);
    for (size_t i = 0; i < b->n; i++) {
        struct entry_bytes fields = batch_fields(b, i);

        buf_add(&to, head.data, head.len);
        buf_add(&to, fields.at, fields.len);
        b->slots[i].id = ID_LEAST;
    }
    buf_free(&head);
    add_receipt(w, &to);
    reply_command(&to, 1);
    reply_text(&to, "EXEC");
    link_send(w->link, to.data, to.len);
    buf_free(&to);
    b->state = BATCH_SENT;
    b->next = 0;
    w->receipt->sent += b->n;
    w->receipt->used = wait_now();
}

/* EXEC answers with what each command would have answered; with nil or an error if none was run. */
static void transaction_item(void *wire, const struct reply_item *item)
{
    struct wire *w = wire;
    struct send_batch *b = w->batch;

    if (wire_is_too_long(item) && b->next >= BEFORE && b->next < BEFORE + b->n)
        wire_refuse(w, item, b->slots[b->next - BEFORE].line);
    if (item->depth != 1 || b->next != BEFORE + b->n + BEHIND - 1 || item->index >= b->n)
        return;
    if (item->type == REPLY_STRING)
        id_parse(item->bytes, item->len, &b->slots[item->index].id);
    else if (item->type == REPLY_ERROR) /* a room that is no stream any more */
        wire_refuse(w, item, b->slots[item->index].line);
}

static void transaction_replied(struct wire *w)
{
    struct send_batch *b = w->batch;

    if (++b->next < BEFORE + b->n + BEHIND)
        return;
    for (size_t i = 0; i < b->n; i++) {
        struct send_slot *slot = &b->slots[i];

        slot->done = id_compare(slot->id, ID_LEAST) > 0;
        if (slot->done)
            receipt_acknowledge(w->receipt, slot);
    }
    b->state = batch_undone(b, 0) == b->n ? BATCH_IN : BATCH_READY;
    b->unrun = b->state == BATCH_READY;
    if (b->unrun && w->trouble->kind == TROUBLE_NONE)
        w->trouble->kind = TROUBLE_UNRUN;
}

const struct send_way send_as_transaction = {
    transaction_send, transaction_item, transaction_replied};
