#include "cmd/tail_schedule.h"

#include "cmd/tail_upkeep.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* The longest time that the server may wait for new entries: while the program behind may answer,
 * and while -m may find more rooms. */
enum { ANSWER_MS = 100, FIND_MS = 1000 };

/* Mark the rooms to ask: all that are read, or up to `most` of those that may have more. Returns
 * how many. */
static size_t mark(struct tail_sharer *s, bool all, uint64_t most)
{
    const struct tail_room_list *rooms = &s->conn.rooms;
    size_t marked = 0;

    for (size_t i = 0; i < rooms->n; i++) {
        struct tail_room *room = rooms->at[(s->rotation + i) % rooms->n];

        room->share->asked = tail_join_is_joined(room)
                             && (all || (!room->share->exhausted && marked < most));
        marked += room->share->asked;
        if (!all && room->share->asked)
            s->rotation = (s->rotation + i + 1) % rooms->n;
    }
    return marked;
}

/*
 * Choose the rooms to ask, and how many entries of each. Where fewer entries may be taken than
 * there are rooms, as with --ack, ask those that may have more in turn and without waiting: an
 * entry above that number would have to wait here, while another reader could begin it. Once no
 * room has more, wait for all together.
 */
static uint64_t choose(struct tail_sharer *s, uint64_t most)
{
    uint64_t batch = s->turn.batch.entries, count;
    size_t marked = mark(s, true, 0);

    s->asked_all = true;
    if (most < marked) {
        marked = mark(s, false, most);
        s->asked_all = marked == 0;
        if (s->asked_all)
            marked = mark(s, true, 0);
    }
    if (marked == 0)
        return 0;
    count = (most < batch ? most : batch) / marked;
    return count > 0 ? count : 1;
}

/* Milliseconds until -U has passed; 0: it may have. */
static int64_t time_left(const struct tail_sharer *s)
{
    return tail_clock_left(&s->turn.clock, s->giving->t->print.until.ms);
}

/* How long the server may wait for something new. */
static int64_t may_wait(const struct tail_sharer *s)
{
    int64_t wait = wait_earliest(s->due - wait_now(), TAIL_HEARTBEAT_MS);

    if (s->giving->set->to_end || !s->asked_all || tail_upkeep_is_due(s))
        return TAIL_NO_WAIT;
    if (s->giving->set->match.n > 0)
        wait = wait_earliest(wait, FIND_MS);
    if (s->giving->unanswered > 0)
        wait = wait_earliest(
            wait, wait_earliest(ANSWER_MS, tail_turn_renew_period(s->giving->set)));
    if (tail_sharer_is_timed(s) && time_left(s) == 0)
        return TAIL_NO_WAIT;
    if (tail_sharer_is_timed(s))
        wait = wait_earliest(wait, time_left(s));
    return wait > 0 ? wait : 1;
}

/* No room is read: either none ever will be, or -m may still find one. */
static struct request *read_nothing(struct tail_sharer *s)
{
    const struct tail_settings *set = s->giving->set;

    if (set->match.n == 0 || set->to_end)
        s->conn.over = true;
    else if (tail_sharer_is_timed(s) && time_left(s) == 0)
        return tail_sharer_turn(s, 1, TAIL_NO_WAIT, false);
    else if (tail_sharer_is_timed(s))
        s->conn.wake = wait_now() + time_left(s);
    return NULL;
}

static struct request *take_turn(struct tail_sharer *s)
{
    uint64_t most = tail_sharer_capacity(s), count;

    if (tail_sharer_has_updates(s) || s->pause <= wait_now())
        s->pause = 0;
    if (s->pause > 0) {
        s->conn.wake = wait_earliest(s->conn.wake, s->pause);
        return NULL;
    }
    if (most == 0)
        return tail_sharer_update(s);
    count = choose(s, most);
    if (count == 0)
        return tail_sharer_has_updates(s) ? tail_sharer_update(s) : read_nothing(s);
    s->reserved = s->asked_all ? 0 : most;
    s->giving->reserved += s->reserved;
    return tail_sharer_turn(s, count, may_wait(s), false);
}

/* The group is missing, or a room cannot be read: joining each room again shows which. */
static void lose_groups(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n; i++)
        if (tail_join_is_joined(rooms->at[i]) && rooms->at[i]->share->asked)
            rooms->at[i]->share->state = TAIL_SHARE_LOST;
}

/* The last turn was answered: decide when to read again, and whether the connection is over. */
static void took_turn(struct tail_sharer *s)
{
    const struct tail_turn *u = &s->turn;
    bool nothing = u->count > 0 && !u->recovers && u->came == 0 && !u->lost;

    s->giving->reserved -= s->reserved;
    s->reserved = 0;
    s->turn.strict = u->lost;
    if (u->lost)
        lose_groups(s);
    s->caught_up = nothing && s->asked_all;
    if (s->giving->closing)
        return;
    if (s->caught_up && s->giving->set->to_end && !s->giving->set->ack)
        s->conn.over = true;
    if (s->caught_up && u->timed && tail_clock_asked(&u->clock) > s->giving->t->print.until.ms)
        s->conn.over = true;
    if (nothing && u->block > 0 && wait_now() + TAIL_EMPTY_PAUSE_MS < s->asked_at + u->block)
        s->pause = wait_now() + TAIL_EMPTY_PAUSE_MS;
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
    tail_sharer_drop_rooms(s);
    if (p->printed_at == 0 && s->giving->unanswered == 0)
        p->printed_at = wait_now(); /* -W counts from here on */
    if (!s->giving->set->ack)
        tail_wait_flush(s->giving->t, false);
    if (c->over || p->stop != TAIL_GOES_ON)
        return NULL;
    if (s->giving->closing) {
        asked = tail_sharer_update(s);
        c->over = s->giving->answered && asked == NULL;
        return asked;
    }
    asked = tail_upkeep_first(s);
    if (asked == NULL)
        asked = tail_upkeep_step(s);
    return asked || c->over ? asked : take_turn(s);
}

/* The server may have done what was asked: find out what is pending for us. */
static void broken(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    const struct tail_room_list *rooms = &s->conn.rooms;

    s->giving->reserved -= s->reserved;
    s->reserved = 0;
    s->last = SHARER_NOTHING;
    s->checking = s->caught_up = false;
    s->died = true;
    for (size_t i = 0; i < rooms->n; i++) {
        rooms->at[i]->share->recovers = true;
        rooms->at[i]->share->recover_from = ID_LEAST;
    }
}

struct tail_sharer *tail_schedule_new(struct tail_giving *g)
{
    static const struct tail_source source = {next, broken, tail_sharer_close};

    return tail_sharer_new(g, &source);
}
