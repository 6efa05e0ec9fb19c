#include "cmd/send.h"

#include <string.h>

/* What XADD says to an ID that is not above the room's last, and if the last is the highest ID. */
static const char *const too_old[] = {"ERR The ID specified in XADD is equal or smaller",
    "ERR The stream has exhausted the last possible ID"};

/* What the server says to a text longer than its proto-max-bulk-len, before it closes. */
static const char too_long[] = "ERR Protocol error: invalid bulk length";

bool batch_full(const struct send_batch *b)
{
    return b->n == BATCH_ENTRIES || b->wire.len >= BATCH_BYTES || b->echo.len >= 2 * BATCH_BYTES;
}

bool batch_takes(const struct send_batch *b, const struct send_entry *entry)
{
    if (b->n == 0)
        return true;
    return b->n < BATCH_ENTRIES && b->wire.len + entry->fields.len <= BATCH_BYTES
           && b->room.len == entry->room.len
           && memcmp(b->room.data, entry->room.at, b->room.len) == 0;
}

void batch_add(
    struct send_batch *b, const struct send_settings *set, const struct send_entry *entry)
{
    if (b->n == 0) {
        buf_clear(&b->room);
        buf_add(&b->room, entry->room.at, entry->room.len);
        buf_reserve(&b->room, 1); /* never NULL, though the name may be empty */
    }
    reply_command(&b->wire, 3 + (set->maxlen ? 3U : 0) + 2 * entry->messages);
    reply_text(&b->wire, "XADD");
    reply_word(&b->wire, entry->room.at, entry->room.len);
    if (set->maxlen) {
        reply_text(&b->wire, "MAXLEN");
        reply_text(&b->wire, "~");
        reply_number(&b->wire, (uint64_t)set->maxlen);
    }
    reply_word(&b->wire, entry->id.at, entry->id.len);
    buf_add(&b->wire, entry->fields.data, entry->fields.len);
    b->slots[b->n++] = (struct send_slot){
        SLOT_OPEN, entry->key, entry->messages, entry->bytes, entry->line, b->echo.len};
}

void batch_echo(struct send_batch *b, const char *bytes, size_t n)
{
    buf_add(&b->echo, bytes, n);
    if (b->n > 0)
        b->slots[b->n - 1].echo = b->echo.len;
}

static size_t next_unsure(const struct send_batch *b, size_t from)
{
    while (from < b->n && b->slots[from].state != SLOT_UNSURE)
        from++;
    return from;
}

/* Look for each ID that XADD found too old. */
static void send_lookups(const struct send_batch *b, struct link *l)
{
    char id[ID_TEXT];

    for (size_t i = b->next; i < b->n; i = next_unsure(b, i + 1)) {
        id_print(id, b->slots[i].id);
        link_command(l, "XRANGE %b %s %s", b->room.data, b->room.len, id, id);
    }
}

/* Trim by age, which counts from the newest ID that the server gave. False if it gave none. */
static bool send_trim(const struct send_batch *b, uint64_t age, struct link *l)
{
    size_t newest = b->n;

    while (newest > 0 && b->slots[newest - 1].state != SLOT_DONE)
        newest--;
    if (newest == 0 || b->slots[newest - 1].id.ms < age)
        return false;
    link_command(l, "XTRIM %b MINID ~ %llu", b->room.data, b->room.len,
        (unsigned long long)(b->slots[newest - 1].id.ms - age));
    return true;
}

void batch_send(struct send_batch *b, const struct send_settings *set, struct link *l)
{
    if (b->step == BATCH_FILLING && b->n > 0) {
        b->step = BATCH_ADDING;
        b->next = 0;
        link_send(l, b->wire.data, b->wire.len);
        return;
    }
    if (b->step == BATCH_ADDING && (b->next = next_unsure(b, 0)) < b->n) {
        b->step = BATCH_LOOKING_UP;
        send_lookups(b, l);
        return;
    }
    if (b->step < BATCH_TRIMMING && set->maxage && send_trim(b, set->maxage, l))
        b->step = BATCH_TRIMMING;
    else
        b->step = BATCH_SETTLED;
}

