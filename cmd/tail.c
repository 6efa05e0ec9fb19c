#include "cmd/tail.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wait.h"

/* Entries may be huge: see what comes. */
enum { FIRST_BATCH = 1 };

enum { LEAVING_MS = 2000 };

static int by_name(const void *a, const void *b)
{
    const struct tail_room *x = a, *y = b;

    return x->len != y->len ? (x->len < y->len ? -1 : 1) : memcmp(x->name, y->name, x->len);
}

struct tail_room *tail_add_room(struct tail *t, const char *name, size_t len)
{
    struct tail_room *room = calloc(1, sizeof *room), **known;

    if (room == NULL || (room->name = malloc(len + 1)) == NULL)
        buf_no_memory();
    memcpy(room->name, name, len);
    room->name[len] = 0;
    room->len = len;
    known = tsearch(room, &t->names, by_name);
    if (known == NULL)
        buf_no_memory();
    if (*known != room) {
        free(room->name);
        free(room);
        return NULL;
    }
    t->rooms = realloc(t->rooms, (t->n_rooms + 1) * sizeof(struct tail_room *));
    if (t->rooms == NULL)
        buf_no_memory();
    t->rooms[t->n_rooms++] = room;
    return room;
}

/*
 * Have each master of the cluster looked through for rooms: a reader for each that has none, aimed
 * at a slot that is the master's. A single server's own reader does it.
 */
static int assign_scanners(struct tail *t, struct err *e)
{
    const struct route *route = t->route;
    const struct endpoint *before = NULL;

    if (t->set->matches == 0)
        return 0;
    if (!route->cluster) {
        t->readers[0]->scan.wanted = true;
        return 0;
    }
    if (route->learnt == t->learnt && t->n_readers > 1)
        return 0;
    t->learnt = route->learnt;
    for (int slot = 0; slot < ROUTE_SLOTS; slot++) {
        const struct endpoint *owner = route_owner(route, slot);
        bool has = owner == NULL || owner == before;

        for (size_t i = 0; i < t->n_readers && !has; i++)
            has = t->readers[i]->scan.wanted
                  && route_owner(route, session_slot(t->readers[i]->session)) == owner;
        before = owner;
        if (has)
            continue;
        tail_add_reader(t, session_new(t->route, slot, t->retry))->scan.wanted = true;
    }
    if (before == NULL && t->n_readers == 1)
        return err_set(e, EXIT_REFUSED,
            "cannot look for rooms: the cluster does not say where they are (CLUSTER SLOTS)");
    return 0;
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
        if (i == 0 && !room->matched)
            session_use_slot(first->session, route_slot(room->name, room->len));
        else
            room->reader = tail_add_reader(
                t, session_new(t->route, route_slot(room->name, room->len), t->retry));
    }
}

/* -C: what was written needs not be read again. */
static void save_cursors(struct tail *t)
{
    if (t->cursor == NULL || !t->begun || t->out.failure.code != EXIT_DONE)
        return;
    for (size_t i = 0; i < t->n_rooms; i++)
        if (t->rooms[i]->state == ROOM_READ)
            tail_cursor_put(t->cursor, t->rooms[i]->name, t->rooms[i]->len, t->rooms[i]->cursor);
    tail_cursor_save(t->cursor, &t->out.failure);
}

