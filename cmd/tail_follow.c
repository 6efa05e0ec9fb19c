#include "cmd/tail_follow.h"

#include <stdlib.h>

#include "cmd/tail_conn.h"
#include "cmd/tail_finder.h"
#include "cmd/tail_check.h"
#include "cmd/tail_start.h"
#include "cmd/tail_wait.h"
#include "cmd/tail_xread.h"
#include "common/wait.h"

/* How far apart connections begin to check their rooms: a prime, so that few of them coincide. */
enum { SPREAD_MS = 617 };

struct follow {
    struct tail *t;
    struct tail_conns conns;
};

struct reader {
    struct tail_conn conn;
    struct follow *f;
    struct tail_xread read;
    struct tail_check check;
    enum { NOTHING, READ, CHECK } last; /* what was asked last */
    bool checking;                      /* a round of checks is under way, */
    bool before_reading;                /* and nothing is read until it is over */
    size_t next;                        /* the room to check next */
    int64_t due;                        /* wait_now() of the next round */
    int64_t asked_at;                   /* wait_now() of the last read */
};

/* Keep the rooms that are read, and forget those that are gone. */
static void drop_rooms(struct reader *r)
{
    size_t kept = 0, next = r->next;
    const struct tail_room_list *rooms = &r->conn.rooms;
    bool gone = false;

    for (size_t i = 0; i < rooms->n; i++) {
        gone = gone || rooms->at[i]->state == TAIL_ROOM_GONE;
        rooms->at[i]->held = rooms->at[i]->state == TAIL_ROOM_READ;
        if (rooms->at[i]->held)
            rooms->at[kept++] = rooms->at[i];
        else
            next -= i < r->next;
    }
    r->next = next;
    r->conn.rooms.n = kept;
    if (gone)
        tail_rooms_forget(&r->f->t->rooms);
}

static void begin_round(struct reader *r, bool before_reading)
{
    r->checking = true;
    r->before_reading = before_reading;
    r->next = 0;
}

static void end_round(struct reader *r)
{
    tail_rooms_report(&r->f->t->rooms, false);
    tail_check_end(&r->check);
    r->checking = r->before_reading = false;
    r->due = wait_now() + TAIL_HEARTBEAT_MS;
}

/* A bounded number of checks; NULL: the round is over. */
static struct request *check(struct reader *r)
{
    const struct tail_room_list *rooms = &r->conn.rooms;

    tail_info_start(&r->check.infos);
    r->check.session = r->conn.session;
    for (; r->next < rooms->n; r->next++)
        if (tail_check_is_due(rooms->at[r->next])
            && !tail_info_add(&r->check.infos, rooms->at[r->next]))
            break;
    if (r->check.infos.n == 0)
        return NULL;
    r->last = CHECK;
    return &r->check.infos.request;
}

/* Milliseconds until -U has passed; 0: it may have. */
static int64_t time_left(const struct reader *r)
{
    return tail_clock_left(&r->read.clock, r->f->t->print.until.ms);
}

/* How long the server may wait for new entries. */
static int64_t may_wait(const struct reader *r)
{
    int64_t wait = r->due - wait_now();

    if (r->checking)
        return TAIL_NO_WAIT;
    wait = wait < 1 ? 1 : wait;
    if (!r->read.timed)
        return wait;
    return time_left(r) == 0 ? TAIL_NO_WAIT : wait_earliest(wait, time_left(r));
}

/* No room is left to read. The connection is over if there will be none: without -m, and in a
 * cluster, where a new room gets another connection. Otherwise with -U, it still asks the time. */
static bool must_ask_without_rooms(struct reader *r)
{
    const struct tail *t = r->f->t;
    struct tail_conn *c = &r->conn;

    c->unused = t->route->cluster && !r->read.timed;
    c->over = c->unused || t->print.set->match.n == 0;
    if (c->over || !r->read.timed)
        return false;
    c->wake = wait_now() + time_left(r);
    return time_left(r) == 0;
}

/* NULL: there is nothing to read. */
static struct request *read_rooms(struct reader *r)
{
    r->read.rooms = &r->conn.rooms;
    r->read.n = r->conn.rooms.n;
    r->read.timed = r->f->t->print.until.ms < UINT64_MAX;
    if (r->read.n == 0 && !must_ask_without_rooms(r))
        return NULL;
    r->read.block = may_wait(r);
    r->last = READ;
    r->asked_at = wait_now();
    return &r->read.request;
}

