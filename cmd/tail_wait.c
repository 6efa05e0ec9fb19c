#include "cmd/tail_wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wait.h"

/* Less than this is written before the next request is sent, so that it arrives sooner. More is
 * written while the server works on the request. */
enum { LITTLE = 64 * 1024 };

void tail_wait_mark_unsaved(struct tail *t, struct tail_room *room)
{
    if (t->cursor == NULL || room->unsaved)
        return;
    room->unsaved = true;
    list_add(&t->unsaved, room);
}

void tail_wait_forget(struct tail *t, const struct tail_room *room)
{
    const struct tail_place nowhere = {.counted = true};
    struct tail_room_list *rooms = &t->unsaved;

    for (size_t i = 0; i < rooms->n && room->unsaved; i++)
        if (rooms->at[i] == room) {
            rooms->at[i] = rooms->at[--rooms->n];
            break;
        }
    if (t->cursor)
        tail_cursor_put(t->cursor, room->name, room->len, &nowhere);
}

/* Save how far each room was printed, once that is written. */
static void save(struct tail *t, bool now)
{
    struct tail_room_list *rooms = &t->unsaved;

    if (t->cursor == NULL || t->print.out.failure.code != EXIT_DONE || t->print.out.whole > 0)
        return;
    for (size_t i = 0; i < rooms->n; i++) {
        struct tail_room *room = rooms->at[i];
        struct tail_place place = tail_room_place(&room->at);

        tail_cursor_put(t->cursor, room->name, room->len, &place);
        room->unsaved = false;
    }
    rooms->n = 0;
    if (!now && tail_cursor_due(t->cursor) > wait_now())
        return;
    if (tail_cursor_save(t->cursor, &t->print.out.failure) < 0)
        t->print.stop = TAIL_ENDED;
}

void tail_wait_flush(struct tail *t, bool now)
{
    tail_print_flush(&t->print);
    save(t, now);
}

/* Find out whether something ended the program during a sleep, and write what is due. */
static int after_sleep(struct tail *t, const struct pollfd *out, int64_t expires, struct err *e)
{
    struct tail_print *p = &t->print;

    progress_show(&p->progress);
    if (wait_signal() && !t->leaving)
        p->stop = TAIL_BY_SIGNAL;
    else if (out->revents & (POLLERR | POLLHUP))
        p->out.closed = true;
    else if (out->revents & POLLOUT)
        tail_wait_flush(t, false);
    else if (wait_now() >= expires)
        p->stop = TAIL_TIMED_OUT;
    return p->out.closed ? err_set(e, EXIT_FAILED, "standard output was closed") : 0;
}

/* When -W ends the program. */
static int64_t expires_at(const struct tail *t)
{
    const struct tail_print *p = &t->print;

    if (p->set->timeout < 0 || p->printed_at == 0 || t->leaving)
        return WAIT_FOREVER;
    return p->printed_at + p->set->timeout;
}

static int64_t next_due(const struct tail *t, int64_t deadline)
{
    deadline = wait_earliest(deadline, progress_due(&t->print.progress));
    if (t->cursor)
        deadline = wait_earliest(deadline, tail_cursor_due(t->cursor));
    return wait_earliest(deadline, expires_at(t));
}

/* Set what to poll for each session, and bring the deadline forward. */
static int prepare(const struct tail_waiter *waiters, size_t n, struct pollfd *fds,
    int64_t *deadline, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct tail_waiter *w = &waiters[i];

        if (session_prepare(w->session, fds, deadline, w->awaiting, e) < 0)
            return -1;
        fds += session_fds(w->session);
    }
    return 0;
}

static int serve(const struct tail_waiter *waiters, size_t n, const struct pollfd *fds,
    int64_t slept, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (session_serve(waiters[i].session, fds, slept, e) < 0)
            return -1;
        fds += session_fds(waiters[i].session);
    }
    return 0;
}

static int sleep_until(int64_t deadline, struct pollfd *fds, size_t n, struct err *e)
{
    int ready = wait_poll(fds, n, deadline);

    return ready < 0 ? err_set(e, EXIT_FAILED, "cannot wait for the server: %s", strerror(errno))
                     : ready;
}

int tail_wait(
    struct tail *t, const struct tail_waiter *waiters, size_t n, int64_t deadline, struct err *e)
{
    const size_t count = (n > 0 ? n * session_fds(waiters[0].session) : 0) + 2;
    struct pollfd *fds, *out, *in;
    int64_t now;
    int ready = 1;

    buf_clear(&t->fds);
    fds = (void *)buf_reserve(&t->fds, (count + 1) * sizeof *fds); /* one for wait_poll() */
    out = fds + count - 1;
    *out = (struct pollfd){STDOUT_FILENO, 0, 0};
    in = out - 1;
    *in = (struct pollfd){t->on_input ? STDIN_FILENO : -1, POLLIN, 0};
    if (t->print.out.whole < LITTLE)
        tail_wait_flush(t, false);
    if (prepare(waiters, n, fds, &deadline, e) < 0)
        return -1;
    if (t->print.out.whole > 0)
        ready = sleep_until(0, fds, count, e);
    if (ready == 0)
        tail_wait_flush(t, false);
    if (ready < 0 || t->print.stop != TAIL_GOES_ON)
        return ready < 0 ? -1 : 0;
    out->events = t->print.out.whole > 0 ? POLLOUT : 0; /* left by a flush that did not block */
    now = wait_now();
    if (sleep_until(next_due(t, deadline), fds, count, e) < 0)
        return -1;
    if (serve(waiters, n, fds, wait_now() - now, e) < 0
        || after_sleep(t, out, expires_at(t), e) < 0)
        return -1;
    return in->revents ? t->on_input(t->input, e) : 0;
}

/* For session_call(). */
static int sleep_on(void *context, struct session *s, bool awaiting, struct err *e)
{
    struct tail *t = context;
    struct tail_waiter waiter = {s, awaiting};

    if (tail_wait(t, &waiter, 1, WAIT_FOREVER, e) < 0)
        return -1;
    return t->print.stop == TAIL_GOES_ON ? 0 : SESSION_STOPPED;
}

/* The connection died, so what is known of the rooms may be wrong. A redirection changes nothing.
 */
static void make_stale(struct tail *t, const struct request *r)
{
    if (r->problem.code != EXIT_DONE
        && (r->problem.kind == ERR_MOVED || r->problem.kind == ERR_ASK))
        return;
    for (size_t i = 0; i < t->rooms.n; i++)
        t->rooms.all[i]->stale = true;
}

int tail_call(struct tail *t, int slot, struct request *r, struct err *e)
{
    int done;

    session_use_slot(t->session, slot);
    done = session_call(t->session, r, sleep_on, t, e);
    if (done == SESSION_BROKEN)
        make_stale(t, r);
    return done;
}

int tail_call_about(struct tail *t, const struct tail_room *room, struct request *r, struct err *e)
{
    if (t->about != room)
        session_end_asking(t->session);
    t->about = room;
    return tail_call(t, room->slot, r, e);
}

int tail_call_until_answered(struct tail *t, int slot, struct request *r, struct err *e)
{
    int done;

    do
        done = tail_call(t, slot, r, e);
    while (done == SESSION_BROKEN);
    return done;
}
