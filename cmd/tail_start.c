#include "cmd/tail_start.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/tail_clock.h"
#include "cmd/tail_wait.h"

struct time_request {
    struct request request;
    struct tail_clock clock;
};

static void ask_time(struct request *r, struct link *link)
{
    link_command(link, "TIME");
    r->n = 1;
}

static void time_item(void *request, const struct reply_item *item)
{
    struct time_request *q = request;

    tail_clock_item(&q->clock, item, &q->request.problem);
}

/* The time that a WHEN means, in milliseconds since 1970. */
static uint64_t time_of(const struct when *when, uint64_t now)
{
    if (when->kind == WHEN_AGO)
        return when->ms < now ? now - when->ms : 0;
    return when->ms;
}

static void set_bounds(struct tail_print *p, uint64_t now)
{
    const struct when *since = &p->set->since, *until = &p->set->until;

    p->since = since->id;
    p->until = ID_MOST;
    if (since->kind == WHEN_TIME
        || since->kind == WHEN_AGO) /* at that time or later: after the last ID before it */
        p->since = id_before((struct id){time_of(since, now), 0});
    if (until->kind == WHEN_ID)
        p->until = until->id;
    else if (until->kind != WHEN_NONE)
        p->until = (struct id){time_of(until, now), UINT64_MAX};
}

int tail_start_bounds(struct tail *t, struct err *e)
{
    static const struct request_kind kind = {ask_time, time_item, NULL, NULL, NULL};
    const struct tail_settings *set = t->print.set;
    struct time_request q = {.request = {.kind = &kind}};
    int done = 1;

    if (set->since.kind == WHEN_AGO || set->until.kind == WHEN_AGO)
        done = tail_call_until_answered(t, -1, &q.request, e);
    if (done == 1)
        set_bounds(&t->print, tail_clock_asked(&q.clock));
    return done;
}

void tail_start_report(struct tail *t, struct tail_room *room, const struct tail_loss *loss)
{
    if (loss->unknown)
        err_say(ERR_NOTICE, "%.64s: messages may have been trimmed before they could be read",
            room->name);
    if (loss->entries == 0)
        return;
    tail_wait_mark_unsaved(t, room); /* so that it is reported once */
    err_say(ERR_ALWAYS, "%.64s: %" PRIu64 " message%s trimmed before %s could be read", room->name,
        loss->entries, loss->entries == 1 ? " was" : "s were", loss->entries == 1 ? "it" : "they");
}

/* Resume where the file of -C says. False: it does not have the room. */
static bool resume(struct tail *t, struct tail_room *room, const struct tail_info *now)
{
    struct tail_place place;
    struct tail_loss loss;
    char id[ID_TEXT];

    if (t->cursor == NULL || !tail_cursor_find(t->cursor, room->name, room->len, &place))
        return false;
    loss = tail_room_resume(&room->at, now, &place);
    tail_start_report(t, room, &loss);
    if (now->exists && id_compare(place.id, now->last) > 0) {
        id_print(id, now->last);
        err_say(ERR_NOTICE,
            "%.64s: ends at %s, before the ID in the file of -C; printing only what comes after "
            "that ID",
            room->name, id);
    }
    return true;
}

/* Begin where the options say: after -S, and within that where -n says. */
static void begin(struct tail *t, struct tail_room *room, const struct tail_info *now)
{
    const struct tail_settings *set = t->print.set;
    const struct id since = t->print.since;
    bool from_since = set->since.kind || set->until.kind || set->to_end || set->lines == TAIL_FROM;
    bool ends_later = id_compare(now->last, since) > 0, last = set->lines == TAIL_LAST;
    struct tail_loss loss = {
        .unknown = set->since.kind == WHEN_ID && ends_later && tail_room_lost_start(now, since)};

    tail_room_begin(&room->at, now, since);
    if (set->lines == TAIL_FROM)
        room->skip = set->line_count > 0 ? set->line_count - 1 : 0;
    if (last && set->line_count > 0 && ends_later)
        room->state = TAIL_ROOM_SEARCHED;
    else if ((last || !from_since) && ends_later)
        tail_room_begin(&room->at, now, now->last);
    if (set->lines != TAIL_LAST && from_since)
        tail_start_report(t, room, &loss);
}

