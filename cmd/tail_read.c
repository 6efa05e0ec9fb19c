#include "cmd/tail.h"

#include <inttypes.h>
#include <string.h>

#include "common/wait.h"

/* COUNT grows slowly: how large entries are is a guess until they came. OVERHEAD: what an entry and
 * a field take in a reply beside their bytes. */
enum { REPLY_BYTES = 1024 * 1024, GROWTH = 8, LARGEST_BATCH = 10000, OVERHEAD = 32 };

/* Before asking again after an answer that there is nothing came too early. */
enum { EMPTY_PAUSE_MS = 100 };

bool tail_hides(const struct tail *t, const struct span *name)
{
    for (size_t i = 0; i < t->set->excludes; i++)
        if (strlen(t->set->exclude[i]) == name->len
            && memcmp(t->set->exclude[i], name->at, name->len) == 0)
            return true;
    return false;
}

void tail_set_batch(struct tail *t, const struct entry_decoder *came)
{
    size_t fitting;

    if (came->entries == 0)
        return;
    fitting = REPLY_BYTES / ((came->bytes + came->fields * OVERHEAD) / came->entries + OVERHEAD);
    if (fitting > t->batch * GROWTH)
        fitting = t->batch * GROWTH;
    t->batch = fitting < 1 ? 1 : fitting > LARGEST_BATCH ? LARGEST_BATCH : fitting;
}

/* An XREAD reply names a room; mostly the one that was named before, or the next. */
static void on_room(void *context, const struct span *name)
{
    struct tail_reader *r = context;
    const struct tail *t = r->t;

    for (size_t i = 0; i < t->n_rooms; i++, r->at = (r->at + 1) % t->n_rooms) {
        r->reading = t->rooms[r->at];
        if (r->reading->len == name->len && memcmp(r->reading->name, name->at, name->len) == 0)
            return;
    }
    err_set(&r->in.problem, EXIT_REFUSED, "protocol error: a room that was not asked for");
}

/* Whether the entry lies past what is wanted of its room. */
static bool is_past(const struct tail *t, const struct tail_room *room, struct id id)
{
    return id_compare(id, t->until) > 0
           || (t->set->to_end && !t->set->group && id_compare(id, room->end) > 0);
}

/* Print a message of the entry, which begins where what may be written already ends. */
static void print_message(struct tail_reader *r, const struct entry_message *m)
{
    struct out *out = &r->t->out;
    size_t row = out->whole + r->open.row;

    if (r->open.messages > 0) {
        row = format_another(&r->t->format, &out->buf, row, m);
    } else {
        row = out->buf.len;
        format_message(&r->t->format, &out->buf, m);
    }
    r->open.row = row - out->whole;
    r->open.messages++;
    r->open.bytes += m->text.len;
}

static void on_message(void *context, const struct entry_message *m)
{
    struct tail_reader *r = context;
    struct tail *t = r->t;
    struct tail_room *room = r->reading;

    if (t->stop != TAIL_GOES_ON || is_past(t, room, m->key) || tail_hides(t, &m->name))
        return;
    if (room->skip > 0 && !format_keeps_entries(&t->format)) {
        room->skip--;
        r->open.skipped++;
        return;
    }
    print_message(r, m);
}

/* Nothing of an entry has come. */
static void close_entry(struct tail_reader *r)
{
    r->open.messages = r->open.bytes = r->open.skipped = 0;
}

void tail_roll_back(struct tail_reader *r)
{
    out_rollback(&r->t->out);
    if (r->open.skipped)
        r->reading->skip += r->open.skipped;
    close_entry(r);
}

/*
 * Where entries are kept whole, only the end of one tells whether -n wants any of it: take it back
 * if all of its messages are to be skipped.
 */
static void skip_entry(struct tail_reader *r)
{
    struct tail_room *room = r->reading;

    if (r->open.messages > room->skip) {
        room->skip = 0;
        return;
    }
    room->skip -= r->open.messages;
    out_rollback(&r->t->out);
    close_entry(r);
}

