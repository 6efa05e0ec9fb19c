#include "cmd/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/wait.h"

/* For a reply, beside the time that the server was told to wait. */
enum { PATIENCE_MS = 10000 };

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
        return;
    }
    format_message(&t->format, &t->out.buf, m);
    t->progress.messages++;
    t->progress.bytes += m->text.len;
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
    if (t->out.failure.code != EXIT_DONE)
        t->stop = TAIL_ENDED;
    room->cursor = m->key;
    if (id_compare(m->key, t->until) == 0)
        room->done = true;
    if (t->set->count > 0 && t->progress.messages >= (uint64_t)t->set->count)
        t->stop = TAIL_ENDED;
}

/* Nothing else is left to do: write, and sleep. Only this sleep tries our patience. */
static int sleep_until_ready(struct tail *t, struct pollfd *fds, struct err *e)
{
    int64_t now, expires = WAIT_FOREVER;

    out_flush(&t->out);
    if (t->out.failure.code != EXIT_DONE) {
        t->stop = TAIL_ENDED; /* tail_run() tells why */
        return 0;
    }
    now = wait_now();
    if (t->progress.messages != t->printed) {
        t->printed = t->progress.messages;
        t->printed_at = now;
    }
    if (t->set->timeout >= 0 && t->printed_at > 0)
        expires = t->printed_at + t->set->timeout;
    wait_poll(fds, 2,
        wait_earliest(wait_earliest(expires, now + t->patience), progress_due(&t->progress)));
    t->patience -= wait_now() - now;
    if (fds[0].revents == 0 && wait_now() >= expires)
        t->stop = TAIL_TIMED_OUT;
    else if (fds[0].revents == 0 && t->patience <= 0)
        return err_set(
            e, EXIT_NO_CONNECTION, "connection to %s lost: no answer", link_peer(t->link));
    return 0;
}

/* Wait for the server, or for what ends the program. */
static int pump(struct tail *t, struct err *e)
{
    struct pollfd fds[] = {{link_fd(t->link), link_events(t->link), 0}, {STDOUT_FILENO, 0, 0}};

    if (wait_poll(fds, 2, 0) == 0 && sleep_until_ready(t, fds, e) < 0)
        return -1;
    progress_show(&t->progress);
    if (fds[0].revents)
        t->patience = t->patience > PATIENCE_MS ? t->patience : PATIENCE_MS;
    if (wait_signal()) {
        t->stop = TAIL_BY_SIGNAL;
    } else if (fds[1].revents & (POLLERR | POLLHUP)) {
        t->out.closed = true;
        return err_set(e, EXIT_FAILED, "standard output was closed");
    }
    return link_serve(t->link, fds[0].revents, e);
}

int tail_await(struct tail *t, int64_t wait, reply_sink *sink, void *context,
    const struct err *problem, struct err *e)
{
    int told = 0;

    t->patience = wait + PATIENCE_MS;
    while (t->stop == TAIL_GOES_ON && told == 0) {
        told = link_reply(t->link, sink, context, e);
        if (told < 0 || (told == 0 && pump(t, e) < 0))
            return -1;
    }
    if (told == 1 && problem->code != EXIT_DONE) {
        *e = *problem;
        return -1;
    }
    return 0;
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
    link_send(t->link, command.data, command.len);
    buf_free(&command);
    done = tail_await(t, block > 0 ? block : 0, entry_item, &t->in, &t->in.problem, e);
    out_rollback(&t->out);
    tail_set_batch(t, &t->in);
    return done;
}
