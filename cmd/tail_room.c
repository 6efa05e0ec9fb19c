#include "cmd/tail.h"

#include <stdio.h>

#include "common/wait.h"

/* TIME answers with seconds and microseconds. */
static void ask_time(struct tail_reader *r)
{
    link_command(session_link(r->session), "TIME");
}

static void time_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    if (item->type == REPLY_ERROR)
        reply_refusal(&r->problem, item, "cannot ask for the server's time");
    else if (item->depth == 1 && item->index < 2 && item->type == REPLY_STRING)
        id_number(item->bytes, item->len, &r->clock[item->index]);
}

/* Milliseconds since 1970, by the server's clock. */
static uint64_t now_of(const struct tail_reader *r)
{
    return r->clock[0] * 1000 + r->clock[1] / 1000;
}

/* The time that a WHEN means, in milliseconds since 1970. */
static uint64_t time_of(const struct when *when, uint64_t now)
{
    if (when->kind == WHEN_AGO)
        return when->ms < now ? now - when->ms : 0;
    return when->ms;
}

bool tail_date(struct tail *t, const struct tail_reader *r)
{
    const struct when *since = &t->set->since, *until = &t->set->until;
    uint64_t now = r ? now_of(r) : 0;

    if (r == NULL && (since->kind == WHEN_AGO || until->kind == WHEN_AGO))
        return false;
    t->since = since->id;
    if (since->kind == WHEN_TIME
        || since->kind == WHEN_AGO) /* at that time or later: after the last ID before it */
        t->since = id_before((struct id){time_of(since, now), 0});
    t->until = ID_MOST;
    if (until->kind != WHEN_NONE)
        t->until = until->kind == WHEN_ID ? until->id
                                          : (struct id){time_of(until, now), UINT64_MAX};
    t->dated = true;
    return true;
}

static void know_time(struct tail_reader *r)
{
    tail_date(r->t, r);
}

const struct tail_step tail_dates = {ask_time, time_item, know_time, NULL};

/* How long the server may wait in the next request: not beyond -U, after which one more look
 * without waiting takes what is there. */
static void choose_wait(struct tail_reader *r)
{
    uint64_t now = now_of(r), until = r->t->until.ms;

    r->timed = true;
    r->block = HEARTBEAT_MS;
    if (now > until)
        r->block = TAIL_NO_WAIT;
    else if (until - now < HEARTBEAT_MS)
        r->block = (int64_t)(until - now) + 1;
}

const struct tail_step tail_times = {ask_time, time_item, choose_wait, NULL};

/*
 * Going back through a room to find where its last N messages begin: XREVRANGE from the end down to
 * just above the cursor, piece by piece. It needs no more memory for a million than for ten.
 */
static void count_message(void *context, const struct entry_message *m)
{
    struct tail_reader *r = context;

    r->search.in_entry += !tail_hides(r->t, &m->name);
}

static void count_entry(void *context, const struct entry_message *m)
{
    struct tail_reader *r = context;

    if (r->search.found < r->t->set->line_count) {
        r->search.found += r->search.in_entry;
        r->search.from = m->key;
        r->search.below = true;
    }
    r->search.in_entry = 0;
}

static void ask_search(struct tail_reader *r)
{
    struct tail *t = r->t;
    struct tail_room *room = r->room;
    uint64_t missing = t->set->line_count - r->search.found;
    char from[ID_TEXT], down_to[ID_TEXT];

    r->in.reply = ENTRY_XRANGE;
    r->in.on_message = count_message;
    r->in.on_entry = count_entry;
    r->in.context = r;
    r->in.about = room->name;
    r->search.in_entry = 0;
    r->search.asked = t->batch < missing ? t->batch : (size_t)missing;
    if (!r->search.below)
        r->search.from = id_compare(t->until, room->end) < 0 ? t->until : room->end;
    id_print(from, r->search.from);
    id_print(down_to, room->cursor);
    link_command(session_link(r->session), "XREVRANGE %b %s%s (%s COUNT %llu", room->name,
        room->len, r->search.below ? "(" : "", from, down_to, (unsigned long long)r->search.asked);
    entry_begin(&r->in);
}

static void search_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    entry_item(&r->in, item);
    r->problem = r->in.problem;
}

static void go_on_searching(struct tail_reader *r)
{
    struct tail_room *room = r->room;
    uint64_t wanted = r->t->set->line_count;

    tail_set_batch(r->t, &r->in);
    if (r->in.entries == r->search.asked && r->search.found < wanted)
        return;
    if (r->search.found > 0)
        room->cursor = id_before(r->search.from);
    if (r->search.found > wanted)
        room->skip = r->search.found - wanted;
    r->search.found = 0;
    r->search.below = false;
    room->state = ROOM_READ;
    tail_anchor(room);
}

const struct tail_step tail_searches = {ask_search, search_item, go_on_searching, NULL};

/* -C: go on where the file says, if that is still a place in the room. False: it does not say. */
static bool resume(struct tail_reader *r, struct tail_room *room)
{
    char id[ID_TEXT];

    if (r->t->cursor == NULL
        || !tail_cursor_find(r->t->cursor, room->name, room->len, &room->cursor))
        return false;
    if (!room->exists) {
        room->cursor = r->t->since;
    } else if (id_compare(room->cursor, room->anchor.last) > 0) {
        id_print(id, room->anchor.last);
        err_say(ERR_NOTICE, "%.64s: went back to the entry %s; going on behind it", room->name, id);
        room->cursor = room->anchor.last;
    }
    return true;
}

/* Where reading begins: after -S, or at what -n says within it. */
static void begin(struct tail_reader *r)
{
    struct tail_room *room = r->room;
    const struct id since = r->t->since;
    const struct tail_settings *set = r->t->set;
    bool from_since = set->since.kind || set->until.kind || set->to_end || set->lines == TAIL_FROM;
    bool ends_later = id_compare(room->anchor.last, since) > 0;

    room->cursor = since;
    room->state = ROOM_READ;
    if (resume(r, room) || room->fresh) {
        /* what the file says, or all of it */
    } else if (set->lines == TAIL_FROM) {
        room->skip = set->line_count > 0 ? set->line_count - 1 : 0;
    } else if (set->lines == TAIL_LAST && set->line_count > 0) {
        if (ends_later)
            room->state = ROOM_FOUND;
    } else if (set->lines == TAIL_LAST || !from_since) {
        room->cursor = ends_later ? room->end : since;
    }
    if (room->state == ROOM_READ)
        tail_anchor(room);
}

static void found(struct tail_reader *r)
{
    struct tail_room *room = r->room;

    if (r->looked_at == 0)
        r->looked_at = wait_now();
    room->exists = r->info.exists;
    room->end = room->fresh ? ID_LEAST : r->info.last; /* it has no past */
    room->anchor = r->info;
    begin(r);
}

const struct tail_step tail_begins = {tail_ask_info, tail_info_item, found, NULL};
