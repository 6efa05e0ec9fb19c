#include "cmd/tail_join.h"

#include <string.h>

static struct tail_join *join_of(void *request)
{
    return request;
}

static struct tail_room *room_of(const struct tail_join *j)
{
    return j->rooms[j->request.at / j->each];
}

/* A room of -m that was deleted is not created again, and neither is its group. */
static void ask_create(struct request *r, struct link *link)
{
    const struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->giving->set;

    for (size_t i = 0; i < j->n; i++) {
        const struct tail_room *room = j->rooms[i];
        bool lost = room->share->state == TAIL_SHARE_LOST;
        char id[ID_TEXT] = "$";

        if (lost || room->fresh)
            strcpy(id, "0");
        else if (set->since.kind)
            id_print(id, j->giving->t->print.since);
        if (lost && room->matched)
            link_command(link, "XPENDING %b %s", room->name, room->len, set->group);
        else if (room->matched)
            link_command(link, "XGROUP CREATE %b %s %s", room->name, room->len, set->group, id);
        else
            link_command(
                link, "XGROUP CREATE %b %s %s MKSTREAM", room->name, room->len, set->group, id);
    }
    r->n = j->n;
}

/* The group is there; `created`: the server has just created it. */
static void joined(struct tail_join *j, struct tail_room *room, bool created)
{
    struct tail_share *share = room->share;

    if (created && share->state == TAIL_SHARE_LOST) {
        err_say(ERR_NOTICE,
            "%.64s: the group %.64s was deleted; created again from the room's beginning",
            room->name, j->giving->set->group);
        j->giving->unanswered -= share->n_given;
        tail_share_lose(share);
    }
    share->state = TAIL_SHARE_JOINED;
    share->recover_from = ID_LEAST;
    share->recovers = share->recovers || !j->giving->set->temporary;
}

static void create_item(void *request, const struct reply_item *item)
{
    struct tail_join *j = join_of(request);
    struct tail_room *room = room_of(j);
    struct err why;

    if (item->depth > 0)
        return;
    if (item->type != REPLY_ERROR) {
        joined(j, room, item->type == REPLY_STATUS);
    } else if (reply_is_error(item, "BUSYGROUP")) {
        joined(j, room, false);
    } else if (room->matched && reply_is_error(item, "NOPERM")) {
        room->state = TAIL_ROOM_LEFT_OUT; /* without a notice, as we may not read it */
    } else if (room->matched
               && (reply_is_error(item, "NOGROUP") || reply_is_error(item, "ERR The XGROUP"))) {
        room->share->state = TAIL_SHARE_GONE;
    } else if (room->matched && reply_is_error(item, "WRONGTYPE")) {
        reply_refusal(&why, item, room->name);
        tail_rooms_leave_out(&j->giving->t->rooms, room, &why);
    } else {
        reply_refusal(&j->request.problem, item, room->name);
    }
}

/* The other steps only need how many rows a reply has. A room without the group has none: the next
 * read of it shows why. */
static void count_rows(void *request, const struct reply_item *item)
{
    struct tail_join *j = join_of(request);

    if (item->depth == 0)
        j->rows = item->type == REPLY_ARRAY && item->integer > 0 ? (size_t)item->integer : 0;
    if (item->type == REPLY_ERROR && !reply_is_error(item, "NOGROUP"))
        reply_refusal(&j->request.problem, item, room_of(j)->name);
}

static void ask_claimable(struct request *r, struct link *link)
{
    struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->giving->set;
    bool all = set->ack && set->to_end;

    j->each = all ? 2 : 1;
    for (size_t i = 0; i < j->n; i++) {
        const struct tail_room *room = j->rooms[i];

        link_command(link, "XPENDING %b %s IDLE %llu - + 1", room->name, room->len, set->group,
            (unsigned long long)set->claim);
        if (all)
            link_command(link, "XPENDING %b %s - + 1", room->name, room->len, set->group);
    }
    r->n = j->n * j->each;
}

static void found_claimable(struct request *r)
{
    struct tail_join *j = join_of(r);
    struct tail_share *share = room_of(j)->share;

    if (r->at % j->each == 1) {
        j->pending = j->pending || j->rows > 0;
        return;
    }
    share->claimable = j->rows > 0;
    share->claim_from = ID_LEAST;
}

static void ask_pending(struct request *r, struct link *link)
{
    const struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->giving->set;

    for (size_t i = 0; i < j->n; i++)
        link_command(link, "XPENDING %b %s - + 1 %s", j->rooms[i]->name, j->rooms[i]->len,
            set->group, set->consumer);
    r->n = j->n;
}

static void found_pending(struct request *r)
{
    const struct tail_join *j = join_of(r);

    room_of(j)->share->leaves = j->rows == 0;
}

static void ask_leave(struct request *r, struct link *link)
{
    const struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->giving->set;

    for (size_t i = 0; i < j->n; i++)
        link_command(link, "XGROUP DELCONSUMER %b %s %s", j->rooms[i]->name, j->rooms[i]->len,
            set->group, set->consumer);
    r->n = j->n;
}

static bool needs_group(const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ
           && (room->share->state == TAIL_SHARE_NEW || room->share->state == TAIL_SHARE_LOST);
}

bool tail_join_is_joined(const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ && room->share->state == TAIL_SHARE_JOINED;
}

static bool has_group(const struct tail_room *room)
{
    return room->share->state == TAIL_SHARE_JOINED;
}

static bool leaves(const struct tail_room *room)
{
    return has_group(room) && room->share->leaves;
}

static const struct {
    struct request_kind kind;
    bool (*is_needed)(const struct tail_room *room);
} steps[] = {
    [TAIL_JOIN_CREATE] = {{ask_create, create_item, NULL, NULL, NULL}, needs_group},
    [TAIL_JOIN_CLAIMABLE] = {{ask_claimable, count_rows, found_claimable, NULL, NULL},
        tail_join_is_joined},
    [TAIL_JOIN_PENDING] = {{ask_pending, count_rows, found_pending, NULL, NULL}, has_group},
    [TAIL_JOIN_LEAVE] = {{ask_leave, reply_ignore, NULL, NULL, NULL}, leaves},
};

struct request *tail_join_next(
    struct tail_join *j, enum tail_join_step step, const struct tail_room_list *rooms, size_t *next)
{
    j->request.kind = &steps[step].kind;
    j->n = 0;
    j->each = 1;
    for (; *next < rooms->n; ++*next) {
        if (!steps[step].is_needed(rooms->at[*next]))
            continue;
        if (j->n == TAIL_JOIN_ROOMS)
            break;
        j->rooms[j->n++] = rooms->at[*next];
    }
    return j->n > 0 ? &j->request : NULL;
}