/* The entry was read whole. */
static void take_entry(struct tail *t, struct tail_room *room, struct id id)
{
    if (t->set->group) {
        tail_share(room, id);
        return;
    }
    room->cursor = id;
    tail_passed(room);
}

static void on_entry(void *context, const struct entry_message *m)
{
    struct tail_reader *r = context;
    struct tail *t = r->t;
    struct tail_room *room = r->reading;

    if (t->stop != TAIL_GOES_ON)
        return;
    if (is_past(t, room, m->key)) {
        room->done = true;
        return;
    }
    if (room->skip > 0 && format_keeps_entries(&t->format))
        skip_entry(r);
    t->progress.messages += r->open.messages;
    t->progress.bytes += r->open.bytes;
    close_entry(r);
    take_entry(t, room, m->key);
    if (out_commit(&t->out))
        tail_flush(t);
    if (id_compare(m->key, t->until) == 0)
        room->done = true;
    if (t->set->count > 0 && t->progress.messages >= (uint64_t)t->set->count)
        t->stop = TAIL_ENDED;
}

static bool is_asked(const struct tail_reader *r, const struct tail_room *room)
{
    return room->reader == r && !room->done && room->state == ROOM_READ
           && (r->room == NULL || r->room == room);
}

static void make_xread(const struct tail_reader *r, struct buf *to)
{
    const struct tail *t = r->t;
    size_t wanted = 0;

    for (size_t i = 0; i < t->n_rooms; i++)
        wanted += is_asked(r, t->rooms[i]);
    reply_command(to, (r->block >= 0 ? 6U : 4U) + 2 * wanted);
    reply_text(to, "XREAD");
    reply_text(to, "COUNT");
    reply_number(
        to, wanted > 0 && t->batch > wanted ? t->batch / wanted : 1); /* COUNT is for each room */
    if (r->block >= 0) {
        reply_text(to, "BLOCK");
        reply_number(to, (uint64_t)r->block);
    }
    reply_text(to, "STREAMS");
    for (size_t i = 0; i < t->n_rooms; i++)
        if (is_asked(r, t->rooms[i]))
            reply_word(to, t->rooms[i]->name, t->rooms[i]->len);
    for (size_t i = 0; i < t->n_rooms; i++) {
        char id[ID_TEXT];

        if (is_asked(r, t->rooms[i]))
            reply_word(to, id, id_print(id, t->rooms[i]->cursor));
    }
}

void tail_expect(struct tail_reader *r, enum entry_reply reply)
{
    r->in.reply = reply;
    r->in.untold = (struct span){0};
    if (reply == ENTRY_XAUTOCLAIM) {
        r->in.untold = (struct span){r->room->name, r->room->len};
        r->reading = r->room;
    }
    r->in.on_room = on_room;
    r->in.on_message = on_message;
    r->in.on_entry = on_entry;
    r->in.context = r;
    r->in.about = r->room ? r->room->name : r->t->n_rooms == 1 ? r->t->rooms[0]->name : NULL;
    entry_begin(&r->in);
}

static void ask_read(struct tail_reader *r)
{
    struct buf command = {0};

    tail_expect(r, ENTRY_XREAD);
    make_xread(r, &command);
    link_send(session_link(r->session), command.data, command.len);
    buf_free(&command);
    r->asked_at = wait_now();
}

void tail_read_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    entry_item(&r->in, item);
    if (r->in.problem.code != EXIT_DONE)
        r->problem = r->in.problem;
}

static void read_again(struct tail_reader *r)
{
    tail_roll_back(r);
    tail_set_batch(r->t, &r->in);
}

void tail_nothing_came(struct tail_reader *r)
{
    if (r->block == TAIL_NO_WAIT)
        r->over = true;
    else if (wait_now() + EMPTY_PAUSE_MS < r->asked_at + r->block)
        r->pause = wait_now() + EMPTY_PAUSE_MS;
}

static void was_read(struct tail_reader *r)
{
    read_again(r);
    if (r->in.entries > 0)
        return;
    if (r->room)
        r->t->past++; /* its last ones were deleted */
    else
        tail_nothing_came(r);
}

const struct tail_step tail_reads = {ask_read, tail_read_item, was_read, read_again};