void tail_flush(struct tail *t)
{
    out_flush(&t->out);
    save_cursors(t);
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

/* So little is written before the server is asked on: whoever waits for it has it sooner. More goes
 * out while the server works on the next. */
enum { LITTLE = 64 * 1024 };

/* Wait for the servers, or for what ends the program. */
static int sleep_on(struct tail *t, struct pollfd *fds, struct err *e)
{
    struct pollfd *out = fds + t->n_readers * SESSION_FDS;
    nfds_t n = t->n_readers * SESSION_FDS + 1;
    int64_t expires = WAIT_FOREVER, deadline = progress_due(&t->progress), now;

    if (t->out.whole < LITTLE)
        tail_flush(t);
    if (t->leave_by)
        deadline = wait_earliest(deadline, t->leave_by);
    *out = (struct pollfd){STDOUT_FILENO, 0, 0};
    for (size_t i = 0; i < t->n_readers; i++) {
        struct tail_reader *r = t->readers[i];

        if (session_prepare(r->session, fds + i * SESSION_FDS, &deadline, r->step != NULL, e) < 0)
            return -1;
        if (r->pause > wait_now())
            deadline = wait_earliest(deadline, r->pause);
        if (r->scan.done && r->step == NULL && session_up(r->session) && !t->leave_by)
            deadline = wait_earliest(deadline, r->scan.due);
    }
    if (wait_poll(fds, n, wait_now()) == 0)
        tail_flush(t);
    if (t->stop != TAIL_GOES_ON)
        return 0;
    if (t->set->timeout >= 0 && t->printed_at > 0 && !t->leave_by)
        expires = t->printed_at + t->set->timeout;
    now = wait_now();
    wait_poll(fds, n, wait_earliest(expires, deadline));
    if (serve(t, fds, wait_now() - now, e) < 0)
        return -1;
    progress_show(&t->progress);
    if (wait_signal() && !t->leave_by)
        t->stop = TAIL_BY_SIGNAL;
    else if (out->revents & (POLLERR | POLLHUP))
        t->out.closed = true;
    else if (wait_now() >= expires)
        t->stop = TAIL_TIMED_OUT;
    return t->out.closed ? err_set(e, EXIT_FAILED, "standard output was closed") : 0;
}

/* Ask and take answers as far as that goes, and sleep if it goes no further. */
static int turn(struct tail *t, struct err *e)
{
    bool moved = false;
    size_t n;

    if (!t->leave_by) {
        if (assign_scanners(t, e) < 0)
            return -1;
        assign_readers(t);
    }
    for (size_t i = 0; i < t->n_readers; i++)
        if (tail_advance(t->readers[i], &moved, e) < 0)
            return -1;
    if (moved || t->stop != TAIL_GOES_ON)
        return 0;
    n = t->n_readers * SESSION_FDS + 1;
    t->fds = realloc(t->fds, n * sizeof *t->fds);
    if (t->fds == NULL)
        buf_no_memory();
    return sleep_on(t, t->fds, e);
}

/*
 * -g, at the end: acknowledge what was printed, and take the consumer off. On connections of their
 * own, for the old ones may be waiting for messages; and if that fails, others will read again what
 * was printed: no more can be done.
 */
static void leave(struct tail *t)
{
    enum tail_stop stop = t->stop;
    struct err why;

    t->leave_by = wait_now() + LEAVING_MS;

    for (size_t i = 0; i < t->n_readers; i++) {
        struct tail_reader *r = t->readers[i];
        int slot = session_slot(r->session);

        session_close(r->session);
        r->session = session_new(t->route, slot, 0);
        r->step = NULL;
        r->over = false;
    }
    t->stop = TAIL_GOES_ON;
    while (t->stop == TAIL_GOES_ON && wait_now() < t->leave_by)
        if (turn(t, &why) < 0)
            break;
    t->stop = stop;
}

int tail_run(struct tail *t, struct err *e)
{
    int done;

    t->batch = FIRST_BATCH;
    wait_arm();
    do
        done = turn(t, e);
    while (done == 0 && t->stop == TAIL_GOES_ON);
    out_rollback(&t->out);
    tail_flush(t);
    if (t->set->group && done == 0 && t->out.failure.code == EXIT_DONE)
        leave(t);
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
    for (size_t i = 0; i < t->n_rooms; i++) {
        tdelete(t->rooms[i], &t->names, by_name);
        buf_free(&t->rooms[i]->share.acks);
        free(t->rooms[i]->name);
        free(t->rooms[i]);
    }
    free(t->fds);
    free(t->readers);
    free(t->rooms);
    out_free(&t->out);
}
