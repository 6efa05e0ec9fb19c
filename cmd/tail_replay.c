#include "cmd/tail_replay.h"

#include "cmd/tail_check.h"
#include "cmd/tail_wait.h"
#include "cmd/tail_xread.h"
#include "common/wait.h"

/* How many small rooms one request reads at most. */
enum { GROUP = 256 };

/* The first request asks for FIRST_ENTRIES at most, and for fewer if the room's first and last
 * entry suggest that they take more than FIRST_BYTES: those in between may be larger still. */
enum { FIRST_BYTES = 128 * 1024, FIRST_ENTRIES = 256 };

struct replay {
    struct tail_xread read;
    struct tail_check check;
    struct tail_room_list group;
    size_t alone;       /* rooms to read one by one: one of them cannot be read */
    int64_t checked_at; /* wait_now() of the last check of the room that is read */
};

static bool is_to_be_replayed(const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ && id_compare(room->at.cursor, room->end) < 0;
}

/* Whether one request can ask about both rooms. */
static bool is_near(const struct tail *t, const struct tail_room *a, const struct tail_room *b)
{
    return !t->route->cluster || (a->slot == b->slot && !session_asking(t->session));
}

/* Check a room, and the next ones that must be checked before they are read. */
static int check(struct replay *r, struct tail *t, size_t from, struct err *e)
{
    const struct tail_room *first = t->rooms.all[from];
    int done;

    tail_info_start(&r->check.infos);
    tail_info_add(&r->check.infos, t->rooms.all[from]);
    for (size_t i = from + 1; i < t->rooms.n; i++) {
        struct tail_room *room = t->rooms.all[i];

        if (!is_to_be_replayed(room))
            continue;
        if (!room->stale || !is_near(t, first, room) || !tail_info_add(&r->check.infos, room))
            break;
    }
    done = tail_call_about(t, first, &r->check.infos.request, e);
    r->checked_at = wait_now();
    return done;
}

/* Gather the room and the next ones, as long as all that they held fits into one reply. */
static void gather(struct replay *r, const struct tail *t, size_t from)
{
    const struct tail_room *first = t->rooms.all[from];
    uint64_t entries = 0, most = 0;

    r->group.n = 0;
    for (size_t i = from; i < t->rooms.n && r->group.n < GROUP; i++) {
        struct tail_room *room = t->rooms.all[i];

        if (!is_to_be_replayed(room))
            continue;
        entries += room->length;
        if (r->group.n > 0
            && (entries > r->read.batch.entries || room->stale || r->alone > 0
                || !is_near(t, first, room)))
            break;
        list_add(&r->group, room);
        most = room->length > most ? room->length : most;
    }
    r->read.rooms = &r->group;
    r->read.n = r->group.n;
    r->read.expected = r->group.n > 1 ? most : 0;
}

/* A room of which nothing came has been read to its end: its last entries were deleted. */
static void end_replay(struct replay *r)
{
    for (size_t i = 0; i < r->read.n; i++)
        if (r->group.at[i]->last_read != r->read.reply)
            r->group.at[i]->end = r->group.at[i]->at.cursor;
}

static void expect(struct tail_xread *x, const struct tail_room *room)
{
    uint64_t entries = FIRST_BYTES / (room->weight + 1);

    if (x->reply == 0 && entries > 1)
        x->batch.entries = entries < FIRST_ENTRIES ? (size_t)entries : FIRST_ENTRIES;
}

/* A room cannot be read. Read the rooms one by one to find out which, and leave out one of -m. */
static int leave_out(struct replay *r, struct tail *t, struct err *e)
{
    struct tail_room *room = r->group.at[0];

    if (r->read.n > 1) {
        r->alone = r->read.n;
        return 1;
    }
    if (!room->matched) {
        *e = r->read.why;
        return -1;
    }
    tail_rooms_leave_out(&t->rooms, room, &r->read.why);
    return 1;
}

static int read_on(struct replay *r, struct tail *t, size_t from, struct err *e)
{
    struct tail_room *first = t->rooms.all[from];
    int done;

    if (first->stale
        || (wait_now() - r->checked_at >= TAIL_HEARTBEAT_MS && tail_check_is_due(first)))
        return check(r, t, from, e);
    expect(&r->read, first);
    gather(r, t, from);
    done = tail_call_about(t, first, &r->read.request, e);
    if (done != 1)
        return done;
    if (r->read.unreadable)
        return leave_out(r, t, e);
    r->alone -= r->alone > 0;
    end_replay(r);
    return 1;
}

int tail_replay(struct tail *t, struct err *e)
{
    struct replay r = {.read = {.block = TAIL_NO_WAIT, .ahead = true}, .checked_at = wait_now()};
    size_t i = 0;
    int done = 1;

    tail_xread_start(&r.read, t);
    tail_check_start(&r.check, t);
    while (done == 1 || done == SESSION_BROKEN) {
        while (i < t->rooms.n && !is_to_be_replayed(t->rooms.all[i]))
            i++;
        if (i == t->rooms.n)
            break;
        done = t->print.stop == TAIL_GOES_ON ? read_on(&r, t, i, e) : SESSION_STOPPED;
    }
    tail_xread_free(&r.read);
    list_free(&r.group);
    tail_rooms_report(&t->rooms, true);
    tail_rooms_forget(&t->rooms);
    return done == SESSION_BROKEN ? 1 : done;
}
