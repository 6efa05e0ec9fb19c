#include "cmd/tail_finder.h"

#include <stdlib.h>

#include "cmd/tail_scan.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* After a step, pause this many times as long as it took: a server has to visit each of its keys,
 * which must not take more than a tenth of its time. */
enum { PAUSE = 9 };

struct finder {
    struct tail_conn conn;
    struct tail_conns *cs;
    tail_adopt *adopt;
    void *context;
    struct tail_scan scan;
    unsigned round, learnt; /* the scan's and the route's, when we last looked */
    int64_t begun;          /* wait_now() of when the round began; 0: it has not */
    bool asked;             /* a step is under way */
    bool ends;              /* -e or -U ends the program, whatever there is to find */
};

static void add_finders(const struct finder *like);

static void on_found(struct tail_scan *s, struct tail_room *room)
{
    struct finder *f = s->context;

    room->fresh = true;
    if (s->request.problem.code == EXIT_DONE)
        f->adopt(f->context, room, &s->request.problem);
}

/* Forget rooms that were left out and do not exist any more: the last round did not find them. */
static void forget_left_out(struct finder *f)
{
    struct tail *t = f->cs->t;
    bool any = false;

    for (size_t i = 0; i < t->rooms.n; i++) {
        struct tail_room *room = t->rooms.all[i];

        if (room->state != TAIL_ROOM_LEFT_OUT || room->round >= f->round)
            continue;
        if (t->route->cluster
            && route_owner(t->route, room->slot) != route_owner(t->route, f->scan.slot))
            continue;
        room->state = TAIL_ROOM_GONE;
        tail_wait_forget(t, room);
        any = true;
    }
    if (any)
        tail_rooms_forget(&t->rooms);
}

/* Returns when the next round begins: a heartbeat after this one began. */
static int64_t end_round(struct finder *f)
{
    int64_t next = f->begun + TAIL_HEARTBEAT_MS;

    forget_left_out(f);
    tail_rooms_report(&f->cs->t->rooms, false); /* connections without rooms do not */
    f->round = f->scan.round;
    f->begun = 0;
    if (f->cs->t->route->learnt != f->learnt)
        add_finders(f);
    f->learnt = f->cs->t->route->learnt;
    return next;
}

static struct request *next(struct tail_conn *c)
{
    struct finder *f = (struct finder *)c;
    bool answered = f->asked;

    f->asked = false;
    if (answered && f->scan.round != f->round)
        c->wake = end_round(f);
    else if (answered)
        c->wake = wait_now() + f->scan.took * PAUSE;
    if (answered && c->wake > wait_now())
        return NULL;
    if (f->begun == 0)
        f->begun = wait_now();
    f->asked = true;
    return &f->scan.request;
}

static void broken(struct tail_conn *c)
{
    ((struct finder *)c)->asked = false;
}

static void close_finder(struct tail_conn *c)
{
    free(c);
}

static void add_finders(const struct finder *like)
{
    static const struct tail_source source = {next, broken, close_finder};
    struct tail_slot_list slots = {0};
    size_t known;

    for (size_t i = 0; i < like->cs->all.n; i++) {
        const struct finder *f = (const struct finder *)like->cs->all.at[i];

        if (f->conn.source == &source)
            list_add(&slots, f->scan.slot);
    }
    known = slots.n;
    tail_scan_masters(like->cs->t, &slots);
    for (size_t i = known; i < slots.n; i++) {
        struct finder *f = malloc(sizeof *f);

        if (f == NULL)
            buf_no_memory();
        *f = *like;
        f->conn = (struct tail_conn){.source = &source, .extra = like->ends};
        f->round = 0;
        f->begun = 0;
        f->asked = false;
        tail_scan_start(&f->scan, f->cs->t, slots.at[i]);
        f->scan.found = on_found;
        f->scan.context = f;
        tail_conns_add(f->cs, &f->conn, slots.at[i]);
    }
    list_free(&slots);
}

void tail_finder_start(struct tail_conns *cs, tail_adopt *adopt, void *context)
{
    struct finder like = {.cs = cs, .adopt = adopt, .context = context};

    like.ends = cs->t->print.set->to_end || cs->t->print.until.ms < UINT64_MAX;
    like.learnt = cs->t->route->learnt;
    if (cs->t->print.set->match.n > 0)
        add_finders(&like);
}
