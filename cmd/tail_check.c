#include "cmd/tail_check.h"

#include "cmd/tail_start.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* How long a master that lacks what was read is not believed to be the master. */
enum { BEHIND_MS = 3000 };

/*
 * With Sentinel, a server that lacks what was read may be the new master, or an old one that is
 * about to become a replica. It would then get the missing entries, and they would be read twice.
 * So reconnect for a while, to whatever the Sentinels name. In a cluster, only a master answers.
 */
static bool is_behind(
    struct tail_check *c, const struct tail_room *room, const struct tail_info *now)
{
    struct err *problem = &c->infos.request.problem;

    if (!c->t->route->master || !room->stale
        || tail_room_fate(&room->at, now, true) == TAIL_ROOM_GOES_ON)
        return false;
    c->behind_since = c->behind_since ? c->behind_since : wait_now();
    if (wait_now() - c->behind_since >= BEHIND_MS)
        return false;
    err_set(problem, EXIT_NO_CONNECTION, "%.64s: the master does not have what was already read",
        room->name);
    problem->kind = ERR_RECONNECT;
    return true;
}

static void deleted(struct tail_check *c, struct tail_room *room)
{
    const struct tail_info none = {0};

    if (c->t->print.set->to_end) {
        room->missing = true;
        room->state = TAIL_ROOM_DONE;
    } else {
        err_say(ERR_NOTICE, "%.64s: deleted; waiting until it is created again", room->name);
        tail_room_begin(&room->at, &none, c->t->print.since);
    }
}

static void went_back(struct tail_room *room, const struct tail_info *now)
{
    struct id cursor = id_compare(room->at.cursor, now->last) > 0 ? now->last : room->at.cursor;
    char id[ID_TEXT];

    id_print(id, now->last);
    err_say(ERR_NOTICE, "%.64s: lost its last entries; reading on after %s", room->name, id);
    tail_room_begin(&room->at, now, cursor);
}

static void checked(struct tail_check *c, struct tail_room *room, const struct tail_info *now)
{
    struct tail_loss loss;

    switch (tail_room_fate(&room->at, now, room->stale)) {
    case TAIL_ROOM_GOES_ON:
        loss = tail_room_check(&room->at, now);
        tail_start_report(c->t, room, &loss);
        break;
    case TAIL_ROOM_DELETED: deleted(c, room); break;
    case TAIL_ROOM_RECREATED:
        err_say(ERR_NOTICE, "%.64s: deleted and created again; reading it from its beginning",
            room->name);
        room->skip = 0;
        tail_room_begin(&room->at, now, c->t->print.since);
        break;
    case TAIL_ROOM_WENT_BACK: went_back(room, now); break;
    }
    room->stale = false;
}

static void each(struct tail_infos *q, struct tail_room *room, const struct tail_info *now,
    const struct err *why)
{
    struct tail_check *c = q->context;

    if (why && !room->matched) {
        q->request.problem = *why;
    } else if (why) {
        tail_rooms_leave_out(&c->t->rooms, room, why);
    } else if (is_behind(c, room, now)
               || (!now->exists && c->session && session_asking(c->session))) {
        return;
    } else if (room->matched && !now->exists) {
        tail_wait_forget(c->t, room);
        tail_rooms_drop(&c->t->rooms, room);
    } else {
        checked(c, room, now);
    }
}

void tail_check_start(struct tail_check *c, struct tail *t)
{
    *c = (struct tail_check){.infos = {.each = each}, .t = t};
    c->infos.context = c;
    tail_info_start(&c->infos);
}

void tail_check_end(struct tail_check *c)
{
    c->behind_since = 0;
}

bool tail_check_is_due(const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ && (room->stale || wait_now() >= room->quiet_until);
}