/* Of the room's name in an error, so that it does not hide the rest. */
static int name_len(const struct send_batch *b)
{
    return b->room.len < 64 ? (int)b->room.len : 64;
}

static void fail(
    struct batch_replies *r, enum exit_code code, size_t line, const struct reply_item *item)
{
    static const char unexpected[] = "protocol error: an unexpected reply";
    bool error = item->type == REPLY_ERROR;

    if (r->problem->code != EXIT_DONE)
        return;
    *r->line = line;
    err_set(r->problem, code, "%.*s: %.*s", name_len(r->batch), r->batch->room.data,
        error ? (int)item->len : (int)sizeof unexpected, error ? item->bytes : unexpected);
}

static void on_added(struct batch_replies *r, struct send_slot *slot, const struct reply_item *item)
{
    if (item->type == REPLY_ERROR && r->set->keep_ids
        && (reply_is_error(item, too_old[0]) || reply_is_error(item, too_old[1]))) {
        slot->state = SLOT_UNSURE;
    } else if (item->type == REPLY_STRING && id_parse(item->bytes, item->len, &slot->id) == 0) {
        slot->state = SLOT_DONE;
    } else {
        slot->state = SLOT_FAILED;
        fail(r, reply_is_error(item, too_long) ? EXIT_FAILED : reply_refusal(item), slot->line,
            item);
    }
}

static void on_looked_up(
    struct batch_replies *r, struct send_slot *slot, const struct reply_item *item)
{
    char id[ID_TEXT];

    slot->state = SLOT_DONE;
    if (item->type == REPLY_ARRAY && (item->integer > 0 || r->set->maxlen || r->set->maxage))
        return; /* held, or trimmed away again */
    slot->state = SLOT_FAILED;
    if (item->type == REPLY_ERROR) {
        fail(r, reply_refusal(item), slot->line, item);
    } else if (r->problem->code == EXIT_DONE) {
        id_print(id, slot->id);
        *r->line = slot->line;
        err_set(r->problem, EXIT_FAILED,
            "line %zu: ID %s is below the last one of %.*s, which does not hold it", slot->line, id,
            name_len(r->batch), r->batch->room.data);
    }
}

void batch_item(void *replies, const struct reply_item *item)
{
    struct batch_replies *r = replies;
    struct send_batch *b = r->batch;

    if (item->depth > 0)
        return;
    if (b->step == BATCH_ADDING)
        on_added(r, &b->slots[b->next], item);
    else if (b->step == BATCH_LOOKING_UP)
        on_looked_up(r, &b->slots[b->next], item);
    else if (item->type == REPLY_ERROR)
        fail(r, reply_refusal(item), 0, item);
}

bool batch_replied(struct send_batch *b)
{
    b->next = b->step == BATCH_LOOKING_UP ? next_unsure(b, b->next + 1) : b->next + 1;
    return b->step == BATCH_TRIMMING || b->next >= b->n;
}

/* What -T and -i print of an entry: its input, its ID, or both, row by row. */
static void print_slot(const struct send_slot *slot, const struct send_settings *set,
    const char *echo, size_t n, struct buf *to)
{
    char id[ID_TEXT];
    size_t id_len = id_print(id, slot->id);

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
    bool all = true;

    for (size_t i = 0; i < b->n; from = b->slots[i++].echo) {
        const struct send_slot *slot = &b->slots[i];

        all = all && slot->state == SLOT_DONE;
        if (slot->state != SLOT_DONE)
            continue;
        done->messages += slot->messages;
        done->bytes += slot->bytes;
        print_slot(slot, set, echo + from, slot->echo - from, &out->buf);
    }
    if (all && b->echo.len > from)
        buf_add(&out->buf, echo + from, b->echo.len - from);
    buf_clear(&b->wire);
    buf_clear(&b->echo);
    b->n = 0;
    b->step = BATCH_FILLING;
    out_commit(out);
}

void batch_free(struct send_batch *b)
{
    buf_free(&b->room);
    buf_free(&b->wire);
    buf_free(&b->echo);
}
