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

/* -m: a room that vanished is not made again. */
static void ask_join(struct request *r, struct link *link)
{
    const struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->t->print.set;

    for (size_t i = 0; i < j->n; i++) {
        const struct tail_room *room = j->rooms[i];
        bool lost = room->share->state == TAIL_SHARE_LOST;
        char id[ID_TEXT] = "$";

        if (lost || room->fresh)
            strcpy(id, "0");
        else if (set->since.kind)
            id_print(id, j->t->print.since);
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

/* The server has made the group, or it is there. */
static void enter(struct tail_join *j, struct tail_room *room, bool made)
{
    struct tail_share *share = room->share;

    if (made && share->state == TAIL_SHARE_LOST) {
        err_say(ERR_NOTICE,
            "%.64s: the group %.64s was deleted; created again from the room's beginning",
            room->name, j->t->print.set->group);
        j->lost += share->n_given;
        tail_share_lose(share);
    }
    share->state = TAIL_SHARE_JOINED;
    share->own = ID_LEAST;
    share->recovers = share->recovers || !j->t->print.set->passing;
}

static void join_item(void *request, const struct reply_item *item)
{
    struct tail_join *j = join_of(request);
    struct tail_room *room = room_of(j);
    struct err why;

    if (item->depth > 0)
        return;
    if (item->type != REPLY_ERROR) {
        enter(j, room, item->type == REPLY_STATUS);
    } else if (reply_is_error(item, "BUSYGROUP")) {
        enter(j, room, false);
    } else if (room->matched && reply_is_error(item, "NOPERM")) {
        room->state = TAIL_ROOM_LEFT_OUT; /* not ours to read */
    } else if (room->matched
               && (reply_is_error(item, "NOGROUP") || reply_is_error(item, "ERR The XGROUP"))) {
        room->share->state = TAIL_SHARE_GONE;
    } else if (room->matched && reply_is_error(item, "WRONGTYPE")) {
        reply_refusal(&why, item, room->name);
        tail_rooms_leave_out(&j->t->rooms, room, &why);
    } else {
        reply_refusal(&j->request.problem, item, room->name);
    }
}

static const struct request_kind joining = {ask_join, join_item, NULL, NULL, NULL};

/* Which reply it is does not matter to those below: how many rows it has. A room that cannot be
 * asked has none: the next read of it will show why. */
static void count_item(void *request, const struct reply_item *item)
{
    struct tail_join *j = join_of(request);

    if (item->depth == 0)
        j->found = item->type == REPLY_ARRAY && item->integer > 0 ? (size_t)item->integer : 0;
    if (item->type == REPLY_ERROR && !reply_is_error(item, "NOGROUP"))
        reply_refusal(&j->request.problem, item, room_of(j)->name);
}

/* With --ack, -e waits until nothing is pending at all. */
static bool counts(const struct tail_join *j)
{
    return j->t->print.set->ack && j->t->print.set->to_end;
}

static void ask_look(struct request *r, struct link *link)
{
    struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->t->print.set;

    j->each = counts(j) ? 2 : 1;
    for (size_t i = 0; i < j->n; i++) {
        const struct tail_room *room = j->rooms[i];

        link_command(link, "XPENDING %b %s IDLE %llu - + 1", room->name, room->len, set->group,
            (unsigned long long)set->claim);
        if (counts(j))
            link_command(link, "XPENDING %b %s - + 1", room->name, room->len, set->group);
    }
    r->n = j->n * j->each;
}

static void looked(struct request *r)
{
    struct tail_join *j = join_of(r);
    struct tail_share *share = room_of(j)->share;

    if (r->at % j->each == 1) {
        j->counted = j->counted || j->found > 0;
        return;
    }
    share->claimable = j->found > 0;
    share->claim_from = ID_LEAST;
}

static const struct request_kind looking = {ask_look, count_item, looked, NULL, NULL};

static void ask_check(struct request *r, struct link *link)
{
    const struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->t->print.set;

    for (size_t i = 0; i < j->n; i++)
        link_command(link, "XPENDING %b %s - + 1 %s", j->rooms[i]->name, j->rooms[i]->len,
            set->group, set->consumer);
    r->n = j->n;
}

static void checked(struct request *r)
{
    const struct tail_join *j = join_of(r);

    room_of(j)->share->leaves = j->found == 0;
}

static const struct request_kind checking = {ask_check, count_item, checked, NULL, NULL};

static void ask_leave(struct request *r, struct link *link)
{
    const struct tail_join *j = join_of(r);
    const struct tail_settings *set = j->t->print.set;

    for (size_t i = 0; i < j->n; i++)
        link_command(link, "XGROUP DELCONSUMER %b %s %s", j->rooms[i]->name, j->rooms[i]->len,
            set->group, set->consumer);
    r->n = j->n;
}

static const struct request_kind departing = {ask_leave, reply_ignore, NULL, NULL, NULL};

static void start(struct tail_join *j, struct tail *t, const struct request_kind *kind)
{
    j->request.kind = kind;
    j->t = t;
    j->n = 0;
    j->each = 1;
}

void tail_join_start(struct tail_join *j, struct tail *t)
{
    start(j, t, &joining);
}

void tail_join_look(struct tail_join *j, struct tail *t)
{
    start(j, t, &looking);
}

void tail_join_check(struct tail_join *j, struct tail *t)
{
    start(j, t, &checking);
}

void tail_join_leave(struct tail_join *j, struct tail *t)
{
    start(j, t, &departing);
}

bool tail_join_add(struct tail_join *j, struct tail_room *room)
{
    if (j->n == TAIL_JOIN_ROOMS)
        return false;
    j->rooms[j->n++] = room;
    return true;
}
