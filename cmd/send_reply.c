#include "cmd/send_reply.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The name of the room that a reply, or the entry in it, is about, for errors; NULL if none is. */
static const char *room_of(struct replies *r, const struct expected *e, uint32_t entry)
{
    struct span room = {0};

    if (e->what == EXPECT_PROBE)
        room = batch_room_name(e->of->batch, e->entry);
    else if (e->of)
        room = batch_room(e->of->batch, entry != BATCH_NO_ENTRY ? entry : e->of->first);
    else if (e->receipt)
        room = span_of_buf(&e->receipt->room);
    buf_clear(&r->space);
    buf_add(&r->space, room.at, room.len);
    *buf_reserve(&r->space, 1) = 0;
    return e->of || e->receipt ? r->space.data : NULL;
}

/* EXEC's error may quote the one that made it fail. That one is the cause. */
static struct reply_item cause_of(const struct reply_item *item)
{
    static const char because[] = "EXECABORT Transaction discarded because of: ";
    struct reply_item cause = *item;

    if (reply_is_error(item, because)) {
        cause.bytes += sizeof because - 1;
        cause.len -= sizeof because - 1;
    }
    return cause;
}

/* Keep the error, unless there was one before. */
static void note(
    struct replies *r, const struct expected *e, uint32_t entry, const struct reply_item *item)
{
    struct reply_item cause = cause_of(item);
    struct request_error *t = &r->error;

    if (t->why.code != EXIT_DONE)
        return;
    reply_refusal(&t->why, &cause, room_of(r, e, entry));
    if (reply_is_error(item, "ERR Protocol error: invalid bulk length"))
        t->why.code = EXIT_FAILED; /* a text longer than proto-max-bulk-len */
    t->full = reply_is_error(&cause, "OOM");
    t->bookkeeping = e->what == EXPECT_BOOKKEEPING || e->what == EXPECT_GET
                     || e->what == EXPECT_EXEC;
    t->crossed = reply_is_error(&cause, "CROSSSLOT")
                 && (t->bookkeeping || e->what == EXPECT_QUEUED);
}

/* The same for an error about an entry. */
static void note_entry(
    struct replies *r, const struct expected *e, uint32_t entry, const struct reply_item *item)
{
    bool first = r->error.why.code == EXIT_DONE;

    note(r, e, entry, item);
    if (!first || e->of == NULL)
        return;
    r->error.line = e->of->batch->entries.at[entry].line;
    r->error.bookkeeping = false;
    r->error.part = e->what == EXPECT_QUEUED ? e->of : NULL;
    r->error.entry = entry;
}

/* The reply is not one that the command can have. */
static void reject(struct replies *r, const struct expected *e)
{
    reply_reject(&r->error.why, room_of(r, e, BATCH_NO_ENTRY));
}

static bool is_too_old(const struct reply_item *item)
{
    return reply_is_error(item, "ERR The ID specified in XADD is equal or smaller")
           || reply_is_error(item, "ERR The stream has exhausted the last possible ID");
}

/* The reply to an entry's XADD. */
static void on_added(
    struct replies *r, const struct expected *e, uint32_t entry, const struct reply_item *item)
{
    struct batch_entry *added = &e->of->batch->entries.at[entry];
    struct batch_room *room = &e->of->batch->rooms.at[added->room];

    if (item->type == REPLY_STRING && id_parse(item->bytes, item->len, &added->id) == 0) {
        added->state = ENTRY_IN;
        room->newest = added->id;
    } else if (r->set->keep_ids && is_too_old(item)) {
        added->state = ENTRY_TOO_OLD;
        r->too_old++;
    } else if (item->type == REPLY_ERROR) {
        note_entry(r, e, entry, item);
    } else {
        reject(r, e);
    }
}

/* QUEUED, or the reply to an XADD that ran at once because MULTI was refused. */
static void on_queued(struct replies *r, struct expected *e, const struct reply_item *item)
{
    if (item->type == REPLY_ERROR)
        note_entry(r, e, e->entry, item);
    else if (item->type == REPLY_STRING && r->error.bookkeeping)
        on_added(r, e, e->entry, item);
    else if (item->type != REPLY_STATUS)
        reject(r, e);
}

