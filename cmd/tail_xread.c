#include "cmd/tail_xread.h"

#include <string.h>

#include "cmd/tail_start.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* COUNT grows slowly, as the size of entries is only known once they came. OVERHEAD: bytes that an
 * entry and a field take in a reply besides their own. */
enum { REPLY_BYTES = 1024 * 1024, MOST_REPLIES = 8, GROWTH = 8, OVERHEAD = 32 };

/* For each NEAR_MS of a round trip, ask for another REPLY_BYTES. */
enum { NEAR_MS = 5 };

/* After a reply killed the connection, this many must come whole before a larger one is tried. */
enum { FINE = 64 };

void tail_batch_grow(struct tail_batch *b, const struct entry_decoder *came)
{
    uint64_t one = b->bytes ? b->bytes : REPLY_BYTES, fitting;
    uint64_t bytes = one * (1 + b->distance / NEAR_MS);

    if (came->entries == 0)
        return;
    if (bytes > one * MOST_REPLIES)
        bytes = one * MOST_REPLIES;
    fitting = bytes / ((came->bytes + came->fields * OVERHEAD) / came->entries + OVERHEAD);
    if (fitting > b->entries * GROWTH)
        fitting = b->entries * GROWTH;
    if (b->most > 0 && ++b->fine % FINE == 0)
        b->most *= 2;
    if (b->most > 0 && fitting > b->most)
        fitting = b->most;
    b->entries = fitting < 1 ? 1 : (size_t)fitting;
}

void tail_batch_shrink(struct tail_batch *b, size_t asked)
{
    b->most = asked > 1 ? asked / 2 : 1;
    b->fine = 0;
    if (b->entries > b->most)
        b->entries = b->most;
}

static struct tail_xread *xread(void *request)
{
    return request;
}

static void on_room(void *context, const struct span *name)
{
    struct tail_xread *x = context;
    struct tail_room *room = tail_rooms_in_reply(x->rooms, x->n, &x->at, name, &x->in.problem);

    if (room) {
        x->reading = room;
        room->last_read = x->reply;
    }
}

/* Whether to drop an entry of a guessed read: it was read already, or comes after a gap. */
static bool is_dropped(const struct tail_xread *x, struct id id)
{
    return x->request.at > x->timed && (x->gap || id_compare(id, x->reading->at.cursor) <= 0);
}

static void on_message(void *context, const struct entry_message *m)
{
    struct tail_xread *x = context;

    if (!is_dropped(x, m->key))
        tail_print_message(&x->t->print, &x->open, x->reading, m);
}

static void on_entry(void *context, const struct entry_message *m)
{
    struct tail_xread *x = context;
    struct tail_print *p = &x->t->print;
    struct tail_room *room = x->reading;
    struct tail_loss loss;

    if (p->stop != TAIL_GOES_ON || is_dropped(x, m->key))
        return;
    if (tail_print_is_past(p, room, m->key)) {
        tail_print_void(&x->open, room);
        loss = tail_room_pass(&room->at, m->key);
        tail_start_report(x->t, room, &loss);
        room->state = TAIL_ROOM_DONE;
        return;
    }
    if (x->in.entries == 1)
        x->first = m->key;
    tail_print_entry(p, &x->open, room);
    loss = tail_room_read(&room->at, m->key);
    if (loss.entries > 0)
        tail_start_report(x->t, room, &loss);
    tail_wait_mark_unsaved(x->t, room);
    if (id_compare(m->key, p->until) == 0)
        room->state = TAIL_ROOM_DONE;
}

/* Add reads that begin where this one is guessed to end. */
static void ask_ahead(struct tail_xread *x, struct link *link)
{
    const struct tail_room *room = x->rooms->at[0];
    char id[ID_TEXT];

    if (x->ahead && x->n == 1 && x->batch.distance > NEAR_MS)
        tail_ahead_guess(&x->guess, room->at.cursor, x->count);
    for (size_t i = 0; i < x->guess.n; i++) {
        id_print(id, x->guess.guesses[i]);
        link_command(link, "XREAD COUNT %llu STREAMS %b %s", (unsigned long long)x->count,
            room->name, room->len, id);
    }
}

static void add_command(struct tail_xread *x, struct buf *to)
{
    char id[ID_TEXT];

    x->count = x->batch.entries > x->asked ? x->batch.entries / x->asked : 1;
    if (x->expected > 0)
        x->count = (size_t)x->expected;
    reply_command(to, (x->block >= 0 ? 6U : 4U) + 2 * x->asked);
    reply_text(to, "XREAD");
    reply_text(to, "COUNT"); /* for each room */
    reply_number(to, x->count);
    if (x->block >= 0) {
        reply_text(to, "BLOCK");
        reply_number(to, (uint64_t)x->block);
    }
    reply_text(to, "STREAMS");
    for (size_t i = 0; i < x->n; i++)
        if (x->rooms->at[i]->state == TAIL_ROOM_READ)
            reply_word(to, x->rooms->at[i]->name, x->rooms->at[i]->len);
    for (size_t i = 0; i < x->n; i++)
        if (x->rooms->at[i]->state == TAIL_ROOM_READ)
            reply_word(to, id, id_print(id, x->rooms->at[i]->at.cursor));
}

