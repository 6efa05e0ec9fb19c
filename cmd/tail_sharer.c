#include "cmd/tail_sharer.h"

#include <stdlib.h>

#include "cmd/tail_dead.h"
#include "common/wait.h"

static void forget(struct tail_sharer *s, struct tail_room *room)
{
    room->held = false;
    if (s->dead)
        tail_dead_forget(s->dead, room);
    tail_share_free(room->share);
    free(room->share);
    room->share = NULL;
}

void tail_sharer_drop_rooms(struct tail_sharer *s)
{
    struct tail_room_list *rooms = &s->conn.rooms;
    size_t kept = 0, all = rooms->n;

    for (size_t i = 0; i < all; i++) {
        struct tail_room *room = rooms->at[i];

        if (room->state == TAIL_ROOM_READ || room->state == TAIL_ROOM_DONE) {
            rooms->at[kept++] = room;
            continue;
        }
        s->giving->unanswered -= room->share->n_given;
        forget(s, room);
    }
    rooms->n = kept;
    if (kept == all)
        return;
    s->next = s->rotation = 0;
    tail_rooms_report(&s->giving->t->rooms, true);
    tail_rooms_forget(&s->giving->t->rooms);
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

bool tail_sharer_is_timed(const struct tail_sharer *s)
{
    return s->giving->t->print.until.ms < UINT64_MAX;
}

struct request *tail_sharer_turn(
    struct tail_sharer *s, uint64_t count, int64_t block, bool recovers)
{
    s->turn.rooms = &s->conn.rooms;
    s->turn.count = count;
    s->turn.block = block;
    s->turn.recovers = recovers;
    s->turn.timed = count > 0 && !recovers && tail_sharer_is_timed(s);
    s->last = SHARER_TURN;
    s->asked_at = wait_now();
    return &s->turn.request;
}

bool tail_sharer_has_updates(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;
    int64_t period = tail_turn_renew_period(s->giving->set);

    for (size_t i = 0; i < rooms->n; i++) {
        if (tail_turn_has_updates(&s->turn, rooms->at[i]->share))
            return true;
        s->conn.wake = wait_earliest(
            s->conn.wake, tail_share_renew_at(rooms->at[i]->share, period));
    }
    return false;
}

struct request *tail_sharer_update(struct tail_sharer *s)
{
    return tail_sharer_has_updates(s) ? tail_sharer_turn(s, 0, TAIL_NO_WAIT, false) : NULL;
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

struct tail_sharer *tail_sharer_new(struct tail_giving *g, const struct tail_source *source)
{
    struct tail_sharer *s = buf_zeroed(1, sizeof *s);

    s->conn.source = source;
    s->conn.reads = true;
    s->giving = g;
    tail_take_start(&s->take, g);
    tail_turn_start(&s->turn, &s->take);
    s->claim.take = &s->take;
    s->join.giving = g;
    if (s->giving->set->dead)
        s->dead = s->claim.dead = tail_dead_new(g->t);
    return s;
}

void tail_sharer_add(struct tail_sharer *s, struct tail_room *room)
{
    room->share = buf_zeroed(1, sizeof *room->share);
    room->state = TAIL_ROOM_READ;
    room->held = true;
    list_add(&s->conn.rooms, room);
    s->conn.over = false;
    s->conn.wake = 0;
}
