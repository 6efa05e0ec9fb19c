#include "cmd/tail_upkeep.h"

#include "cmd/tail_dead.h"
#include "common/wait.h"

/* How often to look for what others left undone; with --ack, where it may have been handed back. */
enum { LOOK_MS = TAIL_HEARTBEAT_MS, LOOK_ACK_MS = 1000 };

static const struct tail_settings *settings(const struct tail_sharer *s)
{
    return s->giving->t->print.set;
}

/* Make the group where it is not there. */
static struct request *join(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;

    tail_join_start(&s->join, s->giving->t);
    for (size_t i = 0; i < rooms->n; i++)
        if (rooms->at[i]->state == TAIL_ROOM_READ
            && (rooms->at[i]->share->state == TAIL_SHARE_NEW
                || rooms->at[i]->share->state == TAIL_SHARE_LOST)
            && !tail_join_add(&s->join, rooms->at[i]))
            break;
    return s->join.n > 0 ? &s->join.request : NULL;
}

/* A room of -m without the group: either it was deleted, and is found again if it is made again, or
 * somebody has deleted the group, who does not want it back. */
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
    for (size_t i = 0; i < rooms->n; i++)
        if (rooms->at[i]->state == TAIL_ROOM_READ && rooms->at[i]->share->state == TAIL_SHARE_GONE
            && !tail_info_add(&s->infos, rooms->at[i]))
            break;
    return s->infos.n > 0 ? &s->infos.request : NULL;
}

/* What was given to us and has not arrived, or to one of our name before. */
static struct request *recover(struct tail_sharer *s)
{
    uint64_t most = tail_sharer_capacity(s);
    size_t wanted = 0;
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n && most > 0; i++) {
        bool recovers = tail_sharer_reads(rooms->at[i]) && rooms->at[i]->share->recovers;

        if (recovers && (rooms->at[i]->share->acks.n > 0 || rooms->at[i]->share->backs.n > 0))
            return tail_sharer_turn(
                s, 0, TAIL_NO_WAIT, false); /* what is done is pending until then */
        if (recovers && settings(s)->ack)
            return tail_claim_list(&s->claim, rooms->at[i], true, most);
        rooms->at[i]->share->asked = recovers && wanted < most;
        wanted += rooms->at[i]->share->asked;
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
        if (tail_sharer_reads(rooms->at[i]) && rooms->at[i]->share->claimable)
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
    const struct tail_room_list *rooms = &s->conn.rooms;

    if (s->next == 0)
        s->join.counted = false;
    tail_join_look(&s->join, s->giving->t);
    for (; s->next < rooms->n; s->next++)
        if (tail_sharer_reads(rooms->at[s->next]) && !tail_join_add(&s->join, rooms->at[s->next]))
            break;
    return s->join.n > 0 ? &s->join.request : NULL;
}

static struct request *claim(struct tail_sharer *s)
{
    uint64_t most = tail_sharer_capacity(s);
    const struct tail_room_list *rooms = &s->conn.rooms;

    for (size_t i = 0; i < rooms->n && most > 0; i++) {
        if (tail_sharer_reads(rooms->at[i]) && rooms->at[i]->share->claimable)
            return settings(s)->ack ? tail_claim_list(&s->claim, rooms->at[i], false, most)
                                    : tail_claim_any(&s->claim, rooms->at[i], most);
        tail_take_report_deleted(rooms->at[i]);
    }
    return NULL;
}

struct request *tail_upkeep_step(struct tail_sharer *s)
{
    struct request *asked = NULL;

    if (s->looking && s->next >= s->conn.rooms.n)
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

bool tail_upkeep_is_due(const struct tail_sharer *s)
{
    return s->looking || has_claimable(s);
}

struct request *tail_upkeep_first(struct tail_sharer *s)
{
    struct request *asked = tail_claim_listed(&s->claim);

    if (asked == NULL && s->dead)
        asked = tail_dead_next(s->dead);
    if (asked == NULL)
        asked = join(s);
    if (asked == NULL)
        asked = check_groupless(s);
    return asked ? asked : recover(s);
}