/* A room that cannot be read is left out, unless it was named. */
static void leave_out(struct tail_infos *q, struct tail_room *room, const struct err *why)
{
    struct tail *t = q->context;

    if (t->print.set->list)
        room->state = TAIL_ROOM_LEFT_OUT; /* without a notice */
    else if (room->matched)
        tail_rooms_leave_out(&t->rooms, room, why);
    else
        q->request.problem = *why;
}

static void located(struct tail_infos *q, struct tail_room *room, const struct tail_info *info,
    const struct err *why)
{
    struct tail *t = q->context;

    if (why) {
        leave_out(q, room, why);
        return;
    }
    room->state = TAIL_ROOM_READ;
    room->stale = false;
    room->end = info->last;
    room->length = info->length;
    room->missing = !info->exists;
    if (room->matched && !info->exists)
        room->state = TAIL_ROOM_GONE;
    else if (!resume(t, room, info))
        begin(t, room, info);
    if (room->state != TAIL_ROOM_GONE)
        tail_wait_mark_unsaved(t, room);
}

/* Whether a room can be asked about in the same request as `from`: it is in the same state, and on
 * the same server. While a slot is migrating, each of its rooms may be on either node. */
static bool belongs(
    const struct tail *t, const struct tail_room *from, const struct tail_room *room)
{
    if (room->state != from->state)
        return false;
    if (session_asking(t->session))
        return room == from;
    if (!t->route->cluster || room->slot == from->slot)
        return true;
    return route_owner(t->route, room->slot)
           && route_owner(t->route, room->slot) == route_owner(t->route, from->slot);
}

int tail_start_locate(struct tail *t, struct err *e)
{
    struct tail_infos q = {.each = located, .context = t};
    int done = 1;

    for (size_t i = 0; i < t->rooms.n && (done == 1 || done == SESSION_BROKEN);) {
        struct tail_room *from = t->rooms.all[i];

        if (from->state != TAIL_ROOM_NEW) {
            i++;
            continue;
        }
        tail_info_start(&q);
        for (size_t j = i; j < t->rooms.n && j < i + 16 * TAIL_INFO_ROOMS; j++)
            if (belongs(t, from, t->rooms.all[j]) && !tail_info_add(&q, t->rooms.all[j]))
                break;
        done = tail_call_about(t, from, &q.request, e);
    }
    tail_rooms_report(&t->rooms, true);
    tail_rooms_forget(&t->rooms);
    return done == SESSION_BROKEN ? 1 : done;
}

void tail_start_fresh(struct tail *t, struct tail_room *room)
{
    const struct tail_info none = {0};

    room->fresh = true;
    room->state = TAIL_ROOM_READ;
    if (!resume(t, room, &none))
        tail_room_begin(&room->at, &none, t->print.since);
    tail_wait_mark_unsaved(t, room);
}

/*
 * Searching backwards for where the last N messages of rooms begin: XREVRANGE from the end to just
 * after the cursor, of several rooms at once, and in pieces, so that memory does not grow with N.
 */
enum { SEARCHED = 64, FIRST_PIECE = 100, LARGEST_PIECE = 10000, PIECE_BYTES = 1024 * 1024 };

struct place {
    struct tail_room *room;
    uint64_t found, entries; /* messages that would be shown, and the entries that hold them */
    uint64_t in_entry;       /* messages found in the current entry */
    size_t asked, came;      /* entries of the current piece */
    struct id from;          /* the entry that was counted last */
};

struct search {
    struct request request;
    struct tail *t;
    struct place places[SEARCHED];
    size_t n;
    uint64_t wanted; /* messages of each room */
    size_t piece;    /* entries to ask for, of all rooms together */
    struct entry_decoder in;
};

static void count_message(void *context, const struct entry_message *m)
{
    struct search *s = context;

    s->places[s->request.at].in_entry += !tail_print_hides(&s->t->print, &m->name);
}

static void count_entry(void *context, const struct entry_message *m)
{
    struct search *s = context;
    struct place *p = &s->places[s->request.at];

    if (p->found < s->wanted) {
        p->found += p->in_entry;
        p->entries++;
        p->from = m->key;
    }
    p->in_entry = 0;
    p->came++;
}

