#include "cmd/tail.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wait.h"

/* Entries may be huge: see what comes. */
enum { FIRST_BATCH = 1 };

void tail_add_room(struct tail *t, const char *name)
{
    struct tail_room *room;

    for (size_t i = 0; i < t->n_rooms; i++)
        if (strcmp(t->rooms[i]->name, name) == 0)
            return;
    room = calloc(1, sizeof *room);
    t->rooms = realloc(t->rooms, (t->n_rooms + 1) * sizeof(struct tail_room *));
    if (room == NULL || t->rooms == NULL)
        buf_no_memory();
    t->rooms[t->n_rooms++] = room;
    room->name = name;
    room->len = strlen(name);
}

/* Give each room that has none a reader: the first one, or in a cluster one of its own. */
static void assign_readers(struct tail *t)
{
    struct tail_reader *first = t->readers[0];

    for (size_t i = 0; i < t->n_rooms; i++) {
        struct tail_room *room = t->rooms[i];

        if (room->reader)
            continue;
        room->reader = first;
        if (!t->route->cluster)
            continue;
        if (i == 0)
            session_aim(first->session, room->name, room->len);
        else
            room->reader = tail_add_reader(
                t, session_new(t->route, route_slot(room->name, room->len), t->retry));
    }
}

/* A room of the reader that is in this state; NULL: none is. */
static struct tail_room *room_that_is(const struct tail_reader *r, int state)
{
    for (size_t i = 0; i < r->t->n_rooms; i++)
        if (r->t->rooms[i]->reader == r && (int)r->t->rooms[i]->state == state)
            return r->t->rooms[i];
    return NULL;
}

static bool all_are(const struct tail *t, int state)
{
    for (size_t i = 0; i < t->n_rooms; i++)
        if ((int)t->rooms[i]->state < state)
            return false;
    return true;
}

/* Whether there is something to look for in the room. */
static bool needs_look(const struct tail_reader *r, const struct tail_room *room)
{
    return room->reader == r && room->state == ROOM_READ && !room->done
           && !(r->t->set->to_end && id_compare(room->cursor, room->end) >= 0);
}

/* The step that looks at the reader's rooms, one after the other; NULL: not now. */
static const struct tail_step *choose_look(struct tail_reader *r)
{
    struct tail *t = r->t;

    if (r->looked_at > 0 && wait_now() - r->looked_at < HEARTBEAT_MS)
        return NULL;
    r->after_outage = r->after_outage || r->looked_at == 0;
    while (r->looks < t->n_rooms) {
        r->room = t->rooms[r->looks++];
        if (needs_look(r, r->room))
            return &tail_looks;
    }
    r->looks = 0;
    r->after_outage = false;
    r->looked_at = wait_now();
    return NULL;
}

/* The room whose past is to be printed next; NULL: that of all rooms was. */
static struct tail_room *past_room(struct tail *t)
{
    for (; t->past < t->n_rooms; t->past++) {
        struct tail_room *room = t->rooms[t->past];

        if (!room->done && id_compare(room->cursor, room->end) < 0)
            return room;
    }
    return NULL;
}

/* The past: one room after the other, each up to its end when we began. */
static const struct tail_step *choose_past(struct tail_reader *r, struct tail_room *room)
{
    const struct tail_step *look;

    if (room->reader != r)
        return NULL;
    look = choose_look(r);
    if (look || room->done)
        return look;
    r->room = room;
    r->block = TAIL_NO_WAIT;
    return &tail_reads;
}

static bool all_done(const struct tail *t)
{
    bool over = true;

    for (size_t i = 0; i < t->n_readers; i++)
        over = over && t->readers[i]->over;
    for (size_t i = 0; i < t->n_rooms && !over; i++)
        if (!t->rooms[i]->done)
            return false;
    return true;
}

/* The present: whatever comes, of all rooms of the reader. */
static const struct tail_step *choose_present(struct tail_reader *r)
{
    struct tail *t = r->t;
    const struct tail_step *look;
    bool wanted = false;

    if (t->set->to_end || all_done(t)) {
        t->stop = TAIL_ENDED;
        return NULL;
    }
    if (t->printed_at == 0)
        t->printed_at = wait_now(); /* -W counts from here on, if nothing was printed before */
    for (size_t i = 0; i < t->n_rooms; i++)
        wanted = wanted || (t->rooms[i]->reader == r && !t->rooms[i]->done);
    if (!wanted || r->over || wait_now() < r->pause)
        return NULL;
    look = choose_look(r);
    if (look)
        return look;
    if (t->until.ms < UINT64_MAX && !r->timed)
        return &tail_times;
    if (!r->timed)
        r->block = HEARTBEAT_MS;
    r->timed = false;
    r->room = NULL;
    return &tail_reads;
}

