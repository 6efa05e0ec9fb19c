#include "cmd/tail_sharer.h"

#include <stdlib.h>

#include "cmd/tail_dead.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* Before asking again after an answer that there is nothing came too early. */
enum { EMPTY_PAUSE_MS = 100 };

/* How long the server may wait for new entries at most: while answers may come that have to be
 * passed on; and while rooms may be found that are not asked for yet. */
enum { ANSWER_MS = 100, FIND_MS = 1000 };

/* How often to look for what others left undone; with --ack, where it may have been handed back. */
enum { LOOK_MS = TAIL_HEARTBEAT_MS, LOOK_ACK_MS = 1000 };

static const struct tail_settings *settings(const struct tail_sharer *s)
{
    return s->giving->t->print.set;
}

struct tail_room **tail_sharer_rooms(const struct tail_sharer *s, size_t *n)
{
    *n = s->rooms.len / sizeof(struct tail_room *);
    return (void *)s->rooms.data;
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

/* Rooms that are not read any more, once nothing of them has to be told. */
static void drop_rooms(struct tail_sharer *s)
{
    size_t n, kept = 0;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);
    bool gone = false;

    for (size_t i = 0; i < n; i++) {
        if (rooms[i]->state == TAIL_ROOM_READ || rooms[i]->state == TAIL_ROOM_DONE) {
            rooms[kept++] = rooms[i];
            continue;
        }
        gone = true;
        s->giving->unanswered -= rooms[i]->share->n_given;
        forget(s, rooms[i]);
    }
    s->rooms.len = kept * sizeof(struct tail_room *);
    if (!gone)
        return;
    s->next = s->rotation = 0;
    tail_rooms_report(&s->giving->t->rooms, true);
    tail_rooms_forget(&s->giving->t->rooms);
}

static bool is_read(const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ && room->share->state == TAIL_SHARE_JOINED;
}

/* Make the group where it is not there. */
static struct request *join(struct tail_sharer *s)
{
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    tail_join_start(&s->join, s->giving->t);
    for (size_t i = 0; i < n; i++)
        if (rooms[i]->state == TAIL_ROOM_READ
            && (rooms[i]->share->state == TAIL_SHARE_NEW
                || rooms[i]->share->state == TAIL_SHARE_LOST)
            && !tail_join_add(&s->join, rooms[i]))
            break;
    return s->join.n > 0 ? &s->join.request : NULL;
}

/* A room of -m without the group: either it was deleted, and is found again if it is made again, or
 * somebody has deleted the group, who does not want it back. */
static void bury(struct tail_infos *q, struct tail_room *room, const struct tail_info *info,
    const struct err *why)
{
    struct tail *t = q->context;
    struct err gone;

    if (why == NULL && !info->exists) {
        tail_rooms_drop(&t->rooms, room);
        return;
    }
    err_set(
        &gone, EXIT_FAILED, "%.64s: the group %.64s was deleted", room->name, t->print.set->group);
    tail_rooms_leave_out(&t->rooms, room, &gone);
}

static struct request *look_for_graves(struct tail_sharer *s)
{
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    tail_info_start(&s->infos);
    s->infos.each = bury;
    s->infos.context = s->giving->t;
    for (size_t i = 0; i < n; i++)
        if (rooms[i]->state == TAIL_ROOM_READ && rooms[i]->share->state == TAIL_SHARE_GONE
            && !tail_info_add(&s->infos, rooms[i]))
            break;
    return s->infos.n > 0 ? &s->infos.request : NULL;
}

/* How many entries may be taken now. */
static uint64_t capacity(const struct tail_sharer *s)
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

/* Ask for `count` entries of each room that is `asked`. */
static struct request *turn(struct tail_sharer *s, uint64_t count, int64_t block, bool own)
{
    s->turn.rooms = tail_sharer_rooms(s, &s->turn.n);
    s->turn.count = count;
    s->turn.block = block;
    s->turn.own = own;
    s->turn.timed = count > 0 && !own && s->giving->t->print.until.ms < UINT64_MAX;
    s->last = SHARER_TURN;
    s->asked_at = wait_now();
    return &s->turn.request;
}