static void ask_search(struct request *r, struct link *link)
{
    struct search *s = (struct search *)r;

    for (size_t i = 0; i < s->n; i++) {
        struct place *p = &s->places[i];
        uint64_t missing = s->wanted - p->found, piece = s->piece / s->n > 0 ? s->piece / s->n : 1;
        struct id end = id_compare(s->t->print.until, p->room->end) < 0 ? s->t->print.until
                                                                        : p->room->end;
        char from[ID_TEXT], down_to[ID_TEXT];

        p->came = 0;
        p->in_entry = 0;
        p->asked = (size_t)(missing < piece ? missing : piece);
        id_print(from, p->entries ? p->from : end);
        id_print(down_to, p->room->at.cursor);
        link_command(link, "XREVRANGE %b %s%s (%s COUNT %llu", p->room->name, p->room->len,
            p->entries ? "(" : "", from, down_to, (unsigned long long)p->asked);
    }
    r->n = s->n;
    s->in.about = s->places[0].room->name;
    entry_begin(&s->in);
}

static void search_item(void *request, const struct reply_item *item)
{
    struct search *s = request;

    entry_item(&s->in, item);
    if (s->in.problem.code != EXIT_DONE)
        s->request.problem = s->in.problem;
}

/* Choose the size of the next pieces by that of the entries that came. */
static void set_piece(struct search *s)
{
    size_t each = s->in.entries ? (s->in.bytes + 64 * s->in.fields) / s->in.entries + 1 : 1;

    s->piece = PIECE_BYTES / each < 1 ? 1 : PIECE_BYTES / each;
    if (s->piece > LARGEST_PIECE)
        s->piece = LARGEST_PIECE;
}

/* Begin the rooms whose place is found, and keep the others for the next request. */
static void searched(struct request *r)
{
    struct search *s = (struct search *)r;
    size_t left = 0;

    if (s->in.entries > 0)
        set_piece(s);
    for (size_t i = 0; i < s->n; i++) {
        struct place *p = &s->places[i];

        if (p->came == p->asked && p->found < s->wanted) {
            s->places[left++] = *p;
            continue;
        }
        if (p->found > 0)
            tail_room_begin_before(&p->room->at, id_before(p->from), p->entries);
        p->room->skip = p->found > s->wanted ? p->found - s->wanted : 0;
        p->room->state = TAIL_ROOM_READ;
        tail_wait_mark_unsaved(s->t, p->room);
    }
    s->n = left;
}

static bool is_taken(const struct search *s, const struct tail_room *room)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->places[i].room == room)
            return true;
    return false;
}

static void take_more(struct search *s, size_t from)
{
    struct tail *t = s->t;
    size_t most = from + 16 * (size_t)SEARCHED;

    for (size_t i = from; i < t->rooms.n && i < most && s->n < SEARCHED; i++) {
        struct tail_room *first = s->n ? s->places[0].room : t->rooms.all[from],
                         *room = t->rooms.all[i];

        if (room->state == TAIL_ROOM_SEARCHED && belongs(t, first, room) && !is_taken(s, room))
            s->places[s->n++] = (struct place){.room = room};
    }
}

int tail_start_search(struct tail *t, struct err *e)
{
    static const struct request_kind kind = {ask_search, search_item, NULL, searched, NULL};
    struct search s = {.request = {.kind = &kind},
        .t = t,
        .wanted = t->print.set->line_count,
        .piece = FIRST_PIECE,
        .in = {.reply = ENTRY_XRANGE, .on_message = count_message, .on_entry = count_entry}};
    size_t i = 0;
    int done = 1;

    s.in.context = &s;
    while (done == 1 || done == SESSION_BROKEN) {
        while (i < t->rooms.n && t->rooms.all[i]->state != TAIL_ROOM_SEARCHED)
            i++;
        if (i == t->rooms.n)
            break;
        if (done == SESSION_BROKEN)
            s.n = 0;
        take_more(&s, i);
        done = tail_call_about(t, s.places[0].room, &s.request, e);
    }
    entry_free(&s.in);
    return done == SESSION_BROKEN ? 1 : done;
}