/* The last read was answered: decide about the next one. Returns false if it must wait. */
static bool take_read(struct reader *r)
{
    struct tail_xread *x = &r->read;
    uint64_t until = r->f->t->print.until.ms;

    if (x->unreadable) {
        for (size_t i = 0; i < r->conn.rooms.n; i++)
            r->conn.rooms.at[i]->quiet_until = 0;
        begin_round(r, true);
    }
    x->strict = x->unreadable;
    if (x->timed)
        r->conn.over = x->in.entries == 0 && !x->unreadable && tail_clock_asked(&x->clock) > until;
    if (x->in.entries == 0 && x->block > 0 && !x->unreadable
        && wait_now() + TAIL_EMPTY_PAUSE_MS < r->asked_at + x->block) {
        r->conn.wake = wait_now() + TAIL_EMPTY_PAUSE_MS;
        return false;
    }
    return true;
}

static struct request *next(struct tail_conn *c)
{
    struct reader *r = (struct reader *)c;
    struct request *asked = NULL;
    bool was_read = r->last == READ, was_check = r->last == CHECK;

    drop_rooms(r);
    r->last = NOTHING;
    if (c->over || (was_read && !take_read(r)) || c->over)
        return NULL;
    if (r->f->t->print.printed_at == 0)
        r->f->t->print.printed_at = wait_now(); /* -W counts from here on */
    if (!r->checking && wait_now() >= r->due)
        begin_round(r, false);
    if (r->checking && (!was_check || r->before_reading || r->next >= r->conn.rooms.n)) {
        asked = check(r);
        if (asked == NULL)
            end_round(r);
    }
    return asked ? asked : read_rooms(r);
}

/* What is known of the rooms may be wrong now: check them before they are read. */
static void broken(struct tail_conn *c)
{
    struct reader *r = (struct reader *)c;

    drop_rooms(r);
    for (size_t i = 0; i < r->conn.rooms.n; i++)
        r->conn.rooms.at[i]->stale = true;
    r->last = NOTHING;
    begin_round(r, true);
}

static void close_reader(struct tail_conn *c)
{
    struct reader *r = (struct reader *)c;

    tail_xread_free(&r->read);
    free(r);
}

/* NULL with EXIT_FAILED: the limit on open files allows no more connections. */
static struct reader *add_reader(struct follow *f, int slot, struct err *e)
{
    static const struct tail_source source = {next, broken, close_reader};
    struct reader *r;

    if (!tail_conns_may_add(&f->conns, e))
        return NULL;
    r = buf_zeroed(1, sizeof *r);
    r->conn.source = &source;
    r->conn.reads = true;
    r->f = f;
    r->due = wait_now() + TAIL_HEARTBEAT_MS
             - (int64_t)(f->conns.all.n * SPREAD_MS % TAIL_HEARTBEAT_MS);
    tail_xread_start(&r->read, f->t);
    tail_check_start(&r->check, f->t);
    tail_conns_add(&f->conns, (struct tail_conn *)r, slot);
    return r;
}

/* Give the room to a reader, and return that. NULL as add_reader(). */
static struct reader *assign(struct follow *f, struct tail_room *room, struct err *e)
{
    struct reader *r = (struct reader *)tail_conns_for(&f->conns, room);

    if (r == NULL)
        r = add_reader(f, room->slot, e);
    if (r == NULL)
        return NULL;
    list_add(&r->conn.rooms, room);
    r->read.strict = false; /* this room was not checked yet */
    room->held = true;
    if (room->stale)
        begin_round(r, true);
    return r;
}

/* Read a room that -m has found: its reader may be waiting for others. */
static int adopt(void *context, struct tail_room *room, struct err *e)
{
    struct follow *f = context;
    struct reader *r;

    tail_start_fresh(f->t, room);
    r = assign(f, room, e);
    if (r == NULL)
        return -1;
    if (r->last == NOTHING || (r->last == READ && r->read.block > 0))
        tail_conn_interrupt(&r->conn);
    return 0;
}

static int assign_all(struct follow *f, struct err *e)
{
    struct tail *t = f->t;

    for (size_t i = 0; i < t->rooms.n; i++)
        if (t->rooms.all[i]->state == TAIL_ROOM_READ && assign(f, t->rooms.all[i], e) == NULL)
            return -1;
    if (f->conns.all.n == 0) /* to know when -U has passed */
        return add_reader(f, 0, e) ? 0 : -1;
    return 0;
}

int tail_follow(struct tail *t, struct err *e)
{
    struct follow f = {.t = t};
    int done;

    tail_conns_start(&f.conns, t);
    done = assign_all(&f, e);
    if (done == 0) {
        tail_finder_start(&f.conns, adopt, &f);
        done = tail_conns_run(&f.conns, e);
    }
    tail_conns_free(&f.conns);
    return done;
}