/* What was given to us and has not arrived, or to one of our name before. */
static struct request *recover(struct tail_sharer *s)
{
    uint64_t most = capacity(s);
    size_t n, wanted = 0;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    for (size_t i = 0; i < n && most > 0; i++) {
        bool recovers = is_read(rooms[i]) && rooms[i]->share->recovers;

        if (recovers && (rooms[i]->share->acks.len > 0 || rooms[i]->share->backs.len > 0))
            return turn(s, 0, TAIL_NO_WAIT, false); /* what is done is pending until then */
        if (recovers && settings(s)->ack)
            return tail_claim_list(&s->claim, rooms[i], true, most);
        rooms[i]->share->asked = recovers && wanted < most;
        wanted += rooms[i]->share->asked;
    }
    if (wanted == 0)
        return NULL;
    if (most > s->turn.batch.entries)
        most = s->turn.batch.entries;
    return turn(s, most > wanted ? most / wanted : 1, TAIL_NO_WAIT, true);
}

static bool has_claimable(const struct tail_sharer *s)
{
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    for (size_t i = 0; i < n; i++)
        if (is_read(rooms[i]) && rooms[i]->share->claimable)
            return true;
    return false;
}

/* With -e and --ack the round tells whether all is done. */
static void end_round(struct tail_sharer *s)
{
    int64_t claim = (int64_t)settings(s)->claim;

    s->looking = false;
    s->due = wait_now() + wait_earliest(claim, settings(s)->ack ? LOOK_ACK_MS : LOOK_MS);
    if (!s->dry || !settings(s)->to_end)
        return;
    s->dry = false;
    s->conn.over = !s->join.counted;
    if (!has_claimable(s))
        s->pause = s->due;
}

static struct request *look(struct tail_sharer *s)
{
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    if (s->next == 0)
        s->join.counted = false;
    tail_join_look(&s->join, s->giving->t);
    for (; s->next < n; s->next++)
        if (is_read(rooms[s->next]) && !tail_join_add(&s->join, rooms[s->next]))
            break;
    return s->join.n > 0 ? &s->join.request : NULL;
}

static struct request *claim(struct tail_sharer *s)
{
    uint64_t most = capacity(s);
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    for (size_t i = 0; i < n && most > 0; i++) {
        if (is_read(rooms[i]) && rooms[i]->share->claimable)
            return settings(s)->ack ? tail_claim_list(&s->claim, rooms[i], false, most)
                                    : tail_claim_any(&s->claim, rooms[i], most);
        tail_take_tell(rooms[i]);
    }
    return NULL;
}

/* One step for what others left undone, between two turns: what is new comes first. */
static struct request *housekeep(struct tail_sharer *s)
{
    struct request *asked = NULL;

    if (s->looking && s->next * sizeof(struct tail_room *) >= s->rooms.len)
        end_round(s);
    if (s->last == SHARER_LOOK || s->conn.over)
        return NULL;
    if (!s->looking)
        asked = claim(s);
    if (asked == NULL && !s->looking && (wait_now() >= s->due || (s->dry && settings(s)->to_end))) {
        s->looking = true;
        s->next = 0;
    }
    if (asked == NULL && s->looking)
        asked = look(s);
    if (asked)
        s->last = SHARER_LOOK;
    return asked;
}

/* Ask for all rooms that are read, or up to `most` of those that may have more. Returns how many.
 */
