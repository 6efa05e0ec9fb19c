#include "cmd/send_wire.h"

#include "common/reply.h"

/* Each entry is a command of its own for the link, which may have to say ASKING before each. */
static void send_entry(const struct wire *w, size_t n, struct buf *space)
{
    struct entry_bytes fields = batch_fields(w->batch, n);

    buf_clear(space);
    wire_add_head(w, n, space);
    buf_add(space, fields.at, fields.len);
    link_send(w->link, space->data, space->len);
}

/*
 * With -k one at a time: were two under way, a refusal of the first that passes, and not of the
 * second, would make the first one's ID impossible for ever.
 */
static void plain_send(struct wire *w)
{
    struct send_batch *b = w->batch;
    struct buf space = {0};

    b->step = PLAIN_ADDING;
    b->next = batch_undone(b, 0);
    b->state = b->next < b->n ? BATCH_SENT : w->set->replicas ? BATCH_ADDED : BATCH_IN;
    for (size_t i = b->next; i < b->n; i = batch_undone(b, i + 1)) {
        send_entry(w, i, &space);
        if (w->set->keep_ids)
            break;
    }
    buf_free(&space);
}

static void on_added(struct wire *w, struct send_slot *slot, const struct reply_item *item)
{
    slot->done = item->type == REPLY_STRING && id_parse(item->bytes, item->len, &slot->id) == 0;
    if (w->set->keep_ids && wire_is_too_old(item))
        w->batch->step = PLAIN_TOO_OLD;
    else if (item->type == REPLY_ERROR)
        wire_refuse(w, item, slot->line);
    else if (!slot->done)
        wire_reject(w);
}

static void on_looked_up(struct wire *w, struct send_slot *slot, const struct reply_item *item)
{
    slot->done = item->type == REPLY_ARRAY
                 && (item->integer > 0 || w->set->maxlen || w->set->maxage); /* trimmed again */
    if (item->type == REPLY_ERROR)
        wire_refuse(w, item, slot->line);
    else if (!slot->done)
        wire_refuse_id(w, slot);
}

static void plain_item(void *wire, const struct reply_item *item)
{
    struct wire *w = wire;
    struct send_batch *b = w->batch;

    if (item->depth > 0)
        return;
    if (b->step == PLAIN_ADDING)
        on_added(w, &b->slots[b->next], item);
    else if (b->step == PLAIN_LOOKING_UP)
        on_looked_up(w, &b->slots[b->next], item);
    else if (item->type == REPLY_ERROR)
        wire_refuse(w, item, 0);
}

/* Look for the ID that XADD found too old. */
static void look_up(const struct wire *w)
{
    const struct send_batch *b = w->batch;
    char id[ID_TEXT];

    id_print(id, b->slots[b->next].id);
    link_command(w->link, "XRANGE %b %s %s", b->room.data, b->room.len, id, id);
}

/* Trim by age, which counts from the newest ID that the server gave. False if it gave none. */
static bool trim(const struct wire *w)
{
    const struct send_batch *b = w->batch;
    size_t newest = b->n;

    while (newest > 0 && !b->slots[newest - 1].done)
        newest--;
    if (newest == 0 || b->slots[newest - 1].id.ms < w->set->maxage)
        return false;
    link_command(w->link, "XTRIM %b MINID ~ %llu", b->room.data, b->room.len,
        (unsigned long long)(b->slots[newest - 1].id.ms - w->set->maxage));
    return true;
}

static void plain_replied(struct wire *w)
{
    struct send_batch *b = w->batch;
    bool trimmed = b->step == PLAIN_TRIMMING;
    struct buf space = {0};

    if (b->step == PLAIN_TOO_OLD) {
        b->step = PLAIN_LOOKING_UP;
        look_up(w);
        return;
    }
    if (!trimmed && !(w->set->keep_ids && !b->slots[b->next].done)) {
        b->step = PLAIN_ADDING;
        b->next = batch_undone(b, b->next + 1);
        if (b->next < b->n && w->set->keep_ids)
            send_entry(w, b->next, &space);
        buf_free(&space);
        if (b->next < b->n)
            return;
    }
    if (!trimmed && w->set->maxage && trim(w)) {
        b->step = PLAIN_TRIMMING;
        return;
    }
    b->state = batch_undone(b, 0) == b->n ? BATCH_IN : BATCH_READY;
}

const struct send_way send_as_plain = {plain_send, plain_item, plain_replied};
