#include "cmd/tail.h"

#include "common/wait.h"

/* A room of the reader that is in this state; NULL: none is. */
static struct tail_room *room_that_is(struct tail_reader *r, int state)
{
    const struct tail *t = r->t;

    while (r->settled < t->n_rooms && t->rooms[r->settled]->reader
           && (t->rooms[r->settled]->reader != r || t->rooms[r->settled]->state == ROOM_READ))
        r->settled++;
    for (size_t i = r->settled; i < t->n_rooms; i++)
        if (r->t->rooms[i]->reader == r && (int)r->t->rooms[i]->state == state)
            return r->t->rooms[i];
    return NULL;
}

static bool all_are(const struct tail *t, int state)
{
    for (size_t i = 0; i < t->n_rooms; i++)
        if ((int)t->rooms[i]->state < state)
            return false;
    return true;
}

/* Whether there is something to look for in the room. */
static bool needs_look(const struct tail_reader *r, const struct tail_room *room)
{
    return room->reader == r && room->state == ROOM_READ && !room->done
           && !(r->t->set->to_end && id_compare(room->cursor, room->end) >= 0);
}

/* The step that looks at the reader's rooms, one after the other; NULL: not now. */
static const struct tail_step *choose_look(struct tail_reader *r)
{
    struct tail *t = r->t;

    if (r->looked_at > 0 && wait_now() - r->looked_at < HEARTBEAT_MS)
        return NULL;
    r->after_outage = r->after_outage || r->looked_at == 0;
    while (r->looks < t->n_rooms) {
        r->room = t->rooms[r->looks++];
        if (needs_look(r, r->room))
            return &tail_looks;
    }
    r->looks = 0;
    r->after_outage = false;
    r->looked_at = wait_now();
    return NULL;
}

/* The room whose past is to be printed next; NULL: that of all rooms was. */
static struct tail_room *past_room(struct tail *t)
{
    for (; t->past < t->n_rooms; t->past++) {
        struct tail_room *room = t->rooms[t->past];

        if (!room->done && id_compare(room->cursor, room->end) < 0)
            return room;
    }
    return NULL;
}

/* The past: one room after the other, each up to its end when we began. */
static const struct tail_step *choose_past(struct tail_reader *r, struct tail_room *room)
{
    const struct tail_step *look;

    if (room->reader != r)
        return NULL;
    look = choose_look(r);
    if (look || room->done)
        return look;
    r->room = room;
    r->block = TAIL_NO_WAIT;
    return &tail_reads;
}

/* Whether the reader has something to read. */
static bool has_rooms(const struct tail_reader *r)
{
    for (size_t i = 0; i < r->t->n_rooms; i++)
        if (r->t->rooms[i]->reader == r && !r->t->rooms[i]->done)
            return true;
    return false;
}

static bool all_done(const struct tail *t)
{
    bool over = true, passed = false, done = t->set->matches == 0;

    for (size_t i = 0; i < t->n_readers; i++) {
        over = over && (t->readers[i]->over || !has_rooms(t->readers[i]));
        passed = passed || t->readers[i]->over;
    }
    for (size_t i = 0; i < t->n_rooms; i++) {
        done = done && t->rooms[i]->done;
        over = over && t->rooms[i]->reader; /* one that was found just now */
    }
    return done || (over && (passed || t->set->to_end));
}

/* The present: whatever comes, of all rooms of the reader. */
static const struct tail_step *choose_present(struct tail_reader *r)
{
    struct tail *t = r->t;
    const struct tail_step *look;

    if ((t->set->to_end && !t->set->group) || all_done(t)) {
        t->stop = TAIL_ENDED;
        return NULL;
    }
    if (t->printed_at == 0)
        t->printed_at = wait_now(); /* -W counts from here on, if nothing was printed before */
    if (r->over || wait_now() < r->pause)
        return NULL;
    look = t->set->group ? NULL : choose_look(r);
    if (look)
        return look;
    if (t->until.ms < UINT64_MAX && !r->timed)
        return &tail_times;
    if (!has_rooms(r)) { /* it only finds out whether -U has passed */
        r->over = r->timed && r->block == TAIL_NO_WAIT;
        r->pause = r->timed ? wait_now() + r->block : 0;
        r->timed = false;
        return NULL;
    }
    if (t->set->group)
        return tail_choose_shared(r);
    if (!r->timed)
        r->block = HEARTBEAT_MS;
    r->timed = false;
    r->room = NULL;
    return &tail_reads;
}

/* Rooms that were not known: the first time before all else, and then at each heartbeat. */
static bool is_to_scan(const struct tail_reader *r)
{
    return r->scan.wanted && (!r->scan.done || (!r->t->set->list && wait_now() >= r->scan.due));
}

/* Whether all rooms are known that there were when we began. */
static bool all_scanned(const struct tail *t)
{
    for (size_t i = 0; i < t->n_readers; i++)
        if (t->readers[i]->scan.wanted && !t->readers[i]->scan.done)
            return false;
    return true;
}

/* Until it is known where each room ends, nothing is read. */
static const struct tail_step *choose_beginning(struct tail_reader *r)
{
    struct tail *t = r->t;

    if (!all_scanned(t))
        return NULL;
    r->room = room_that_is(r, ROOM_NEW);
    if (r->room)
        return &tail_begins;
    if (!all_are(t, ROOM_FOUND))
        return NULL;
    r->room = room_that_is(r, ROOM_FOUND);
    if (r->room)
        return &tail_searches;
    if (!all_are(t, ROOM_READ))
        return NULL;
    tail_sort_matched(t);
    t->begun = true;
    if (!t->set->list)
        return NULL;
    tail_list(t);
    t->stop = TAIL_ENDED;
    return NULL;
}

/* What a reader is to do next. */
const struct tail_step *tail_choose(struct tail_reader *r)
{
    struct tail *t = r->t;
    const struct tail_step *step = NULL;
    struct tail_room *past;

    if (t->leave_by)
        return tail_choose_leaving(r);
    if (!t->dated && !tail_date(t, NULL))
        return r == t->readers[0] ? &tail_dates : NULL;
    if (is_to_scan(r))
        return &tail_scans;
    if (!t->begun && !t->set->group)
        step = choose_beginning(r);
    if (step || (!t->begun && !t->set->group))
        return step;
    if (t->set->group) {
        t->begun = t->begun || all_scanned(t);
        return t->begun ? choose_present(r) : NULL;
    }
    r->room = room_that_is(r, ROOM_NEW);
    if (r->room)
        return &tail_begins; /* it was made later */
    past = past_room(t);
    return past ? choose_past(r, past) : choose_present(r);
}
