#include "cmd/send_wire.h"

#include <string.h>

#include "common/id.h"
#include "common/reply.h"
#include "common/wait.h"

/*
 * WATCH receipt, GET receipt, MULTI, the XADDs, SET receipt; and once GET has answered what it
 * should, EXEC, else DISCARD. EXEC does nothing if the receipt was written after its WATCH, or if a
 * command was refused, out of memory and the like (the documentation of Redis, "Transactions"). So
 * a batch runs only behind those before it, and once; and one whose connection died before EXEC was
 * sent does not run at all.
 *
 * What was not run is left to the script, which also tells why.
 */

/* The replies: to WATCH, GET, MULTI; to each XADD; to SET, and EXEC or DISCARD. */
enum { TO_GET = 1, BEFORE = 3, BEHIND = 2 };

void transaction_probe(struct wire *w)
{
    link_command(w->link, "WATCH %b", w->receipt->key.data, w->receipt->key.len);
    link_command(w->link, "MULTI");
    link_command(w->link, "EXEC");
    link_command(w->link, "DISCARD");
}

bool transaction_is_refused(const struct reply_item *item, size_t left)
{
    if (left == 1) /* what EXEC has ended can not be discarded */
        return !reply_is_error(item, "ERR DISCARD without MULTI");
    return item->type == REPLY_ERROR;
}

static void begin(const struct wire *w, struct buf *to)
{
    const struct buf *key = &w->receipt->key;

    reply_command(to, 2);
    reply_text(to, "WATCH");
    reply_word(to, key->data, key->len);
    reply_command(to, 2);
    reply_text(to, "GET");
    reply_word(to, key->data, key->len);
    reply_command(to, 1);
    reply_text(to, "MULTI");
    link_send(w->link, to->data, to->len);
    buf_clear(to);
}

static void add_entries(const struct wire *w, struct buf *head)
{
    struct send_batch *b = w->batch;

    wire_add_head(w, 0, head);
    for (size_t i = 0; i < b->n; i++) {
        struct entry_bytes fields = batch_fields(b, i);

        link_send(w->link, head->data, head->len);
        link_send(w->link, fields.at, fields.len);
        b->slots[i].id = ID_LEAST;
    }
}

static void transaction_send(struct wire *w)
{
    struct send_batch *b = w->batch;
    struct receipt *r = w->receipt;
    struct buf space = {0};

    r->sent += b->n;
    r->used = wait_now();
    begin(w, &space);
    add_entries(w, &space);
    buf_clear(&space);
    buf_printf(&space, "%llu %zu - -", (unsigned long long)r->sent, b->slots[b->n - 1].line);
    link_command(w->link, "SET %b %b PX %llu", r->key.data, r->key.len, space.data, space.len,
        (unsigned long long)r->life);
    buf_free(&space);
    b->state = BATCH_SENT;
    b->open = true;
    b->agreed = b->refused = false;
    b->next = 0;
}

/* Whether GET tells of what was sent before, nothing of that went wrong, and WATCH was taken. */
static bool agrees(const struct wire *w, const struct reply_item *item)
{
    const char *blank = item->len > 0 ? memchr(item->bytes, ' ', item->len) : NULL;
    uint64_t upto;

    return item->type == REPLY_STRING && blank && w->trouble->kind == TROUBLE_NONE
           && !w->batch->refused
           && id_number(item->bytes, (size_t)(blank - item->bytes), &upto) == 0
           && upto == w->receipt->sent - w->batch->n;
}

/* EXEC answers with what each command would have answered; with nil or an error if none was run. */
static void transaction_item(void *wire, const struct reply_item *item)
{
    struct wire *w = wire;
    struct send_batch *b = w->batch;
    size_t exec = BEFORE + b->n + BEHIND - 1;

    if (b->next == TO_GET)
        b->agreed = agrees(w, item);
    if (item->depth == 0 && item->type == REPLY_ERROR)
        b->refused = true;
    if (wire_is_too_long(item) && b->next >= BEFORE && b->next < BEFORE + b->n)
        wire_refuse(w, item, b->slots[b->next - BEFORE].line);
    if (b->next != exec || item->depth != 1 || item->index >= b->n)
        return;
    if (item->type == REPLY_STRING)
        id_parse(item->bytes, item->len, &b->slots[item->index].id);
    else if (item->type == REPLY_ERROR) /* a room that is no stream any more */
        wire_refuse(w, item, b->slots[item->index].line);
}

static void end(struct wire *w)
{
    struct send_batch *b = w->batch;

    for (size_t i = 0; i < b->n; i++) {
        struct send_slot *slot = &b->slots[i];

        slot->done = id_compare(slot->id, ID_LEAST) > 0;
        if (slot->done)
            receipt_acknowledge(w->receipt, slot);
    }
    b->state = batch_undone(b, 0) == b->n ? BATCH_IN : BATCH_READY;
    b->unrun = b->state == BATCH_READY;
    if (!b->unrun || w->trouble->kind != TROUBLE_NONE)
        return;
    w->trouble->kind = TROUBLE_UNRUN;
    w->trouble->refused = b->refused;
}

static void transaction_replied(struct wire *w)
{
    struct send_batch *b = w->batch;

    if (b->next++ == TO_GET) {
        link_command(w->link, b->agreed ? "EXEC" : "DISCARD");
        b->open = false;
    }
    if (b->next == BEFORE + b->n + BEHIND)
        end(w);
}

const struct send_way send_as_transaction = {
    transaction_send, transaction_item, transaction_replied};
