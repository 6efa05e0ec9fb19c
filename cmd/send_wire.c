#include "cmd/send_wire.h"

void wire_add_head(const struct wire *w, size_t n, struct buf *to)
{
    const struct send_batch *b = w->batch;
    char id[ID_TEXT];

    reply_command(to, 3 + (w->set->maxlen ? 3U : 0) + 2 * b->slots[n].messages);
    reply_text(to, "XADD");
    reply_word(to, b->room.data, b->room.len);
    if (w->set->maxlen) {
        reply_text(to, "MAXLEN");
        reply_text(to, "~");
        reply_number(to, (uint64_t)w->set->maxlen);
    }
    if (w->set->keep_ids)
        reply_word(to, id, id_print(id, b->slots[n].id));
    else
        reply_text(to, "*");
}

void wire_refuse(struct wire *w, const struct reply_item *item, size_t line)
{
    struct trouble *t = w->trouble;

    if (t->kind != TROUBLE_NONE)
        return;
    reply_refusal(&t->why, item, w->batch->room.data);
    if (wire_is_too_long(item))
        t->why.code = EXIT_FAILED;
    t->kind = t->why.kind == ERR_FINAL ? TROUBLE_FINAL : TROUBLE_PASSING;
    t->torn = reply_is_error(item, "TRYAGAIN");
    t->line = line;
}

void wire_refuse_id(struct wire *w, const struct send_slot *slot)
{
    char id[ID_TEXT];

    if (w->trouble->kind != TROUBLE_NONE)
        return;
    id_print(id, slot->id);
    w->trouble->kind = TROUBLE_FINAL;
    w->trouble->line = slot->line;
    err_set(&w->trouble->why, EXIT_FAILED,
        "line %zu: ID %s is below the last one of %.64s, which does not hold it", slot->line, id,
        w->batch->room.data);
}

void wire_reject(struct wire *w)
{
    if (w->trouble->kind != TROUBLE_NONE)
        return;
    w->trouble->kind = TROUBLE_FINAL;
    err_set(&w->trouble->why, EXIT_REFUSED, "%.64s: protocol error: an unexpected reply",
        w->batch->room.data);
}

bool wire_is_too_long(const struct reply_item *item)
{
    return reply_is_error(item, "ERR Protocol error: invalid bulk length");
}

bool wire_is_too_old(const struct reply_item *item)
{
    return reply_is_error(item, "ERR The ID specified in XADD is equal or smaller")
           || reply_is_error(item, "ERR The stream has exhausted the last possible ID");
}
