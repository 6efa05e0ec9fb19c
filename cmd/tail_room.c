#include "cmd/tail.h"

#include <string.h>

/* XINFO STREAM answers with names and values in turn; a key that does not exist is an error. */
struct info {
    struct tail_room *room;
    bool last; /* the value of last-generated-id comes next */
    struct err problem;
};

static void on_info(void *context, const struct reply_item *item)
{
    static const char wanted[] = "last-generated-id";
    struct info *info = context;

    if (item->type == REPLY_ERROR && !reply_is_error(item, "ERR no such key"))
        err_set(&info->problem, reply_refusal(item), "%.64s: %.*s", info->room->name,
            (int)item->len, item->bytes);
    if (item->depth == 0)
        info->room->exists = item->type == REPLY_ARRAY;
    if (item->depth != 1 || item->type != REPLY_STRING)
        return;
    if (item->index % 2 == 0)
        info->last = item->len == strlen(wanted) && memcmp(item->bytes, wanted, item->len) == 0;
    else if (info->last)
        id_parse(item->bytes, item->len, &info->room->end);
}

static int look_at(struct tail *t, struct tail_room *room, struct err *e)
{
    struct info info = {.room = room};

    link_command(t->link, "XINFO STREAM %b", room->name, room->len);
    return tail_await(t, 0, on_info, &info, &info.problem, e);
}

/* TIME answers with seconds and microseconds. */
struct clock {
    uint64_t parts[2];
    struct err problem;
};

static void on_time(void *context, const struct reply_item *item)
{
    struct clock *clock = context;

    if (item->type == REPLY_ERROR)
        err_set(&clock->problem, reply_refusal(item), "cannot ask for the server's time: %.*s",
            (int)item->len, item->bytes);
    else if (item->depth == 1 && item->index < 2 && item->type == REPLY_STRING)
        id_number(item->bytes, item->len, &clock->parts[item->index]);
}

int tail_clock(struct tail *t, uint64_t *ms, struct err *e)
{
    struct clock clock = {0};

    link_command(t->link, "TIME");
    if (tail_await(t, 0, on_time, &clock, &clock.problem, e) < 0)
        return -1;
    *ms = clock.parts[0] * 1000 + clock.parts[1] / 1000;
    return 0;
}

/* Going back through a room to find where its last N messages begin. */
struct search {
    struct tail *t;
    uint64_t wanted, found;
    uint64_t in_entry; /* messages that would be shown in the entry at hand */
    struct id from;    /* the entry that was looked at last */
};

static void count_message(void *context, const struct entry_message *m)
{
    struct search *s = context;

    s->in_entry += !tail_hides(s->t, &m->name);
}

static void count_entry(void *context, const struct entry_message *m)
{
    struct search *s = context;

    if (s->found < s->wanted) {
        s->found += s->in_entry;
        s->from = m->key;
    }
    s->in_entry = 0;
}

/*
 * Move the cursor to where the last N messages begin: XREVRANGE from the end down to just above it,
 * piece by piece. It needs no more memory for a million than for ten.
 */
static int go_to_last(struct tail *t, struct tail_room *room, struct err *e)
{
    struct search s = {.t = t,
        .wanted = t->set->line_count,
        .from = id_compare(t->until, room->end) < 0 ? t->until : room->end};
    struct entry_decoder in = {.reply = ENTRY_XRANGE,
        .on_message = count_message,
        .on_entry = count_entry,
        .context = &s,
        .about = room->name};
    char from[ID_TEXT], down_to[ID_TEXT];
    const char *below = "";
    size_t count;
    int done;

    id_print(down_to, room->cursor);
    do {
        id_print(from, s.from);
        count = t->batch < s.wanted - s.found ? t->batch : (size_t)(s.wanted - s.found);
        link_command(t->link, "XREVRANGE %b %s%s (%s COUNT %llu", room->name, room->len, below,
            from, down_to, (unsigned long long)count);
        entry_begin(&in);
        done = tail_await(t, 0, entry_item, &in, &in.problem, e);
        tail_set_batch(t, &in);
        below = "(";
    } while (done == 0 && t->stop == TAIL_GOES_ON && in.entries == count && s.found < s.wanted);
    if (s.found > 0)
        room->cursor = id_before(s.from);
    if (s.found > s.wanted)
        room->skip = s.found - s.wanted;
    entry_free(&in);
    return done;
}

/* Where reading begins: after `since`, or at what -n says within it. */
static int begin(struct tail *t, struct tail_room *room, struct id since, struct err *e)
{
    const struct tail_settings *set = t->set;
    bool from_since = set->since.kind || set->until.kind || set->to_end || set->lines == TAIL_FROM;

    room->cursor = since;
    if (set->lines == TAIL_FROM)
        room->skip = set->line_count > 0 ? set->line_count - 1 : 0;
    else if (set->lines == TAIL_LAST && set->line_count > 0)
        return id_compare(room->end, since) > 0 ? go_to_last(t, room, e) : 0;
    else if (set->lines == TAIL_LAST || !from_since)
        room->cursor = id_compare(room->end, since) > 0 ? room->end : since;
    return 0;
}

/* The time that a WHEN means, in milliseconds since 1970, `now` being the server's. */
static uint64_t time_of(const struct when *when, uint64_t now)
{
    if (when->kind == WHEN_AGO)
        return when->ms < now ? now - when->ms : 0;
    return when->ms;
}

int tail_rooms_begin(struct tail *t, struct err *e)
{
    const struct when *since = &t->set->since, *until = &t->set->until;
    struct id after = since->id;
    uint64_t now = 0;

    if ((since->kind == WHEN_AGO || until->kind == WHEN_AGO) && tail_clock(t, &now, e) < 0)
        return -1;
    if (since->kind == WHEN_TIME
        || since->kind == WHEN_AGO) /* at that time or later: after the last ID before it */
        after = id_before((struct id){time_of(since, now), 0});
    t->until = ID_MOST;
    if (until->kind != WHEN_NONE)
        t->until = until->kind == WHEN_ID ? until->id
                                          : (struct id){time_of(until, now), UINT64_MAX};
    for (size_t i = 0; i < t->n_rooms; i++)
        if (look_at(t, &t->rooms[i], e) < 0)
            return -1;
    for (size_t i = 0; i < t->n_rooms && t->stop == TAIL_GOES_ON; i++)
        if (begin(t, &t->rooms[i], after, e) < 0)
            return -1;
    return 0;
}
