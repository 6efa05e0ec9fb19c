#include "cmd/send_batch.h"

#include <string.h>

#include "common/reply.h"
#include "common/route.h"

/* Release memory beyond what the largest batch takes: it is left from a giant message. */
enum { COMMANDS_KEPT = 8 * 1024 * 1024 };

bool batch_full(const struct send_batch *b, struct batch_limit most)
{
    return b->entries.n >= most.entries || b->commands.len >= most.bytes
           || b->echo.len >= 2 * most.bytes;
}

bool batch_takes(
    const struct send_batch *b, const struct send_entry *entry, struct batch_limit most)
{
    return b->entries.n == 0
           || (!batch_full(b, most) && b->commands.len + entry->fields.len <= most.bytes);
}

struct span batch_room_name(const struct send_batch *b, size_t place)
{
    const struct batch_room *r = &b->rooms.at[place];

    return (struct span){b->commands.data + r->at, r->len};
}

/* The element of the index that holds the room's place (from 1), or 0 if the room is new. */
static uint32_t *indexed(const struct send_batch *b, struct span name)
{
    uint32_t *index = (void *)b->index.data, mask = (uint32_t)(b->index.len / sizeof *index) - 1;
    uint32_t at = span_hash(name) & mask;

    while (index[at] && !span_equal(batch_room_name(b, index[at] - 1), name))
        at = (at + 1) & mask;
    return &index[at];
}

/* Keep at least half of the index free. */
static void grow_index(struct send_batch *b)
{
    size_t places = b->index.len / sizeof(uint32_t), n = places ? 2 * places : 64;

    if (2 * (b->rooms.n + 1) < places)
        return;
    buf_clear(&b->index);
    memset(buf_reserve(&b->index, n * sizeof(uint32_t)), 0, n * sizeof(uint32_t));
    b->index.len = n * sizeof(uint32_t);
    for (uint32_t i = 0; i < b->rooms.n; i++)
        *indexed(b, batch_room_name(b, i)) = i + 1;
}

/* The place of a room; `rooms.n` if it is new, in which case it must be added. */
static uint32_t find_room(struct send_batch *b, struct span name)
{
    uint32_t last = b->entries.n > 0 ? b->entries.at[b->entries.n - 1].room : 0, *place;

    if (b->entries.n > 0 && span_equal(batch_room_name(b, last), name))
        return last;
    grow_index(b);
    place = indexed(b, name);
    if (*place == 0)
        *place = (uint32_t)b->rooms.n + 1;
    return *place - 1;
}

/* Add a room whose name begins at `at` in `commands`. */
static void add_room(struct send_batch *b, size_t at, size_t len)
{
    list_add(&b->rooms,
        ((struct batch_room){.at = at, .len = len, .entry = BATCH_NO_ENTRY, .newest = ID_LEAST}));
}

/* Write the XADD up to its fields. Returns where the room's name begins in it. */
static size_t make_head(
    struct buf *to, const struct send_entry *entry, const struct send_settings *set)
{
    char id[ID_TEXT];
    size_t room;

    buf_clear(to);
    reply_command(to, 3 + (set->maxlen ? 3U : 0) + 2 * entry->messages);
    reply_text(to, "XADD");
    reply_word(to, entry->room.at, entry->room.len);
    room = to->len - 2 - entry->room.len;
    if (set->maxlen) {
        reply_text(to, "MAXLEN");
        reply_text(to, "~");
        reply_number(to, (uint64_t)set->maxlen);
    }
    if (set->keep_ids)
        reply_word(to, id, id_print(id, entry->id));
    else
        reply_text(to, "*");
    return room;
}

void batch_add(
    struct send_batch *b, const struct send_entry *entry, const struct send_settings *set)
{
    uint32_t room = find_room(b, entry->room);