static void ask(struct request *r, struct link *link)
{
    struct tail_xread *x = xread(r);
    struct buf command = {0};

    x->batch.distance = (uint64_t)link_distance(link);
    x->unreadable = false;
    x->asked = x->at = x->guess.n = 0;
    x->gap = false;
    x->reply = ++x->t->reads;
    entry_begin(&x->in);
    x->in.about = x->n == 1 ? x->rooms->at[0]->name : NULL;
    for (size_t i = 0; i < x->n; i++)
        x->asked += x->rooms->at[i]->state == TAIL_ROOM_READ;
    if (x->timed)
        link_command(link, "TIME");
    if (x->asked > 0) {
        add_command(x, &command);
        link_send(link, command.data, command.len);
        ask_ahead(x, link);
        buf_free(&command);
    }
    r->n = (size_t)x->timed + (x->asked > 0) + x->guess.n;
}

/* Whether the server refuses one of the rooms, and not the command. */
static bool is_about_a_room(const struct reply_item *item)
{
    static const char access[] = "access";

    return reply_is_error(item, "WRONGTYPE")
           || (reply_is_error(item, "NOPERM")
               && memmem(item->bytes, item->len, access, sizeof access - 1));
}

static void item(void *request, const struct reply_item *it)
{
    struct tail_xread *x = xread(request);

    if (x->timed && x->request.at == 0) {
        tail_clock_item(&x->clock, it, &x->request.problem);
    } else if (it->type == REPLY_ERROR && !x->strict && is_about_a_room(it)) {
        x->unreadable = true;
        reply_refusal(&x->why, it, x->in.about);
    } else {
        entry_item(&x->in, it);
        if (x->in.problem.code != EXIT_DONE)
            x->request.problem = x->in.problem;
    }
}

/* What the first reply spans tells where to guess; the next ones have to continue it. */
static void replied(struct request *r)
{
    struct tail_xread *x = xread(r);
    size_t i = r->at - x->timed;
    struct id cursor;

    if (!x->ahead || x->n != 1 || x->unreadable)
        return;
    cursor = x->rooms->at[0]->at.cursor;
    if (i == 0 && x->in.entries == x->count)
        tail_ahead_learn(&x->guess, x->first, cursor, x->count);
    if (i < x->guess.n)
        x->gap = !tail_ahead_fits(&x->guess, i, cursor);
}

/* A room of which nothing came has nothing left: what XINFO counted before was lost. */
static void answered(struct request *r)
{
    struct tail_xread *x = xread(r);

    x->deaths = 0;
    tail_batch_grow(&x->batch, &x->in);
    for (size_t i = 0; i < x->n && x->t->print.stop == TAIL_GOES_ON && !x->unreadable; i++)
        if (x->rooms->at[i]->state == TAIL_ROOM_READ && x->rooms->at[i]->last_read != x->reply) {
            struct tail_loss loss = tail_room_read_nothing(&x->rooms->at[i]->at);

            tail_start_report(x->t, x->rooms->at[i], &loss);
        }
}

/* Whether the connection probably died because the reply was too large. While a read blocks, a
 * connection may die for other reasons, but hardly twice without an answer in between. */
static bool was_too_large(struct tail_xread *x)
{
    if (x->request.problem.code != EXIT_DONE)
        return false;
    return x->in.bytes > 0 || x->in.entries > 0 || x->block < 0 || x->deaths++ > 0;
}

static void broken(struct request *r)
{
    struct tail_xread *x = xread(r);

    if (x->reading)
        tail_print_void(&x->open, x->reading);
    if (was_too_large(x))
        tail_batch_shrink(&x->batch, x->count);
}

void tail_xread_start(struct tail_xread *x, struct tail *t)
{
    static const struct request_kind kind = {ask, item, replied, answered, broken};

    x->request.kind = &kind;
    x->t = t;
    x->in = (struct entry_decoder){.reply = ENTRY_XREAD,
        .on_room = on_room,
        .on_message = on_message,
        .on_entry = on_entry,
        .context = x};
    x->batch.entries = 1;
}

void tail_xread_free(struct tail_xread *x)
{
    entry_free(&x->in);
    tail_entry_free(&x->open);
}
