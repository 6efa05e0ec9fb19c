#include "cmd/tail_sharer.h"

#include <stdlib.h>

#include "cmd/tail_dead.h"
#include "cmd/tail_upkeep.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* Before asking again after an answer that there is nothing came too early. */
enum { EMPTY_PAUSE_MS = 100 };

/* How long the server may wait for new entries at most: while answers may come that have to be
 * passed on; and while rooms may be found that are not asked for yet. */
enum { ANSWER_MS = 100, FIND_MS = 1000 };

static const struct tail_settings *settings(const struct tail_sharer *s)
{
    return s->giving->t->print.set;
}

static void forget(struct tail_sharer *s, struct tail_room *room)
{
    room->held = false;
    if (s->dead)
        tail_dead_forget(s->dead, room);
    tail_share_free(room->share);
    free(room->share);
    room->share = NULL;
}

/* Rooms that are not read any more, once nothing about them is left to send. */
static void drop_rooms(struct tail_sharer *s)
{
    size_t kept = 0;
    const struct tail_room_list *rooms = &s->conn.rooms;
    bool gone = false;

    for (size_t i = 0; i < rooms->n; i++) {
        if (rooms->at[i]->state == TAIL_ROOM_READ || rooms->at[i]->state == TAIL_ROOM_DONE) {
            rooms->at[kept++] = rooms->at[i];
            continue;
        }
        gone = true;
        s->giving->unanswered -= rooms->at[i]->share->n_given;
        forget(s, rooms->at[i]);
    }
    s->conn.rooms.n = kept;
    if (!gone)
        return;
    s->next = s->rotation = 0;
    tail_rooms_report(&s->giving->t->rooms, true);
    tail_rooms_forget(&s->giving->t->rooms);
}

bool tail_sharer_reads(const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ && room->share->state == TAIL_SHARE_JOINED;
}

uint64_t tail_sharer_capacity(const struct tail_sharer *s)
{
    const struct tail_giving *g = s->giving;
    const struct tail_print *p = &g->t->print;
    size_t used = g->unanswered + g->reserved;
    uint64_t most = UINT64_MAX, left;

    if (g->closing || p->stop != TAIL_GOES_ON)
        return 0;
    if (p->set->ack)
        most = used < (size_t)p->set->prefetch ? (uint64_t)p->set->prefetch - used : 0;
    left = (uint64_t)p->set->count - p->progress.messages;
    if (p->set->count > 0 && left < most)
        most = left;
    return most;
}

struct request *tail_sharer_turn(struct tail_sharer *s, uint64_t count, int64_t block, bool own)
{
    s->turn.rooms = &s->conn.rooms;
    s->turn.count = count;
    s->turn.block = block;
    s->turn.own = own;
    s->turn.timed = count > 0 && !own && s->giving->t->print.until.ms < UINT64_MAX;
    s->last = SHARER_TURN;
    s->asked_at = wait_now();
    return &s->turn.request;
}

/* Ask for all rooms that are read, or up to `most` of those that may have more. Returns how many.
 */
static size_t mark(struct tail_sharer *s, bool all, uint64_t most)
{
    size_t marked = 0;
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n; i++) {
        struct tail_room *room = rooms->at[(s->rotation + i) % rooms->n];

        room->share->asked = tail_sharer_reads(room)
                             && (all || (!room->share->cold && marked < most));
        marked += room->share->asked;
        if (!all && room->share->asked)
            s->rotation = (s->rotation + i + 1) % rooms->n;
    }
    return marked;
}

/*
 * Choose the rooms to ask, and how many entries of each. Where only a few may be taken, as with
 * --ack, rooms that may have more are asked in turn without waiting, so that nothing comes that
 * another reader could begin sooner; once none has, all are waited for together.
 */
static uint64_t choose(struct tail_sharer *s, uint64_t most)
{
    uint64_t batch = s->turn.batch.entries, count;
    size_t marked = mark(s, true, 0);

    s->whole = true;
    if (most < marked) {
        size_t warm = mark(s, false, most);

        s->whole = warm == 0;
        marked = s->whole ? mark(s, true, 0) : warm;
    }
    if (marked == 0)
        return 0;
    count = (most < batch ? most : batch) / marked;
    return count > 0 ? count : 1;
}

/* Milliseconds until -U has passed; 0: perhaps it has. */
static int64_t time_left(const struct tail_sharer *s)
{
    return tail_clock_left(&s->turn.clock, s->giving->t->print.until.ms);
}

static bool is_timed(const struct tail_sharer *s)
{
    return s->giving->t->print.until.ms < UINT64_MAX;
}

/* How long the server may wait for something new. */
static int64_t may_wait(const struct tail_sharer *s)
{
    int64_t wait = wait_earliest(s->due - wait_now(), TAIL_HEARTBEAT_MS);

    if (settings(s)->to_end || !s->whole || tail_upkeep_is_due(s))
        return TAIL_NO_WAIT;
    if (settings(s)->matches > 0)
        wait = wait_earliest(wait, FIND_MS);
    if (s->giving->unanswered > 0)
        wait = wait_earliest(wait, wait_earliest(ANSWER_MS, tail_turn_renew_period(settings(s))));
    if (is_timed(s) && time_left(s) == 0)
        return TAIL_NO_WAIT;
    if (is_timed(s))
        wait = wait_earliest(wait, time_left(s));
    return wait > 0 ? wait : 1;
}

