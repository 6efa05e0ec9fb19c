#include "cmd/tail_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/wait.h"

/* This many rooms share a connection, and more only once there are MOST_CONNS. */
enum { SHARED = 1000, MOST_CONNS = 64 };

/* Open files besides the connections: the standard ones, the file of -C. */
enum { OTHER_FILES = 15 };

/* How many connections all rooms need: in a cluster, one for each hash slot that has some. */
static size_t needed(const struct tail_conns *cs)
{
    const struct tail_rooms *rooms = &cs->t->rooms;
    bool *used;
    size_t n = 0;

    if (!cs->t->route->cluster)
        return cs->all.n + 1;
    used = buf_zeroed(ROUTE_SLOTS, sizeof *used);
    for (size_t i = 0; i < rooms->n; i++) {
        n += !used[rooms->all[i]->slot];
        used[rooms->all[i]->slot] = true;
    }
    free(used);
    return n;
}

static int too_few(const struct tail_conns *cs, unsigned long long files, struct err *e)
{
    size_t rooms = cs->t->rooms.n, n = needed(cs);
    char slots[48] = "";

    if (cs->t->route->cluster)
        snprintf(slots, sizeof slots, " in %zu hash slots", n);
    return err_set(e, EXIT_FAILED,
        "%zu rooms%s need %zu connections, but only %llu files may be open; raise the limit "
        "(ulimit -n)",
        rooms, slots, n, files);
}

bool tail_conns_may_add(const struct tail_conns *cs, struct err *e)
{
    const size_t files = (cs->all.n + 1) * (cs->t->route->master ? 2 : 1) + OTHER_FILES;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= files)
        return true;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur >= files || too_few(cs, limit.rlim_cur, e) == 0;
}

void tail_conns_start(struct tail_conns *cs, struct tail *t)
{
    *cs = (struct tail_conns){.t = t};
    if (!t->route->cluster)
        return;
    cs->by_slot = buf_zeroed(ROUTE_SLOTS, sizeof(struct tail_conn *));
    if (t->print.set->dead)
        return;
    session_close(t->session);
    t->session = NULL;
}

void tail_conns_add(struct tail_conns *cs, struct tail_conn *c, int slot)
{
    list_add(&cs->all, c);
    if (cs->by_slot && c->reads) {
        cs->by_slot[slot] = c;
    } else if (c->reads) {
        c->session = cs->t->session;
        cs->t->session = NULL;
    }
    if (c->session == NULL)
        c->session = session_new(cs->t->route, slot, cs->t->retry);
}

static struct tail_conn *least_loaded(const struct tail_conns *cs)
{
    struct tail_conn *least = NULL;
    size_t readers = 0;

    for (size_t i = 0; i < cs->all.n; i++) {
        struct tail_conn *c = cs->all.at[i];

        readers += c->reads;
        if (c->reads && (least == NULL || c->rooms.n < least->rooms.n))
            least = c;
    }
    return least && least->rooms.n >= SHARED && readers < MOST_CONNS ? NULL : least;
}

struct tail_conn *tail_conns_for(const struct tail_conns *cs, const struct tail_room *room)
{
    struct tail_conn *c = cs->by_slot ? cs->by_slot[room->slot] : least_loaded(cs);

    return c && c->unused ? NULL : c;
}

static void close_conn(struct tail_conn *c)
{
    struct tail_room_list rooms = c->rooms; /* the source still needs them */

    session_close(c->session);
    c->source->close(c);
    list_free(&rooms);
}

static void lose(struct tail_conn *c)
{
    c->asked = NULL;
    if (c->source->broken)
        c->source->broken(c);
}

/* Take what has come. Returns 1 when the request was answered or lost, 0 when more must come. */
static int take(struct tail_conn *c, struct err *e)
{
    int done = c->asked ? request_take(c->asked, c->session, e)
                        : session_reply(c->session, reply_ignore, NULL, e);

    if (done > 0)
        c->wake = 0;
    if (done == SESSION_BROKEN)
        lose(c);
    else if (done != 0)
        c->asked = NULL;
    return done < 0 ? -1 : done > 0;
}

/* Take answers and send requests, until more must come or there is nothing to ask. */
static int advance(struct tail *t, struct tail_conn *c, bool *moved, struct err *e)
{
    int done = 1;

    while (done == 1 && t->print.stop == TAIL_GOES_ON && !c->over) {
        done = take(c, e);
        *moved = *moved || done == 1;
        if (done != 0 || c->asked)
            continue;
        if (!session_up(c->session) || wait_now() < c->wake)
            return 0;
        c->wake = WAIT_FOREVER;
        c->asked = c->source->next(c);
        if (c->asked) {
            request_ask(c->asked, c->session);
            done = 1;
        } else {
            session_succeeded(c->session); /* nothing is left that it could refuse */
        }
    }
    return done < 0 ? -1 : 0;
}

static bool all_over(const struct tail_conns *cs)
{
    for (size_t i = 0; i < cs->all.n; i++)
        if (!cs->all.at[i]->over && !cs->all.at[i]->extra)
            return false;
    return true;
}

static int sleep_on(struct tail_conns *cs, struct err *e)
{
    int64_t deadline = cs->deadline ? cs->deadline : WAIT_FOREVER;
    struct tail_waiter waiter;

    cs->waiters.n = 0;
    for (size_t i = 0; i < cs->all.n; i++) {
        struct tail_conn *c = cs->all.at[i];

        if (c->over)
            continue;
        waiter = (struct tail_waiter){c->session, c->asked != NULL};
        list_add(&cs->waiters, waiter);
        if (c->asked == NULL && session_up(c->session))
            deadline = wait_earliest(deadline, c->wake);
    }
    return tail_wait(cs->t, cs->waiters.at, cs->waiters.n, deadline, e);
}

static void close_unused(struct tail_conns *cs)
{
    size_t kept = 0;

    for (size_t i = 0; i < cs->all.n; i++) {
        struct tail_conn *c = cs->all.at[i], **of_slot;

        if (!c->unused) {
            cs->all.at[kept++] = c;
            continue;
        }
        of_slot = &cs->by_slot[session_slot(c->session)];
        if (*of_slot == c)
            *of_slot = NULL;
        close_conn(c);
    }
    cs->all.n = kept;
}

int tail_conns_run(struct tail_conns *cs, struct err *e)
{
    while (cs->t->print.stop == TAIL_GOES_ON) {
        bool moved = false;

        for (size_t i = 0; i < cs->all.n; i++)
            if (advance(cs->t, cs->all.at[i], &moved, e) < 0)
                return -1;
        close_unused(cs);
        if (all_over(cs))
            cs->t->print.stop = TAIL_ENDED;
        if (cs->deadline && wait_now() >= cs->deadline)
            return 0;
        if (!moved && cs->t->print.stop == TAIL_GOES_ON && sleep_on(cs, e) < 0)
            return -1;
    }
    return 0;
}

void tail_conn_interrupt(struct tail_conn *c)
{
    c->wake = 0;
    if (c->asked == NULL || !session_up(c->session))
        return;
    err_set(&c->asked->problem, EXIT_FAILED, "given up"); /* so the reply was not too large */
    if (c->asked->kind->broken)
        c->asked->kind->broken(c->asked);
    session_reconnect(c->session);
    c->asked = NULL;
}

void tail_conns_free(struct tail_conns *cs)
{
    for (size_t i = 0; i < cs->all.n; i++)
        close_conn(cs->all.at[i]);
    list_free(&cs->all);
    list_free(&cs->waiters);
    free(cs->by_slot);
}