static size_t mark(struct tail_sharer *s, bool all, uint64_t most)
{
    size_t n, marked = 0;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    for (size_t i = 0; i < n; i++) {
        struct tail_room *room = rooms[(s->rotation + i) % n];

        room->share->asked = is_read(room) && (all || (!room->share->cold && marked < most));
        marked += room->share->asked;
        if (!all && room->share->asked)
            s->rotation = (s->rotation + i + 1) % n;
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

/* Milliseconds until -U has passed, by the server's clock. */
static int64_t time_left(const struct tail_sharer *s)
{
    uint64_t now = (uint64_t)(wait_now() + s->skew), until = s->giving->t->print.until.ms;

    return now > until ? 0 : until - now < INT32_MAX ? (int64_t)(until - now) + 1 : INT32_MAX;
}

static bool is_timed(const struct tail_sharer *s)
{
    return s->giving->t->print.until.ms < UINT64_MAX;
}

/* How long the server may wait for something new. */
static int64_t may_wait(const struct tail_sharer *s)
{
    int64_t wait = wait_earliest(s->due - wait_now(), TAIL_HEARTBEAT_MS);

    if (settings(s)->to_end || !s->whole || s->looking || has_claimable(s))
        return TAIL_NO_WAIT;
    if (settings(s)->matches > 0)
        wait = wait_earliest(wait, FIND_MS);
    if (s->giving->unanswered > 0)
        wait = wait_earliest(wait, wait_earliest(ANSWER_MS, tail_turn_renew_period(settings(s))));
    if (is_timed(s) && (!s->clocked || time_left(s) == 0))
        return TAIL_NO_WAIT;
    if (is_timed(s))
        wait = wait_earliest(wait, time_left(s));
    return wait > 0 ? wait : 1;
}

/* Whether something is to be told; else, `wake` says when something was not renewed for long. */
static bool has_news(struct tail_sharer *s)
{
    int64_t period = tail_turn_renew_period(settings(s));
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    for (size_t i = 0; i < n; i++) {
        if (tail_turn_has_news(&s->turn, rooms[i]->share))
            return true;
        s->conn.wake = wait_earliest(s->conn.wake, tail_share_renew_at(rooms[i]->share, period));
    }
    return false;
}

/* Nothing can be read: either nothing will be, or there is no room yet. */
static struct request *read_nothing(struct tail_sharer *s)
{
    const struct tail_settings *set = settings(s);

    if (set->matches == 0 || set->to_end)
        s->conn.over = true;
    else if (is_timed(s) && (!s->clocked || time_left(s) == 0))
        return turn(s, 1, TAIL_NO_WAIT, false);
    else if (is_timed(s))
        s->conn.wake = wait_now() + time_left(s);
    return NULL;
}

static struct request *take_turn(struct tail_sharer *s)
{
    uint64_t most = capacity(s), count;

    if (has_news(s) || s->pause <= wait_now())
        s->pause = 0;
    if (s->pause > 0) {
        s->conn.wake = wait_earliest(s->conn.wake, s->pause);
        return NULL;
    }
    if (most == 0)
        return has_news(s) ? turn(s, 0, TAIL_NO_WAIT, false) : NULL;
    count = choose(s, most);
    if (count == 0)
        return has_news(s) ? turn(s, 0, TAIL_NO_WAIT, false) : read_nothing(s);
    s->reserved = s->whole ? 0 : most;
    s->giving->reserved += s->reserved;
    return turn(s, count, may_wait(s), false);
}

/* The group is not there, or a room cannot be read: each is looked at. */
static void lose_groups(struct tail_sharer *s)
{
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    for (size_t i = 0; i < n; i++)
        if (is_read(rooms[i]) && rooms[i]->share->asked)
            rooms[i]->share->state = TAIL_SHARE_LOST;
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
    if (u->timed) {
        s->clocked = true;
        s->skew = (int64_t)tail_clock_now(&u->clock) - wait_now();
    }
    s->dry = nothing && s->whole;
    if (s->giving->closing)
        return;
    if (s->dry && settings(s)->to_end && !settings(s)->ack)
        s->conn.over = true;
    if (s->dry && u->timed && tail_clock_now(&u->clock) > s->giving->t->print.until.ms)
        s->conn.over = true;
    if (nothing && u->block > 0 && wait_now() + EMPTY_PAUSE_MS < s->asked_at + u->block)
        s->pause = wait_now() + EMPTY_PAUSE_MS;
}

/* What comes before anything new. */
static struct request *prepare(struct tail_sharer *s)
{
    struct request *asked = tail_claim_listed(&s->claim);

    if (asked == NULL && s->dead)
        asked = tail_dead_next(s->dead);
    if (asked == NULL)
        asked = join(s);
    if (asked == NULL)
        asked = look_for_graves(s);
    return asked ? asked : recover(s);
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
    if (s->giving->closing)
        return has_news(s) ? turn(s, 0, TAIL_NO_WAIT, false) : NULL;
    asked = prepare(s);
    if (asked == NULL)
        asked = housekeep(s);
    return asked || c->over ? asked : take_turn(s);
}

/* What was under way may have been done. */
static void broken(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    s->giving->reserved -= s->reserved;
    s->reserved = 0;
    s->last = SHARER_NOTHING;
    s->looking = s->dry = false;
    s->died = true;
    for (size_t i = 0; i < n; i++) {
        rooms[i]->share->recovers = true;
        rooms[i]->share->own = ID_LEAST;
    }
}

static void close_sharer(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);

    for (size_t i = 0; i < n; i++)
        forget(s, rooms[i]);
    buf_free(&s->rooms);
    tail_take_free(&s->take);
    tail_turn_free(&s->turn);
    tail_claim_free(&s->claim);
    tail_dead_free(s->dead);
    free(s);
}

struct tail_sharer *tail_sharer_new(struct tail_giving *g)
{
    static const struct tail_source source = {next, broken, close_sharer};
    struct tail_sharer *s = calloc(1, sizeof *s);

    if (s == NULL)
        buf_no_memory();
    s->conn.source = &source;
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
    buf_add(&s->rooms, &room, sizeof(struct tail_room *));
    s->turn.rooms = s->take.rooms = (void *)s->rooms.data; /* they may have moved during a turn */
    s->conn.over = false;
    s->conn.wake = 0;
}

/* Some rooms, to see whether the consumer may go, or to take it off. */
static struct request *leave_some(struct tail_sharer *s)
{
    size_t n;
    struct tail_room **rooms = tail_sharer_rooms(s, &n);
    bool checks = s->leaving == SHARER_CHECKS;

    (checks ? tail_join_check : tail_join_leave)(&s->join, s->giving->t);
    for (; s->next < n; s->next++)
        if (rooms[s->next]->share->state == TAIL_SHARE_JOINED
            && (checks || rooms[s->next]->share->leaves)
            && !tail_join_add(&s->join, rooms[s->next]))
            break;
    return s->join.n > 0 ? &s->join.request : NULL;
}

/* The end: say what became of the entries; then go where nothing is pending for us. */
static struct request *next_leaving(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    struct request *asked = NULL;

    if (has_news(s))
        return turn(s, 0, TAIL_NO_WAIT, false);
    if (!settings(s)->passing || s->died)
        s->leaving = SHARER_LEFT;
    while (s->leaving < SHARER_LEFT && asked == NULL) {
        if (s->leaving > SHARER_STAYS)
            asked = leave_some(s);
        if (asked == NULL) {
            s->leaving++;
            s->next = 0;
        }
    }
    c->over = asked == NULL;
    return asked;
}

/*
 * A read that waits could still be given something after we have gone. So its connection is closed
 * in one direction: the server then closes it in the other one, and until we see that, what it has
 * sent before is taken. After that it knows nothing of the read any more.
 */
static void end_request(struct tail_sharer *s, int64_t deadline)
{
    struct tail_conn *c = &s->conn;
    struct err e;

    while (c->asked && wait_now() < deadline) {
        if (request_take(c->asked, c->session, &e) != 0)
            c->asked = NULL;
        else if (session_wait(c->session, NULL, deadline, true, &e) < 0)
            break;
    }
    s->died = s->died || c->asked;
}

void tail_sharer_hang_up(struct tail_sharer *s)
{
    if (s->conn.asked && session_up(s->conn.session))
        link_hang_up(session_link(s->conn.session));
}

void tail_sharer_finish(struct tail_sharer *s, struct tail *t, int64_t deadline)
{
    static const struct tail_source source = {next_leaving, NULL, close_sharer};
    struct tail_conn *c = &s->conn;
    bool asked = c->asked && session_up(c->session);

    if (asked)
        end_request(s, deadline);
    if (asked || !session_up(c->session)) {
        int slot = session_slot(c->session);

        session_close(c->session);
        c->session = session_new(t->route, slot, 0);
    }
    c->source = &source;
    c->asked = NULL;
    c->wake = 0;
    c->over = false;
    s->turn.forgives = true;
    s->leaving = SHARER_STAYS;
}