    /* Without -k, entries of one room with the same number of fields have the same head. */
    if (set->keep_ids || b->entries.n == 0 || room != b->entries.at[b->entries.n - 1].room
        || entry->messages != b->head_messages) {
        size_t at = make_head(&b->head, entry, set);

        b->head_messages = entry->messages;
        if (room == b->rooms.n)
            add_room(b, b->commands.len + at, entry->room.len);
    }
    buf_add(&b->commands, b->head.data, b->head.len);
    buf_add(&b->commands, entry->fields.data, entry->fields.len);
    list_add(&b->entries, ((struct batch_entry){.room = room,
                              .next = BATCH_NO_ENTRY,
                              .id = set->keep_ids ? entry->id : ID_LEAST,
                              .messages = entry->messages,
                              .bytes = entry->bytes,
                              .line = entry->line,
                              .fields = b->commands.len - entry->fields.len,
                              .end = b->commands.len,
                              .echo = b->echo.len}));
}

void batch_echo(struct send_batch *b, const char *bytes, size_t n)
{
    buf_add(&b->echo, bytes, n);
    if (b->entries.n > 0)
        b->entries.at[b->entries.n - 1].echo = b->echo.len;
}

struct span batch_room(const struct send_batch *b, size_t n)
{
    return batch_room_name(b, b->entries.at[n].room);
}

struct span batch_command(const struct send_batch *b, size_t n)
{
    size_t from = n > 0 ? b->entries.at[n - 1].end : 0;

    return (struct span){b->commands.data + from, b->entries.at[n].end - from};
}

struct span batch_fields(const struct send_batch *b, size_t n)
{
    const struct batch_entry *e = &b->entries.at[n];

    return (struct span){b->commands.data + e->fields, e->end - e->fields};
}

/* The place of a room's part, which is added if it is new. `part_of` has each part's place, from 1,
 * by slot or by room; its first element serves all rooms of a batch that is not divided. */
static uint32_t part_for(
    struct send_batch *b, uint32_t *part_of, enum batch_division how, uint32_t room)
{
    struct span name = batch_room_name(b, room);
    int slot = how == DIVIDE_NOT ? -1 : route_slot(name.at, name.len);
    uint32_t *part = &part_of[how == DIVIDE_NOT       ? 0
                              : how == DIVIDE_BY_SLOT ? (uint32_t)slot
                                                      : room];

    if (*part == 0) {
        list_add(&b->parts, ((struct batch_part){.batch = b,
                                .state = PART_READY,
                                .slot = slot,
                                .first = BATCH_NO_ENTRY,
                                .refused = BATCH_NO_ENTRY}));
        *part = (uint32_t)b->parts.n;
    }
    return *part - 1;
}

void batch_divide(struct send_batch *b, enum batch_division how)
{
    size_t size = (how == DIVIDE_BY_ROOM ? b->rooms.n : ROUTE_SLOTS) * sizeof(uint32_t);
    uint32_t *part_of = (void *)buf_reserve(&b->part_of, size);
    uint32_t known = 0; /* rooms that have a part; rooms are in the order of their entries */

    memset(part_of, 0, size);
    b->parts.n = b->at = 0;
    for (uint32_t i = 0; i < b->entries.n; i++) {
        struct batch_entry *e = &b->entries.at[i];
        struct batch_room *room = &b->rooms.at[e->room];
        struct batch_part *part;

        if (e->room == known)
            room->part = part_for(b, part_of, how, known++);
        part = &b->parts.at[room->part];
        *(part->first == BATCH_NO_ENTRY ? &part->first : &b->entries.at[part->last].next) = i;
        part->last = i;
        e->next = BATCH_NO_ENTRY;
    }
}

static uint32_t find(const struct send_batch *b, uint32_t from, int state)
{
    while (from != BATCH_NO_ENTRY && (int)b->entries.at[from].state != state)
        from = b->entries.at[from].next;
    return from;
}

uint32_t part_find(const struct batch_part *part, int state)
{
    return find(part->batch, part->first, state);
}

uint32_t part_find_next(const struct batch_part *part, uint32_t entry, int state)
{
    return find(part->batch, part->batch->entries.at[entry].next, state);
}

struct span part_room(const struct batch_part *part)
{
    return batch_room(part->batch, part->first);
}

void part_choose(struct batch_part *part, size_t most)
{
    uint32_t at = part_find(part, ENTRY_OUT);

    part->first = part->end = at;
    if (at == part->refused)
        most = 1;
    for (part->count = 0; at != BATCH_NO_ENTRY && part->count < most; part->count++) {
        if (at == part->refused && part->count > 0)
            break;
        part->end = at;
        at = part_find_next(part, at, ENTRY_OUT);
    }
    part->whole = at == BATCH_NO_ENTRY;
}

