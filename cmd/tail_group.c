#include "cmd/tail_group.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/tail_answers.h"
#include "cmd/tail_finder.h"
#include "cmd/tail_leave.h"
#include "cmd/tail_schedule.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* How long leaving may take. If it fails, others read again what was not acknowledged. */
enum { LEAVING_MS = 2000 };

struct group {
    struct tail *t;
    struct tail_giving giving;
    struct tail_conns conns;
    struct tail_answers answers;
};

/* The `i`th connection; NULL if it reads no rooms, but finds those of -m. */
static struct tail_sharer *sharer(const struct group *g, size_t i)
{
    struct tail_conn *c = g->conns.all.at[i];

    return c->reads ? (struct tail_sharer *)c : NULL;
}

/* NULL with EXIT_FAILED: the limit on open files allows no more connections. */
static struct tail_sharer *add_sharer(struct group *g, int slot, struct err *e)
{
    struct tail_sharer *s;

    if (!tail_conns_may_add(&g->conns, e))
        return NULL;
    s = tail_schedule_new(&g->giving);
    tail_conns_add(&g->conns, &s->conn, slot);
    return s;
}

/* Read a room, unless it is the one of --dead. */
static int adopt(void *context, struct tail_room *room, struct err *e)
{
    struct group *g = context;
    const char *dead = g->t->print.set->dead;
    struct tail_sharer *s = (struct tail_sharer *)tail_conns_for(&g->conns, room);

    if (dead && strlen(dead) == room->len && memcmp(dead, room->name, room->len) == 0) {
        room->state = TAIL_ROOM_LEFT_OUT;
        return 0;
    }
    if (s == NULL && (s = add_sharer(g, room->slot, e)) == NULL)
        return -1;
    tail_sharer_add(s, room);
    return 0;
}

/* Answers came: connections that pause may have updates to send. */
static void wake(struct group *g)
{
    for (size_t i = 0; i < g->conns.all.n; i++)
        if (sharer(g, i))
            sharer(g, i)->conn.wake = sharer(g, i)->pause = 0;
}

static void on_answer(void *context, const struct tail_answer *a)
{
    struct group *g = context;
    struct tail_rooms *rooms = &g->t->rooms;
    const struct tail_answered_id *one = &a->second;
    struct tail_room *room = one->found ? tail_rooms_find(rooms, a->room.at, a->room.len) : NULL;
    enum tail_answered answered = TAIL_UNKNOWN;
    char text[ID_TEXT];

    if (!a->first.found && !a->second.found) {
        err_say(ERR_NOTICE,
            "standard input: not an answer: write ID, -ID, or a room, a tab and one "
            "of these");
        return;
    }
    if (room == NULL && a->first.found && rooms->n == 1) { /* then it need not name the room */
        room = rooms->all[0];
        one = &a->first;
    }
    if (one->found && one->goes_on)
        return;
    if (room && room->share == NULL)
        return; /* it was deleted, or cannot be read any more */
    if (room)
        answered = tail_share_answer(room->share, one->id, one->failed);
    id_print(text, one->found ? one->id : a->first.id);
    g->giving.unanswered -= answered == TAIL_TAKEN;
    if (answered == TAIL_UNKNOWN)
        err_say(ERR_NOTICE, "standard input: %s was not given out, or was already answered", text);
}

/* Only connections that have updates to send are still needed. */
static void finish_updates(struct group *g)
{
    for (size_t i = 0; i < g->conns.all.n; i++)
        if (sharer(g, i))
            sharer(g, i)->conn.over = !tail_sharer_has_updates(sharer(g, i));
}

/* No more answers will come: unless we have asked for that, the program behind has exited. */
static int end_input(struct group *g, struct err *e)
{
    struct tail_print *p = &g->t->print;
    struct pollfd out = {STDOUT_FILENO, 0, 0};

    g->t->on_input = NULL;
    g->giving.answered = true;
    if (g->giving.closing) {
        finish_updates(g);
        return 0;
    }
    p->stop = TAIL_ENDED;
    if (!g->giving.ever)
        return err_set(e, EXIT_FAILED,
            "standard input ended before anything was given out; --ack reads the answers there");
    poll(&out, 1, 0);
    p->out.closed = out.revents & POLLERR;
    if (g->giving.unanswered > 0)
        return err_set(e, EXIT_FAILED, "standard input ended; handing back %zu unanswered %s",
            g->giving.unanswered, g->giving.unanswered == 1 ? "entry" : "entries");
    return 0;
}

