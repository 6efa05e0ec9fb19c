#include "cmd/tail_check.h"

#include "cmd/tail_start.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* How long a master that is behind is not believed to be one. */
enum { BEHIND_MS = 3000 };

/*
 * Behind Sentinels, whoever lacks what was read may be the new master, or an old one that is about
 * to become a replica: what it lacks would come to it, and be read twice. So others are asked first
 * for a while. A node of a cluster is never read from unless it is the master.
 */
static bool is_doubtful(
    struct tail_check *l, const struct tail_room *room, const struct tail_info *now)
{
    struct err *problem = &l->infos.request.problem;

    if (!l->t->route->master || !room->stale
        || tail_room_fate(&room->at, now, true) == TAIL_ROOM_GOES_ON)
        return false;
    l->behind = l->behind ? l->behind : wait_now();
    if (wait_now() - l->behind >= BEHIND_MS)
        return false;
    err_set(problem, EXIT_NO_CONNECTION, "%.64s: the master does not have what was already read",
        room->name);
    problem->kind = ERR_RECONNECT;
    return true;
}

static void deleted(struct tail_check *l, struct tail_room *room)
{
    const struct tail_info none = {0};

    if (l->t->print.set
            ->to_end) { /* its end will not come: reported like any room that is not there */
        room->missing = true;
        room->state = TAIL_ROOM_DONE;
    } else {
        err_say(ERR_NOTICE, "%.64s: deleted; waiting until it is created again", room->name);
        tail_room_begin(&room->at, &none, l->t->print.since);
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

static void checked(struct tail_check *l, struct tail_room *room, const struct tail_info *now)
{
    struct tail_loss loss;

    switch (tail_room_fate(&room->at, now, room->stale)) {
    case TAIL_ROOM_GOES_ON:
        loss = tail_room_check(&room->at, now);
        tail_start_report(l->t, room, &loss);
        break;
    case TAIL_ROOM_DELETED: deleted(l, room); break;
    case TAIL_ROOM_ANEW:
        err_say(ERR_NOTICE, "%.64s: deleted and created again; reading it from its beginning",
            room->name);
        room->skip = 0;
        tail_room_begin(&room->at, now, l->t->print.since);
        break;
    case TAIL_ROOM_WENT_BACK: went_back(room, now); break;
    }
    room->stale = false;
}

static void each(struct tail_infos *q, struct tail_room *room, const struct tail_info *now,
    const struct err *why)
{
    struct tail_check *l = q->context;

    if (why && !room->matched) {
        q->request.problem = *why;
    } else if (why) {
        tail_rooms_leave_out(&l->t->rooms, room, why);
    } else if (is_doubtful(l, room, now)
               || (!now->exists && l->session && session_asking(l->session))) {
        return;
    } else if (room->matched && !now->exists) {
        tail_wait_forget(l->t, room);
        tail_rooms_drop(&l->t->rooms, room);
    } else {
        checked(l, room, now);
    }
}

void tail_check_start(struct tail_check *l, struct tail *t)
{
    *l = (struct tail_check){.infos = {.each = each}, .t = t};
    l->infos.context = l;
    tail_info_start(&l->infos);
}

void tail_check_end(struct tail_check *l)
{
    l->behind = 0;
}

bool tail_check_is_due(const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ && (room->stale || wait_now() >= room->quiet_until);
}