/* The replies to all commands of the transaction; nil if the receipt was written since WATCH. */
static void on_exec(struct replies *r, struct expected *e, const struct reply_item *item)
{
    uint32_t entry = e->entry;

    if (item->depth == 0) {
        r->ran = item->type == REPLY_ARRAY;
        r->too_old = 0;
        if (item->type == REPLY_ERROR)
            note(r, e, BATCH_NO_ENTRY, item);
        else if (item->type != REPLY_NIL
                 && (item->type != REPLY_ARRAY || item->integer < (long long)e->of->count))
            reject(r, e);
    } else if (item->depth == 1 && entry == BATCH_NO_ENTRY && item->index < e->of->count) {
        reject(r, e); /* the XADDs were answered already, as MULTI was refused */
    } else if (item->depth == 1 && item->index < e->of->count) {
        e->entry = part_find_next(e->of, entry, ENTRY_OUT);
        on_added(r, e, entry, item);
    } else if (item->type == REPLY_ERROR) {
        note(r, e, BATCH_NO_ENTRY, item); /* from the command that writes the receipt */
        r->error.bookkeeping = false;
    }
}

static void on_get(struct replies *r, const struct expected *e, const struct reply_item *item)
{
    r->receipt = (struct receipt_content){0};
    if (item->type == REPLY_ERROR)
        note(r, e, BATCH_NO_ENTRY, item);
    else if (item->type != REPLY_NIL && item->type != REPLY_STRING)
        reject(r, e);
    else if (item->type == REPLY_STRING && !receipt_parse(item->bytes, item->len, &r->receipt))
        r->receipt = (struct receipt_content){.there = true, .entries = UINT64_MAX}; /* not ours */
}

static void on_probe(struct replies *r, struct expected *e, const struct reply_item *item)
{
    struct batch_room *room = &e->of->batch->rooms.at[e->entry];

    if (item->type != REPLY_ERROR || reply_is_error(item, "ERR The ID specified in XADD is equal"))
        room->entry = BATCH_NO_ENTRY; /* also for a room that has been deleted since */
    else
        note_entry(r, e, room->entry, item);
}

/* Gather the ID and fields of an entry. Returns true when it is whole. */
static bool gather_entry(struct replies *r, const struct reply_item *item)
{
    if (item->depth == 2 && item->index == 0) {
        buf_clear(&r->fields);
        if (item->type != REPLY_STRING || id_parse(item->bytes, item->len, &r->id) < 0)
            r->id = ID_LEAST;
    }
    if (item->depth != 3)
        return false;
    reply_word(&r->fields, item->bytes, item->len);
    return item->index + 1 == item->siblings;
}

static bool is_gathered(const struct replies *r, const struct send_batch *b, uint32_t entry)
{
    return span_equal(batch_fields(b, entry), span_of_buf(&r->fields));
}

static void list_entries(struct replies *r, const struct expected *e)
{
    uint32_t at = part_find(e->of, ENTRY_OUT);

    free(r->entries);
    r->entries = buf_zeroed(e->of->count, sizeof *r->entries);
    for (r->n_entries = 0; r->n_entries < e->of->count; r->n_entries++) {
        r->entries[r->n_entries] = at;
        at = part_find_next(e->of, at, ENTRY_OUT);
    }
}

/* Whether the gathered entry is known to be older than the transaction. */
static bool was_before(const struct replies *r, const struct expected *e)
{
    return span_equal(span_of_buf(&e->receipt->last_room), part_room(e->of))
           && id_compare(r->id, e->receipt->last_id) <= 0;
}

/*
 * Find the IDs of the transaction's entries. They are next to each other in the room, and come with
 * the last one first. An entry that has been deleted or trimmed since is skipped: its ID is not
 * known.
 */
static void on_ids(struct replies *r, const struct expected *e, const struct reply_item *item)
{
    if (item->depth == 0) {
        list_entries(r, e);
        if (item->type == REPLY_ERROR)
            note(r, e, BATCH_NO_ENTRY, item);
        return;
    }
    if (!gather_entry(r, item) || was_before(r, e))
        return;
    while (r->n_entries > 0) {
        uint32_t entry = r->entries[--r->n_entries];

        if (is_gathered(r, e->of->batch, entry)) {
            e->of->batch->entries.at[entry].id = r->id;
            return;
        }
    }
}