void part_mark_out(const struct batch_part *part, bool forget_ids)
{
    struct batch_entry *entries = part->batch->entries.at;

    for (uint32_t at = part->first; at != BATCH_NO_ENTRY; at = entries[at].next) {
        entries[at].state = ENTRY_OUT;
        if (forget_ids)
            entries[at].id = ID_LEAST;
        if (at == part->end)
            break;
    }
}

void part_mark_rooms(const struct batch_part *part)
{
    struct send_batch *b = part->batch;
    uint32_t at = part->first;

    for (uint32_t i = 0; i < b->rooms.n; i++)
        b->rooms.at[i].entry = BATCH_NO_ENTRY;
    for (uint32_t n = 0; n < part->count; n++, at = b->entries.at[at].next)
        if (b->rooms.at[b->entries.at[at].room].entry == BATCH_NO_ENTRY)
            b->rooms.at[b->entries.at[at].room].entry = at;
}

size_t part_mark_verified(const struct batch_part *part, size_t *line)
{
    struct send_batch *b = part->batch;
    uint32_t at = part->first;
    size_t unknown = 0;

    for (uint32_t n = 0; n < part->count; n++, at = b->entries.at[at].next) {
        struct batch_entry *e = &b->entries.at[at];

        if (b->rooms.at[e->room].entry != BATCH_NO_ENTRY)
            continue;
        e->state = ENTRY_IN;
        if (id_compare(e->id, ID_LEAST) == 0 && unknown++ == 0)
            *line = e->line;
    }
    return unknown;
}

size_t batch_undelivered(const struct send_batch *b)
{
    size_t n = 0;

    while (n < b->entries.n && b->entries.at[n].state == ENTRY_IN)
        n++;
    return n;
}

bool batch_in_doubt(const struct send_batch *b, size_t entry)
{
    for (size_t i = b->at; i < b->parts.n; i++)
        if (b->parts.at[i].first == entry)
            return b->parts.at[i].in_doubt > 0;
    return false;
}

/* Append what -T and -i print of an entry: its input, its ID, or both, for each message. */
static void print_entry(const struct batch_entry *e, const struct send_settings *set,
    const char *echo, size_t n, struct buf *to)
{
    bool known = id_compare(e->id, ID_LEAST) > 0;
    char id[ID_TEXT] = "-";
    size_t id_len = known && set->ids ? id_print(id, e->id) : 1;

    for (size_t i = 0; set->ids && i < e->messages; i++) {
        const char *end = set->tee && i + 1 < e->messages ? memchr(echo, '\n', n) : NULL;
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

void batch_finish(
    struct send_batch *b, const struct send_settings *set, struct out *out, struct progress *done)
{
    const char *echo = b->echo.len > 0 ? b->echo.data : "";
    size_t from = 0;

    for (size_t i = 0; i < b->entries.n; from = b->entries.at[i++].echo) {
        const struct batch_entry *e = &b->entries.at[i];

        if (e->state != ENTRY_IN)
            continue;
        done->messages += e->messages;
        done->bytes += e->bytes;
        if (set->ids || e->echo > from)
            print_entry(e, set, echo + from, e->echo - from, &out->buf);
    }
    if (batch_undelivered(b) == b->entries.n && b->echo.len > from)
        buf_add(&out->buf, echo + from, b->echo.len - from);
    if (b->index.len > 0)
        memset(b->index.data, 0, b->index.len);
    b->entries.n = b->rooms.n = b->parts.n = b->at = 0;
    buf_clear_above(&b->commands, COMMANDS_KEPT);
    buf_clear(&b->echo);
    out_commit(out);
}

void batch_free(struct send_batch *b)
{
    buf_free(&b->commands);
    buf_free(&b->echo);
    buf_free(&b->index);
    buf_free(&b->head);
    buf_free(&b->part_of);
    list_free(&b->entries);
    list_free(&b->rooms);
    list_free(&b->parts);
}
