#include "cmd/tail_upkeep.h"

#include "cmd/tail_dead.h"
#include "common/wait.h"

/* How often to check for claimable entries; with --ack others may have handed some back. */
enum { CHECK_MS = TAIL_HEARTBEAT_MS, CHECK_ACK_MS = 1000 };

static struct request *create_groups(struct tail_sharer *s)
{
    size_t from = 0;

    return tail_join_next(&s->join, TAIL_JOIN_CREATE, &s->conn.rooms, &from);
}

/* A room of -m without the group: either the room was deleted, and -m finds it when it is created
 * again; or somebody deleted the group, and does not want it back. */
static void drop_groupless(struct tail_infos *q, struct tail_room *room,
    const struct tail_info *info, const struct err *why)
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

static struct request *check_groupless(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;

    tail_info_start(&s->infos);
    s->infos.each = drop_groupless;
    s->infos.context = s->giving->t;
    for (size_t i = 0; i < rooms->n; i++) {
        struct tail_room *room = rooms->at[i];

        if (room->state == TAIL_ROOM_READ && room->share->state == TAIL_SHARE_GONE
            && !tail_info_add(&s->infos, room))
            break;
    }
    return s->infos.n > 0 ? &s->infos.request : NULL;
}

/* Ask for what is pending for us, but did not arrive, or was given to an earlier reader of our
 * name. */
static struct request *recover(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;
    uint64_t most = tail_sharer_capacity(s);
    size_t wanted = 0;

    for (size_t i = 0; i < rooms->n && most > 0; i++) {
        struct tail_share *share = rooms->at[i]->share;
        bool recovers = tail_join_is_joined(rooms->at[i]) && share->recovers;

        if (recovers && (share->acks.n > 0 || share->backs.n > 0)) /* these still are pending */
            return tail_sharer_turn(s, 0, TAIL_NO_WAIT, false);
        if (recovers && s->giving->set->ack)
            return tail_claim_list(&s->claim, rooms->at[i], true, most);
        share->asked = recovers && wanted < most;
        wanted += share->asked;
    }
    if (wanted == 0)
        return NULL;
    if (most > s->turn.batch.entries)
        most = s->turn.batch.entries;
    return tail_sharer_turn(s, most > wanted ? most / wanted : 1, TAIL_NO_WAIT, true);
}

static bool has_claimable(const struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n; i++)
        if (tail_join_is_joined(rooms->at[i]) && rooms->at[i]->share->claimable)
            return true;
    return false;
}

/* With -e and --ack, the round has found out whether everything is acknowledged. */
static void end_round(struct tail_sharer *s)
{
    const struct tail_settings *set = s->giving->set;

    s->checking = false;
    s->due = wait_now() + wait_earliest((int64_t)set->claim, set->ack ? CHECK_ACK_MS : CHECK_MS);
    if (!s->caught_up || !set->to_end)
        return;
    s->caught_up = false;
    s->conn.over = !s->join.pending;
    if (!has_claimable(s))
        s->pause = s->due;
}

static struct request *check_claimable(struct tail_sharer *s)
{
    if (s->next == 0)
        s->join.pending = false;
    return tail_join_next(&s->join, TAIL_JOIN_CLAIMABLE, &s->conn.rooms, &s->next);
}

static struct request *claim(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;
    uint64_t most = tail_sharer_capacity(s);

    for (size_t i = 0; i < rooms->n && most > 0; i++) {
        struct tail_room *room = rooms->at[i];

        if (tail_join_is_joined(room) && room->share->claimable)
            return s->giving->set->ack ? tail_claim_list(&s->claim, room, false, most)
                                       : tail_claim_any(&s->claim, room, most);
        tail_take_report_deleted(room);
    }
    return NULL;
}

struct request *tail_upkeep_step(struct tail_sharer *s)
{
    struct request *asked = NULL;

    if (s->checking && s->next >= s->conn.rooms.n)
        end_round(s);
    if (s->last == SHARER_UPKEEP || s->conn.over)
        return NULL;
    if (!s->checking)
        asked = claim(s);
    if (asked == NULL && !s->checking
        && (wait_now() >= s->due || (s->caught_up && s->giving->set->to_end))) {
        s->checking = true;
        s->next = 0;
    }
    if (asked == NULL && s->checking)
        asked = check_claimable(s);
    if (asked)
        s->last = SHARER_UPKEEP;
    return asked;
}

bool tail_upkeep_is_due(const struct tail_sharer *s)
{
    return s->checking || has_claimable(s);
}

struct request *tail_upkeep_first(struct tail_sharer *s)
{
    struct request *asked = tail_claim_listed(&s->claim);

    if (asked == NULL && s->dead)
        asked = tail_dead_next(s->dead);
    if (asked == NULL)
        asked = create_groups(s);
    if (asked == NULL)
        asked = check_groupless(s);
    return asked ? asked : recover(s);
}