/* The entry cannot be added under its ID (-k). */
static void fail_entry(struct replies *r, const struct send_batch *b, uint32_t entry,
    const char *what, const char *why)
{
    struct span room = batch_room(b, entry);
    char id[ID_TEXT];

    if (r->error.why.code != EXIT_DONE)
        return;
    id_print(id, b->entries.at[entry].id);
    r->error.line = b->entries.at[entry].line;
    err_set(&r->error.why, EXIT_FAILED, "line %zu: ID %s %s %.*s, %s", r->error.line, id, what,
        SPAN_TEXT(room, 64), why);
}

void replies_not_held(struct replies *r, const struct send_batch *b, uint32_t entry)
{
    fail_entry(r, b, entry, "is below the last ID of", "which does not hold it");
}

static void on_held(struct replies *r, const struct expected *e, const struct reply_item *item)
{
    struct batch_entry *entry = &e->of->batch->entries.at[e->entry];

    if (item->depth == 0 && item->type == REPLY_ERROR)
        note_entry(r, e, e->entry, item);
    else if (item->depth == 0 && item->type != REPLY_ARRAY)
        reject(r, e);
    if (!gather_entry(r, item))
        return;
    if (is_gathered(r, e->of->batch, e->entry))
        entry->state = ENTRY_IN;
    else
        fail_entry(r, e->of->batch, e->entry, "is already in", "with other fields");
}

static void on_below(struct replies *r, const struct expected *e, const struct reply_item *item)
{
    if (item->depth > 0)
        return;
    if (item->type == REPLY_ERROR)
        note_entry(r, e, e->entry, item);
    else if (item->type != REPLY_ARRAY)
        reject(r, e);
    else if (item->integer == 0)
        e->of->batch->entries.at[e->entry].state = ENTRY_IN; /* it has been trimmed since */
    else
        replies_not_held(r, e->of->batch, e->entry);
}

static void on_last(struct replies *r, const struct expected *e, const struct reply_item *item)
{
    if (item->depth > 0)
        return;
    r->last = item->type != REPLY_ARRAY ? LAST_UNKNOWN : item->integer > 0 ? LAST_HELD : LAST_GONE;
    r->unknown.code = EXIT_DONE;
    if (item->type == REPLY_ERROR)
        reply_refusal(&r->unknown, item, room_of(r, e, BATCH_NO_ENTRY));
    else if (item->type != REPLY_ARRAY)
        reply_reject(&r->unknown, room_of(r, e, BATCH_NO_ENTRY));
}

void replies_item(void *replies, const struct reply_item *item)
{
    struct replies *r = replies;
    struct expected *e = request_due(r->requests);

    if (e == NULL || e->what == EXPECT_ANYTHING)
        return;
    if (e->asking && !e->asked) {
        if (item->type == REPLY_ERROR)
            note(r, e, BATCH_NO_ENTRY, item);
        return;
    }
    switch (e->what) {
    case EXPECT_EXEC: on_exec(r, e, item); return;
    case EXPECT_IDS: on_ids(r, e, item); return;
    case EXPECT_HELD: on_held(r, e, item); return;
    case EXPECT_BELOW: on_below(r, e, item); return;
    case EXPECT_LAST: on_last(r, e, item); return;
    default: break;
    }
    if (item->depth > 0)
        return; /* what the others expect is a single item */
    switch (e->what) {
    case EXPECT_QUEUED: on_queued(r, e, item); return;
    case EXPECT_XADD: on_added(r, e, e->entry, item); return;
    case EXPECT_GET: on_get(r, e, item); return;
    case EXPECT_PROBE: on_probe(r, e, item); return;
    case EXPECT_WAIT: r->replicas = item->type == REPLY_INTEGER ? item->integer : 0; break;
    default: break;
    }
    if (item->type == REPLY_ERROR)
        note(r, e, BATCH_NO_ENTRY, item);
}

void replies_free(struct replies *r)
{
    buf_free(&r->fields);
    buf_free(&r->space);
    free(r->entries);
}
