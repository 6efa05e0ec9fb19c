#include "cmd/send_batch.h"

#include <string.h>

/* Lua takes no more than some 8,000 values as the arguments of one call. */
enum { SCRIPT_MESSAGES = 2000 };

bool batch_full(const struct send_batch *b)
{
    return b->n == BATCH_ENTRIES || b->fields.len >= BATCH_BYTES || b->alone
           || b->echo.len >= 2 * BATCH_BYTES;
}

bool batch_takes(const struct send_batch *b, const struct send_entry *entry)
{
    if (b->n == 0)
        return true;
    return !batch_full(b) && b->fields.len + entry->fields.len <= BATCH_BYTES
           && entry->messages <= SCRIPT_MESSAGES && b->room.len == entry->room.len
           && memcmp(b->room.data, entry->room.at, b->room.len) == 0;
}

void batch_add(struct send_batch *b, const struct send_entry *entry)
{
    if (b->n == 0) {
        buf_clear(&b->room);
        buf_add(&b->room, entry->room.at, entry->room.len);
        *buf_reserve(&b->room, 1) = 0; /* a string too, for errors */
        b->alone = entry->messages > SCRIPT_MESSAGES;
        b->doubtful = b->unrun = false;
    }
    buf_add(&b->fields, entry->fields.data, entry->fields.len);
    b->slots[b->n++] = (struct send_slot){
        false, entry->id, entry->messages, entry->bytes, entry->line, b->fields.len, b->echo.len};
}

void batch_echo(struct send_batch *b, const char *bytes, size_t n)
{
    buf_add(&b->echo, bytes, n);
    if (b->n > 0)
        b->slots[b->n - 1].echo = b->echo.len;
}

bool batch_same_room(const struct send_batch *a, const struct send_batch *b)
{
    return a->room.len == b->room.len && memcmp(a->room.data, b->room.data, a->room.len) == 0;
}

struct entry_bytes batch_fields(const struct send_batch *b, size_t n)
{
    size_t from = n > 0 ? b->slots[n - 1].fields : 0;

    return (struct entry_bytes){b->fields.data + from, b->slots[n].fields - from};
}

size_t batch_undone(const struct send_batch *b, size_t from)
{
    while (from < b->n && b->slots[from].done)
        from++;
    return from;
}

/* What -T and -i print of an entry: its input, its ID, or both, row by row. */
static void print_slot(const struct send_slot *slot, const struct send_settings *set,
    const char *echo, size_t n, struct buf *to)
{
    char id[ID_TEXT];
    size_t id_len = set->ids ? id_print(id, slot->id) : 0;

    for (size_t i = 0; set->ids && i < slot->messages; i++) {
        const char *end = set->tee && i + 1 < slot->messages ? memchr(echo, '\n', n) : NULL;
        size_t part = end ? (size_t)(end + 1 - echo) : n;

        buf_add(to, id, id_len);
        buf_add(to, set->tee ? "\t" : "\n", 1);
        buf_add(to, echo, part);
        echo += part;
        n -= part;
    }
    if (!set->ids)
        buf_add(to, echo, n);
}

void batch_settle(
    struct send_batch *b, const struct send_settings *set, struct out *out, struct progress *done)
{
    const char *echo = b->echo.len > 0 ? b->echo.data : "";
    size_t from = 0;

    for (size_t i = 0; i < b->n; from = b->slots[i++].echo) {
        const struct send_slot *slot = &b->slots[i];

        if (!slot->done)
            continue;
        done->messages += slot->messages;
        done->bytes += slot->bytes;
        print_slot(slot, set, echo + from, slot->echo - from, &out->buf);
    }
    if (batch_undone(b, 0) == b->n && b->echo.len > from)
        buf_add(&out->buf, echo + from, b->echo.len - from);
    buf_clear(&b->fields);
    buf_clear(&b->echo);
    b->n = 0;
    b->alone = false;
    b->state = BATCH_FILLING;
    out_commit(out);
}

void batch_free(struct send_batch *b)
{
    buf_free(&b->room);
    buf_free(&b->fields);
    buf_free(&b->echo);
}