static int on_input(void *context, struct err *e)
{
    struct group *g = context;
    char bytes[64 * 1024];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return end_input(g, e);
    tail_answers_feed(&g->answers, bytes, (size_t)n, on_answer, g);
    wake(g);
    return 0;
}

/* From here on, only the connections that read rooms are needed. */
static void stop_finding(struct group *g)
{
    for (size_t i = 0; i < g->conns.all.n; i++)
        g->conns.all.at[i]->over = sharer(g, i) == NULL;
}

/* Give out nothing more, close standard output, and take answers until the program behind ends. */
static int await_answers(struct group *g, struct err *e)
{
    struct tail_print *p = &g->t->print;
    enum tail_stop stop = p->stop;
    int done;

    g->giving.closing = g->t->leaving = true;
    out_finish(&p->out);
    p->stop = TAIL_GOES_ON;
    stop_finding(g);
    wake(g);
    done = tail_conns_run(&g->conns, e);
    p->stop = stop;
    return done;
}

static void hand_back(struct group *g, bool counts)
{
    for (size_t i = 0; i < g->t->rooms.n; i++)
        if (g->t->rooms.all[i]->share)
            tail_share_hand_back_all(g->t->rooms.all[i]->share, counts);
    g->giving.unanswered = 0;
}

/* Report what became of all entries, and leave the group. If that fails, others read again what was
 * printed here. */
static void leave(struct group *g)
{
    struct tail_print *p = &g->t->print;
    const struct out kept = p->out;
    enum tail_stop stop = p->stop;
    int64_t deadline = wait_now() + LEAVING_MS;
    struct err why;

    p->out = (struct out){0};
    g->giving.closing = g->t->leaving = true;
    stop_finding(g);
    for (size_t i = 0; i < g->conns.all.n; i++)
        if (sharer(g, i))
            tail_leave_begin(sharer(g, i));
    for (size_t i = 0; i < g->conns.all.n; i++)
        if (sharer(g, i))
            tail_leave_finish(sharer(g, i), deadline);
    p->stop = TAIL_GOES_ON;
    g->conns.deadline = deadline;
    out_finish(&p->out);
    tail_conns_run(&g->conns, &why);
    out_free(&p->out);
    p->out = kept;
    p->stop = stop;
}

static int begin(struct group *g, struct err *e)
{
    struct tail *t = g->t;

    tail_conns_start(&g->conns, t);
    if (t->print.set->ack) {
        t->on_input = on_input;
        t->input = g;
        t->print.out.nonblocking = true;
    }
    for (size_t i = 0; i < t->rooms.n; i++)
        if (adopt(g, t->rooms.all[i], e) < 0)
            return -1;
    if (g->conns.all.n == 0 && add_sharer(g, 0, e) == NULL) /* to know when -U has passed */
        return -1;
    tail_finder_start(&g->conns, adopt, g);
    return 0;
}

int tail_group(struct tail *t, struct err *e)
{
    struct group g = {.t = t, .giving = {.t = t, .set = t->print.set}};
    bool asked;
    int done;

    done = begin(&g, e);
    if (done == 0)
        done = tail_conns_run(&g.conns, e);
    asked = done == 0 && t->on_input;
    if (asked && t->print.out.failure.code == EXIT_DONE)
        done = await_answers(&g, e);
    tail_wait_flush(t, false);
    t->on_input = NULL;
    if (t->print.set->ack)
        hand_back(&g, !asked);
    if (t->print.set->ack || (done == 0 && t->print.out.failure.code == EXIT_DONE))
        leave(&g);
    tail_conns_free(&g.conns);
    tail_answers_free(&g.answers);
    return done;
}
