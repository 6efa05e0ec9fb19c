#include "cmd/tail.h"

#include <string.h>

#include "common/wait.h"

/* TIME answers with seconds and microseconds. */
struct clock {
    uint64_t parts[2];
    struct err problem;
};

static void on_time(void *context, const struct reply_item *item)
{
    struct clock *clock = context;

    if (item->type == REPLY_ERROR)
        reply_refusal(&clock->problem, item, "cannot ask for the server's time");
    else if (item->depth == 1 && item->index < 2 && item->type == REPLY_STRING)
        id_number(item->bytes, item->len, &clock->parts[item->index]);
}

int tail_clock(struct tail *t, uint64_t *ms, struct err *e)
{
    struct clock clock;
    int done;

    do {
        clock = (struct clock){0};
        link_command(session_link(t->session), "TIME");
        done = tail_await(t, on_time, &clock, &clock.problem, e);
    } while (done == TAIL_AGAIN && t->stop == TAIL_GOES_ON);
    if (done < 0)
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
        link_command(session_link(t->session), "XREVRANGE %b %s%s (%s COUNT %llu", room->name,
            room->len, below, from, down_to, (unsigned long long)count);
        entry_begin(&in);
        s.in_entry = 0;
        done = tail_await(t, entry_item, &in, &in.problem, e);
        tail_set_batch(t, &in);
        if (in.entries > 0)
            below = "(";
    } while (t->stop == TAIL_GOES_ON
             && (done == TAIL_AGAIN || (done == 0 && in.entries == count && s.found < s.wanted)));
    if (s.found > 0)
        room->cursor = id_before(s.from);
    if (s.found > s.wanted)
        room->skip = s.found - s.wanted;
    entry_free(&in);
    return done < 0 ? -1 : 0;
}

/* Where reading begins: after -S, or at what -n says within it. */
static int begin(struct tail *t, struct tail_room *room, struct err *e)
{
    const struct id since = t->since;
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
    uint64_t now = 0;

    if ((since->kind == WHEN_AGO || until->kind == WHEN_AGO) && tail_clock(t, &now, e) < 0)
        return -1;
    t->since = since->id;
    if (since->kind == WHEN_TIME
        || since->kind == WHEN_AGO) /* at that time or later: after the last ID before it */
        t->since = id_before((struct id){time_of(since, now), 0});
    t->until = ID_MOST;
    if (until->kind != WHEN_NONE)
        t->until = until->kind == WHEN_ID ? until->id
                                          : (struct id){time_of(until, now), UINT64_MAX};
    for (size_t i = 0; i < t->n_rooms && t->stop == TAIL_GOES_ON; i++) {
        struct tail_info info;

        if (tail_ask_info(t, &t->rooms[i], &info, e) < 0)
            return -1;
        t->rooms[i].exists = info.exists;
        t->rooms[i].end = info.last;
        t->rooms[i].anchor = info;
    }
    for (size_t i = 0; i < t->n_rooms && t->stop == TAIL_GOES_ON; i++) {
        if (begin(t, &t->rooms[i], e) < 0)
            return -1;
        tail_anchor(&t->rooms[i]);
    }
    t->looked_at = wait_now();
    return 0;
}
