#include "cmd/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/wait.h"

/* COUNT grows slowly: how large entries are is a guess until they came. OVERHEAD: what an entry and
 * a field take in a reply beside their bytes. */
enum { REPLY_BYTES = 1024 * 1024, GROWTH = 8, LARGEST_BATCH = 10000, OVERHEAD = 32 };

bool tail_hides(const struct tail *t, const struct entry_bytes *name)
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

/* The room that an XREAD reply names; mostly the one that it named before. */
static struct tail_room *find_room(struct tail *t, const struct entry_bytes *name)
{
    for (size_t i = 0; i < t->n_rooms; i++, t->at = (t->at + 1) % t->n_rooms) {
        struct tail_room *room = &t->rooms[t->at];

        if (room->len == name->len && memcmp(room->name, name->at, name->len) == 0)
            return room;
    }
    return NULL;
}

/* Whether the entry lies past what is wanted of its room. */
static bool is_past(const struct tail *t, const struct tail_room *room, struct id id)
{
    return id_compare(id, t->until) > 0 || (t->set->to_end && id_compare(id, room->end) > 0);
}

static void on_message(void *context, const struct entry_message *m)
{
    struct tail *t = context;
    struct tail_room *room = find_room(t, &m->room);

    if (room == NULL || t->stop != TAIL_GOES_ON || is_past(t, room, m->key)
        || tail_hides(t, &m->name))
        return;
    if (room->skip > 0) {
        room->skip--;
        t->open.skipped++;
        return;
    }
    format_message(&t->format, &t->out.buf, m);
    t->open.messages++;
    t->open.bytes += m->text.len;
}

/* Take back what came of an entry that was cut off: it will come again. */
static void roll_back(struct tail *t)
{
    out_rollback(&t->out);
    t->rooms[t->at].skip += t->open.skipped;
    t->open = (struct tail_open){0};
}

static void on_entry(void *context, const struct entry_message *m)
{
    struct tail *t = context;
    struct tail_room *room = find_room(t, &m->room);

    if (t->stop != TAIL_GOES_ON)
        return;
    if (room == NULL) {
        err_set(&t->in.problem, EXIT_REFUSED, "protocol error: a room that was not asked for");
        return;
    }
    if (is_past(t, room, m->key)) {
        room->done = true;
        return;
    }
    out_commit(&t->out);
    t->progress.messages += t->open.messages;
    t->progress.bytes += t->open.bytes;
    t->open = (struct tail_open){0};
    if (t->out.failure.code != EXIT_DONE)
        t->stop = TAIL_ENDED;
    room->cursor = m->key;
    tail_passed(room);
    if (id_compare(m->key, t->until) == 0)
        room->done = true;
    if (t->set->count > 0 && t->progress.messages >= (uint64_t)t->set->count)
        t->stop = TAIL_ENDED;
}

/* Nothing else is left to do: write what there is, and note when. */
static void flush(struct tail *t)
{
    out_flush(&t->out);
    if (t->out.failure.code != EXIT_DONE)
        t->stop = TAIL_ENDED; /* tail_run() tells why */
    if (t->progress.messages != t->printed) {
        t->printed = t->progress.messages;
        t->printed_at = wait_now();
    }
}

/* Wait for the server, or for what ends the program; `awaiting` an answer. */
static int pump(struct tail *t, bool awaiting, struct err *e)
{
    const struct link *l = session_link(t->session);
    struct pollfd out = {STDOUT_FILENO, 0, 0}, link = {-1, 0, 0};
    int64_t expires = WAIT_FOREVER;

    if (l)
        link = (struct pollfd){link_fd(l), link_events(l), 0};
    if (poll(&link, 1, 0) == 0)
        flush(t);
    if (t->stop != TAIL_GOES_ON)
        return 0;
    if (t->set->timeout >= 0 && t->printed_at > 0)
        expires = t->printed_at + t->set->timeout;
    if (session_wait(
            t->session, &out, wait_earliest(expires, progress_due(&t->progress)), awaiting, e)
        < 0)
        return -1;
    progress_show(&t->progress);
    if (wait_signal())
        t->stop = TAIL_BY_SIGNAL;
    else if (out.revents & (POLLERR | POLLHUP))
        t->out.closed = true;
    else if (wait_now() >= expires)
        t->stop = TAIL_TIMED_OUT;
    return t->out.closed ? err_set(e, EXIT_FAILED, "standard output was closed") : 0;
}

/* Wait until commands may be sent again. */
static int wait_until_up(struct tail *t, struct err *e)
{
    t->looked_at = 0;
    /* Nothing is owed; but that a link dies meanwhile is told here only. */
    while (t->stop == TAIL_GOES_ON && session_reply(t->session, reply_ignore, NULL, e) >= 0
           && !session_up(t->session))
        if (pump(t, false, e) < 0)
            return -1;
    return t->stop != TAIL_GOES_ON || session_up(t->session) ? TAIL_AGAIN : -1;
}

int tail_await(
    struct tail *t, reply_sink *sink, void *context, const struct err *problem, struct err *e)
{
    int told = 0;

    while (told == 0) {
        if (t->stop != TAIL_GOES_ON)
            return 0;
        told = session_reply(t->session, sink, context, e);
        if (told < 0 || (told == 0 && pump(t, true, e) < 0))
            return -1;
    }
    if (told == SESSION_BROKEN)
        return wait_until_up(t, e);
    if (problem->code == EXIT_DONE) {
        session_fine(t->session);
        return 0;
    }
    if (problem->kind == ERR_FINAL) {
        *e = *problem;
        return -1;
    }
    return session_refused(t->session, problem, e) < 0 ? -1 : wait_until_up(t, e);
}

static void make_xread(
    const struct tail *t, struct buf *to, const struct tail_room *rooms, size_t n, int64_t block)
{
    size_t wanted = 0;

    for (size_t i = 0; i < n; i++)
        wanted += !rooms[i].done;
    reply_command(to, (block >= 0 ? 6U : 4U) + 2 * wanted);
    reply_text(to, "XREAD");
    reply_text(to, "COUNT");
    reply_number(
        to, wanted > 0 && t->batch > wanted ? t->batch / wanted : 1); /* COUNT is for each room */
    if (block >= 0) {
        reply_text(to, "BLOCK");
        reply_number(to, (uint64_t)block);
    }
    reply_text(to, "STREAMS");
    for (size_t i = 0; i < n; i++)
        if (!rooms[i].done)
            reply_word(to, rooms[i].name, rooms[i].len);
    for (size_t i = 0; i < n; i++) {
        char id[ID_TEXT];

        if (!rooms[i].done)
            reply_word(to, id, id_print(id, rooms[i].cursor));
    }
}

int tail_read(struct tail *t, const struct tail_room *rooms, size_t n, int64_t block, struct err *e)
{
    struct buf command = {0};
    int done;

    t->in.reply = ENTRY_XREAD;
    t->in.on_message = on_message;
    t->in.on_entry = on_entry;
    t->in.context = t;
    t->in.about = n == 1 ? rooms->name : NULL;
    entry_begin(&t->in);
    make_xread(t, &command, rooms, n, block);
    link_send(session_link(t->session), command.data, command.len, NULL, 0);
    buf_free(&command);
    done = tail_await(t, entry_item, &t->in, &t->in.problem, e);
    roll_back(t);
    tail_set_batch(t, &t->in);
    return done;
}