/* What a reader is to do next. Some wait for others: nothing is read before it is known where each
 * room ends. */
static const struct tail_step *choose(struct tail_reader *r)
{
    struct tail *t = r->t;
    struct tail_room *past;

    if (!t->dated && !tail_date(t, NULL))
        return r == t->readers[0] ? &tail_dates : NULL;
    r->room = room_that_is(r, ROOM_NEW);
    if (r->room)
        return &tail_begins;
    if (!all_are(t, ROOM_FOUND))
        return NULL;
    r->room = room_that_is(r, ROOM_FOUND);
    if (r->room)
        return &tail_searches;
    if (!all_are(t, ROOM_READ))
        return NULL;
    past = past_room(t);
    return past ? choose_past(r, past) : choose_present(r);
}

void tail_flush(struct tail *t)
{
    out_flush(&t->out);
    if (t->out.failure.code != EXIT_DONE)
        t->stop = TAIL_ENDED; /* tail_run() tells why */
    if (t->progress.messages != t->printed) {
        t->printed = t->progress.messages;
        if (t->printed_at > 0)
            t->printed_at = wait_now();
    }
}

/* Serve the sessions, after a sleep of so many milliseconds. */
static int serve(struct tail *t, const struct pollfd *fds, int64_t slept, struct err *e)
{
    for (size_t i = 0; i < t->n_readers; i++)
        if (session_serve(t->readers[i]->session, fds + i * SESSION_FDS, slept, e) < 0)
            return -1;
    return 0;
}

/* Wait for the servers, or for what ends the program. */
static int sleep_on(struct tail *t, struct pollfd *fds, struct err *e)
{
    struct pollfd *out = fds + t->n_readers * SESSION_FDS;
    nfds_t n = t->n_readers * SESSION_FDS + 1;
    int64_t expires = WAIT_FOREVER, deadline = progress_due(&t->progress), now;

    *out = (struct pollfd){STDOUT_FILENO, 0, 0};
    for (size_t i = 0; i < t->n_readers; i++) {
        struct tail_reader *r = t->readers[i];

        if (session_prepare(r->session, fds + i * SESSION_FDS, &deadline, r->step != NULL, e) < 0)
            return -1;
        if (r->pause > wait_now())
            deadline = wait_earliest(deadline, r->pause);
    }
    if (wait_poll(fds, n, wait_now()) == 0)
        tail_flush(t);
    if (t->stop != TAIL_GOES_ON)
        return 0;
    if (t->set->timeout >= 0 && t->printed_at > 0)
        expires = t->printed_at + t->set->timeout;
    now = wait_now();
    wait_poll(fds, n, wait_earliest(expires, deadline));
    if (serve(t, fds, wait_now() - now, e) < 0)
        return -1;
    progress_show(&t->progress);
    if (wait_signal())
        t->stop = TAIL_BY_SIGNAL;
    else if (out->revents & (POLLERR | POLLHUP))
        t->out.closed = true;
    else if (wait_now() >= expires)
        t->stop = TAIL_TIMED_OUT;
    return t->out.closed ? err_set(e, EXIT_FAILED, "standard output was closed") : 0;
}

static int loop(struct tail *t, struct err *e)
{
    struct pollfd *fds = NULL;
    int done = 0;

    while (done == 0 && t->stop == TAIL_GOES_ON) {
        bool moved = false;

        assign_readers(t);
        for (size_t i = 0; i < t->n_readers && done == 0; i++)
            done = tail_advance(t->readers[i], choose, &moved, e);
        if (done < 0 || moved || t->stop != TAIL_GOES_ON)
            continue;
        fds = realloc(fds, (t->n_readers * SESSION_FDS + 1) * sizeof *fds);
        if (fds == NULL)
            buf_no_memory();
        done = sleep_on(t, fds, e);
    }
    free(fds);
    return done;
}

int tail_run(struct tail *t, struct err *e)
{
    int done;

    t->batch = FIRST_BATCH;
    wait_arm();
    done = loop(t, e);
    out_rollback(&t->out);
    out_flush(&t->out);
    if (done < 0 || t->out.failure.code == EXIT_DONE)
        return done;
    *e = t->out.failure;
    return -1;
}

void tail_free(struct tail *t)
{
    for (size_t i = 0; i < t->n_readers; i++) {
        session_close(t->readers[i]->session);
        entry_free(&t->readers[i]->in);
        buf_free(&t->readers[i]->open.lines);
        free(t->readers[i]);
    }
    for (size_t i = 0; i < t->n_rooms; i++)
        free(t->rooms[i]);
    free(t->readers);
    free(t->rooms);
    out_free(&t->out);
}