bool tail_sharer_has_news(struct tail_sharer *s)
{
    int64_t period = tail_turn_renew_period(settings(s));
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n; i++) {
        if (tail_turn_has_news(&s->turn, rooms->at[i]->share))
            return true;
        s->conn.wake = wait_earliest(
            s->conn.wake, tail_share_renew_at(rooms->at[i]->share, period));
    }
    return false;
}

/* Nothing can be read: either nothing will be, or there is no room yet. */
static struct request *read_nothing(struct tail_sharer *s)
{
    const struct tail_settings *set = settings(s);

    if (set->matches == 0 || set->to_end)
        s->conn.over = true;
    else if (is_timed(s) && time_left(s) == 0)
        return tail_sharer_turn(s, 1, TAIL_NO_WAIT, false);
    else if (is_timed(s))
        s->conn.wake = wait_now() + time_left(s);
    return NULL;
}

static struct request *take_turn(struct tail_sharer *s)
{
    uint64_t most = tail_sharer_capacity(s), count;

    if (tail_sharer_has_news(s) || s->pause <= wait_now())
        s->pause = 0;
    if (s->pause > 0) {
        s->conn.wake = wait_earliest(s->conn.wake, s->pause);
        return NULL;
    }
    if (most == 0)
        return tail_sharer_has_news(s) ? tail_sharer_turn(s, 0, TAIL_NO_WAIT, false) : NULL;
    count = choose(s, most);
    if (count == 0)
        return tail_sharer_has_news(s) ? tail_sharer_turn(s, 0, TAIL_NO_WAIT, false)
                                       : read_nothing(s);
    s->reserved = s->whole ? 0 : most;
    s->giving->reserved += s->reserved;
    return tail_sharer_turn(s, count, may_wait(s), false);
}

/* The group is not there, or a room cannot be read: each is looked at. */
static void lose_groups(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n; i++)
        if (tail_sharer_reads(rooms->at[i]) && rooms->at[i]->share->asked)
            rooms->at[i]->share->state = TAIL_SHARE_LOST;
}

/* What the last turn says about the next one. */
static void took_turn(struct tail_sharer *s)
{
    const struct tail_turn *u = &s->turn;
    bool nothing = u->count > 0 && !u->own && u->came == 0 && !u->lost;

    s->giving->reserved -= s->reserved;
    s->reserved = 0;
    s->turn.strict = u->lost;
    if (u->lost)
        lose_groups(s);
    s->dry = nothing && s->whole;
    if (s->giving->closing)
        return;
    if (s->dry && settings(s)->to_end && !settings(s)->ack)
        s->conn.over = true;
    if (s->dry && u->timed && tail_clock_asked(&u->clock) > s->giving->t->print.until.ms)
        s->conn.over = true;
    if (nothing && u->block > 0 && wait_now() + EMPTY_PAUSE_MS < s->asked_at + u->block)
        s->pause = wait_now() + EMPTY_PAUSE_MS;
}

static struct request *next(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    struct tail_print *p = &s->giving->t->print;
    struct request *asked;

    if (s->last == SHARER_TURN) {
        s->last = SHARER_NOTHING;
        took_turn(s);
    }
    drop_rooms(s);
    s->giving->unanswered -= s->join.lost;
    s->join.lost = 0;
    if (p->printed_at == 0 && s->giving->unanswered == 0)
        p->printed_at = wait_now(); /* -W counts from here on */
    if (!settings(s)->ack)
        tail_wait_flush(s->giving->t, false);
    if (c->over || p->stop != TAIL_GOES_ON)
        return NULL;
    if (s->giving->closing) {
        c->over = s->giving->answered && !tail_sharer_has_news(s);
        return tail_sharer_has_news(s) ? tail_sharer_turn(s, 0, TAIL_NO_WAIT, false) : NULL;
    }
    asked = tail_upkeep_first(s);
    if (asked == NULL)
        asked = tail_upkeep_step(s);
    return asked || c->over ? asked : take_turn(s);
}

/* What was under way may have been done. */
static void broken(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    const struct tail_room_list *rooms = &s->conn.rooms;

    s->giving->reserved -= s->reserved;
    s->reserved = 0;
    s->last = SHARER_NOTHING;
    s->looking = s->dry = false;
    s->died = true;
    for (size_t i = 0; i < rooms->n; i++) {
        rooms->at[i]->share->recovers = true;
        rooms->at[i]->share->own = ID_LEAST;
    }
}

void tail_sharer_close(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n; i++)
        forget(s, rooms->at[i]);
    tail_take_free(&s->take);
    tail_turn_free(&s->turn);
    tail_claim_free(&s->claim);
    tail_dead_free(s->dead);
    free(s);
}

struct tail_sharer *tail_sharer_new(struct tail_giving *g)
{
    static const struct tail_source source = {next, broken, tail_sharer_close};
    struct tail_sharer *s = calloc(1, sizeof *s);

    if (s == NULL)
        buf_no_memory();
    s->conn.source = &source;
    s->conn.reads = true;
    s->giving = g;
    tail_take_start(&s->take, g);
    tail_turn_start(&s->turn, &s->take);
    s->claim.take = &s->take;
    if (settings(s)->dead)
        s->dead = s->claim.dead = tail_dead_new(g->t);
    return s;
}

void tail_sharer_add(struct tail_sharer *s, struct tail_room *room)
{
    room->share = calloc(1, sizeof *room->share);
    if (room->share == NULL)
        buf_no_memory();
    room->state = TAIL_ROOM_READ;
    room->held = true;
    list_add(&s->conn.rooms, room);
    s->conn.over = false;
    s->conn.wake = 0;
}
