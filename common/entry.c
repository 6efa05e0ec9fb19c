#include "common/entry.h"

#include <string.h>

void entry_begin(struct entry_decoder *d)
{
    d->entries = d->fields = d->bytes = 0;
    d->problem.code = EXIT_DONE;
    d->m.room = d->from;
}

static void reject(struct entry_decoder *d)
{
    err_set(&d->problem, EXIT_REFUSED, "protocol error: the reply does not hold stream entries");
}

static struct span keep(struct buf *in, const struct reply_item *item)
{
    buf_clear(in);
    buf_add(in, item->bytes, item->len);
    buf_reserve(in, 1); /* never NULL, even if it is empty */
    return span_of_buf(in);
}

static void begin_room(struct entry_decoder *d, const struct reply_item *item)
{
    d->m.room = keep(&d->room, item);
    if (d->on_room)
        d->on_room(d->context, &d->m.room);
}

static void end_entry(struct entry_decoder *d)
{
    d->entries++;
    d->on_entry(d->context, &d->m);
}

/* An entry's ID, or the list of its fields, which is nil if the entry was deleted while pending. */
static void entry_part(struct entry_decoder *d, const struct reply_item *item)
{
    if (item->index == 0) {
        if (item->type != REPLY_STRING || item->len >= sizeof d->id
            || id_parse(item->bytes, item->len, &d->m.key) < 0) {
            reject(d);
            return;
        }
        memcpy(d->id, item->bytes, item->len);
        d->id[item->len] = 0;
        d->m.id = (struct span){d->id, item->len};
    } else if (item->type == REPLY_NIL || (item->type == REPLY_ARRAY && item->integer <= 0)) {
        end_entry(d);
    } else if (item->type != REPLY_ARRAY || item->integer % 2 != 0) {
        reject(d);
    }
}

/* Names and values in turn. */
static void field_part(struct entry_decoder *d, const struct reply_item *item)
{
    if (item->type != REPLY_STRING) {
        reject(d);
        return;
    }
    d->bytes += item->len;
    d->fields += item->index % 2;
    if (item->index % 2 == 0) {
        d->m.name = keep(&d->name, item);
        return;
    }
    d->m.text = (struct span){item->bytes, item->len};
    d->on_message(d->context, &d->m);
    if (item->index + 1 == item->siblings)
        end_entry(d);
}

void entry_item(void *decoder, const struct reply_item *item)
{
    struct entry_decoder *d = decoder;
    int within = item->depth - (int)d->reply;
    bool room = d->reply == ENTRY_XREAD && within == 0 && item->index == 0;

    if (d->problem.code != EXIT_DONE)
        return;
    if (item->type == REPLY_ERROR)
        reply_refusal(&d->problem, item, d->about);
    else if (within == 3)
        field_part(d, item);
    else if (within == 2)
        entry_part(d, item);
    else if (item->depth == 0 && item->type == REPLY_NIL)
        return; /* XREAD: nothing new */
    else if (item->type != (room ? REPLY_STRING : REPLY_ARRAY) || within > 3
             || (within == 1 && item->integer != 2))
        reject(d);
    else if (room)
        begin_room(d, item);
}

void entry_free(struct entry_decoder *d)
{
    buf_free(&d->room);
    buf_free(&d->name);
}
