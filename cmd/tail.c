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
static void assign_scanners(struct tail *t)
{
    const struct route *route = t->route;
    const struct endpoint *before = NULL;

    if (t->set->matches == 0)
        return;
    if (!route->cluster) {
        t->readers[0]->scan.wanted = true;
        return;
    }
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

/* Whether the reader has something to read. */
static bool has_rooms(const struct tail_reader *r)
{
    for (size_t i = 0; i < r->t->n_rooms; i++)
        if (r->t->rooms[i]->reader == r && !r->t->rooms[i]->done)
            return true;
    return false;
}

static bool all_done(const struct tail *t)
{
    bool over = false, done = t->set->matches == 0;

    for (size_t i = 0; i < t->n_readers; i++)
        over = over || t->readers[i]->over;
    for (size_t i = 0; i < t->n_readers; i++)
        over = over && (t->readers[i]->over || !has_rooms(t->readers[i]));
    for (size_t i = 0; i < t->n_rooms; i++)
        done = done && t->rooms[i]->done;
    return done || over;
}

/* The present: whatever comes, of all rooms of the reader. */
static const struct tail_step *choose_present(struct tail_reader *r)
{
    struct tail *t = r->t;
    const struct tail_step *look;

    if ((t->set->to_end && !t->set->group) || all_done(t)) {
        t->stop = TAIL_ENDED;
        return NULL;
    }
    if (t->printed_at == 0)
        t->printed_at = wait_now(); /* -W counts from here on, if nothing was printed before */
    if (!has_rooms(r) || r->over || wait_now() < r->pause)
        return NULL;
    look = t->set->group ? NULL : choose_look(r);
    if (look)
        return look;
    if (t->until.ms < UINT64_MAX && !r->timed)
        return &tail_times;
    if (t->set->group)
        return tail_choose_shared(r);
    if (!r->timed)
        r->block = HEARTBEAT_MS;
    r->timed = false;
    r->room = NULL;
    return &tail_reads;
}

/* Rooms that were not known: the first time before all else, and then at each heartbeat. */
static bool is_to_scan(const struct tail_reader *r)
{
    return r->scan.wanted && (!r->scan.done || (!r->t->set->list && wait_now() >= r->scan.due));
}

/* Whether all rooms are known that there were when we began. */
static bool all_scanned(const struct tail *t)
{
    for (size_t i = 0; i < t->n_readers; i++)
        if (t->readers[i]->scan.wanted && !t->readers[i]->scan.done)
            return false;
    return true;
}

/* Until it is known where each room ends, nothing is read. */
static const struct tail_step *choose_beginning(struct tail_reader *r)
{
    struct tail *t = r->t;

    if (!all_scanned(t))
        return NULL;
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
    tail_sort_matched(t);
    t->begun = true;
    if (!t->set->list)
        return NULL;
    tail_list(t);
    t->stop = TAIL_ENDED;
    return NULL;
}

/* What a reader is to do next. */
static const struct tail_step *choose(struct tail_reader *r)
{
    struct tail *t = r->t;
    const struct tail_step *step = NULL;
    struct tail_room *past;

    if (t->leave_by)
        return tail_choose_leaving(r);
    if (!t->dated && !tail_date(t, NULL))
        return r == t->readers[0] ? &tail_dates : NULL;
    if (is_to_scan(r))
        return &tail_scans;
    if (!t->begun && !t->set->group)
        step = choose_beginning(r);
    if (step || (!t->begun && !t->set->group))
        return step;
    if (t->set->group) {
        t->begun = t->begun || all_scanned(t);
        return t->begun ? choose_present(r) : NULL;
    }
    r->room = room_that_is(r, ROOM_NEW);
    if (r->room)
        return &tail_begins; /* it was made later */
    past = past_room(t);
    return past ? choose_past(r, past) : choose_present(r);
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

/* Wait for the servers, or for what ends the program. */
static int sleep_on(struct tail *t, struct pollfd *fds, struct err *e)
{
    struct pollfd *out = fds + t->n_readers * SESSION_FDS;
    nfds_t n = t->n_readers * SESSION_FDS + 1;
    int64_t expires = WAIT_FOREVER, deadline = progress_due(&t->progress), now;

    if (t->leave_by)
        deadline = wait_earliest(deadline, t->leave_by);
    *out = (struct pollfd){STDOUT_FILENO, 0, 0};
    for (size_t i = 0; i < t->n_readers; i++) {
        struct tail_reader *r = t->readers[i];

        if (session_prepare(r->session, fds + i * SESSION_FDS, &deadline, r->step != NULL, e) < 0)
            return -1;
        if (r->pause > wait_now())
            deadline = wait_earliest(deadline, r->pause);
        if (r->scan.wanted && r->step == NULL)
            deadline = wait_earliest(deadline, r->scan.due);
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
        assign_scanners(t);
        assign_readers(t);
    }
    for (size_t i = 0; i < t->n_readers; i++)
        if (tail_advance(t->readers[i], choose, &moved, e) < 0)
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
