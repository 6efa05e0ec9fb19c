#include "cmd/tail_group.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/tail_clock.h"
#include "cmd/tail_conn.h"
#include "cmd/tail_finder.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* How long leaving may take: if it fails, others read again what was printed. */
enum { LEAVING_MS = 2000 };

/* Before asking again after an answer that there is nothing came too early. */
enum { EMPTY_PAUSE_MS = 100 };

/* A room as the group's other readers share it. */
struct tail_share {
    bool joined;     /* the group is there */
    bool lost;       /* it was, and went */
    bool drained;    /* nothing is pending for us from before */
    struct id own;   /* what was pending is read from there on */
    struct buf acks; /* IDs of entries printed and not acknowledged, as words */
    size_t n_acks;
    struct id claim_from; /* where to go on looking for what to claim, */
    int64_t claim_due;    /* and when */
    enum {
        SHARE_STAYS, /* the consumer may have something pending */
        SHARE_FREE,  /* it has not, and may go */
        SHARE_LEFT   /* it has gone, or has to stay */
    } leaving;
};

struct group {
    struct tail *t;
    struct tail_conns conns;
    struct sharer **by_slot; /* in a cluster */
    struct sharer *only;     /* else */
};

struct sharer {
    struct tail_conn conn;
    struct request request; /* what is asked: one of the kinds below */
    struct group *g;
    struct buf rooms;       /* struct tail_room * */
    struct tail_room *room; /* that is asked about; NULL: all */
    struct tail_clock clock;
    int64_t block, asked_at; /* the request for messages: how long it may wait (ms), when */
    bool timed;              /* -U: `block` was chosen from the server's clock */
    int64_t pause;           /* wait_now() of when to ask again; 0: at once */
    struct entry_decoder in;
    struct tail_entry open;
    struct tail_room *reading; /* the room whose entries come */
    size_t part;               /* the element of the answer that comes */
};

enum { NO_WAIT = -1 };

static struct sharer *sharer_of(void *request)
{
    return (void *)((char *)request - offsetof(struct sharer, request));
}

static const struct tail_settings *settings(const struct sharer *s)
{
    return s->g->t->print.set;
}

static struct tail_room **rooms_of(const struct sharer *s, size_t *n)
{
    *n = s->rooms.len / sizeof(struct tail_room *);
    return (void *)s->rooms.data;
}

static bool is_asked(const struct sharer *s, const struct tail_room *room)
{
    return room->state == TAIL_ROOM_READ && (s->room == NULL || s->room == room);
}

static void send(struct link *link, struct buf *command)
{
    link_send(link, command->data, command->len);
    buf_free(command);
}

/* The group is not there: the room or the group was deleted. It is made again, and all is new. */
static void lose_group(struct sharer *s)
{
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    for (size_t i = 0; i < n; i++)
        if (is_asked(s, rooms[i])) {
            struct tail_share *share = rooms[i]->share;

            share->joined = false;
            share->lost = true;
            buf_clear(&share->acks);
            share->n_acks = 0;
        }
}

static bool is_no_group(const struct reply_item *item)
{
    return reply_is_error(item, "NOGROUP") || reply_is_error(item, "UNBLOCKED the stream key");
}

/* Replies that say no more than whether it was done. */
static void simple_item(void *request, const struct reply_item *item)
{
    struct sharer *s = sharer_of(request);

    if (item->type == REPLY_ERROR)
        reply_refusal(&s->request.problem, item, s->room->name);
}

/* TIME, before the request for messages: the server may wait until -U, after which one more look
 * without waiting takes what is there. */
static void ask_time(struct request *r, struct link *link)
{
    link_command(link, "TIME");
    r->n = 1;
}

static void time_item(void *request, const struct reply_item *item)
{
    struct sharer *s = sharer_of(request);

    tail_clock_item(&s->clock, item, &s->request.problem);
}

static void choose_wait(struct request *r)
{
    struct sharer *s = sharer_of(r);
    uint64_t now = tail_clock_now(&s->clock), until = s->g->t->print.until.ms;

    s->timed = true;
    s->block = TAIL_HEARTBEAT_MS;
    if (now > until)
        s->block = NO_WAIT;
    else if (until - now < TAIL_HEARTBEAT_MS)
        s->block = (int64_t)(until - now) + 1;
}

static const struct request_kind times = {ask_time, time_item, NULL, choose_wait, NULL};

/* XGROUP CREATE, with the room if there is none. */
static void ask_join(struct request *r, struct link *link)
{
    struct sharer *s = sharer_of(r);
    const struct tail_room *room = s->room;
    char id[ID_TEXT] = "$";

    if (room->share->lost || room->fresh)
        strcpy(id, "0");
    else if (settings(s)->since.kind)
        id_print(id, s->g->t->print.since);
    link_command(
        link, "XGROUP CREATE %b %s %s MKSTREAM", room->name, room->len, settings(s)->group, id);
    r->n = 1;
}

static void join_item(void *request, const struct reply_item *item)
{
    struct sharer *s = sharer_of(request);
    const struct tail_share *share = s->room->share;

    if (s->room->matched && reply_is_error(item, "NOPERM"))
        s->room->state = TAIL_ROOM_LEFT_OUT; /* not ours to read */
    else if (item->type == REPLY_ERROR && !reply_is_error(item, "BUSYGROUP"))
        reply_refusal(&s->request.problem, item, s->room->name);
    else if (item->type != REPLY_ERROR && share->lost)
        err_say(ERR_NOTICE,
            "%.64s: the group %.64s was gone; made again, from the room's beginning", s->room->name,
            settings(s)->group);
}

static void joined(struct request *r)
{
    struct tail_room *room = sharer_of(r)->room;

    room->share->joined = room->state == TAIL_ROOM_READ;
    room->share->lost = room->share->drained = false;
    room->share->own = ID_LEAST;
}

static const struct request_kind joins = {ask_join, join_item, NULL, joined, NULL};

/* Printing entries. */
static void on_room(void *context, const struct span *name)
{
    struct sharer *s = context;
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    for (size_t i = 0; i < n; i++) {
        s->reading = rooms[i];
        if (rooms[i]->len == name->len && memcmp(rooms[i]->name, name->at, name->len) == 0)
            return;
    }
    err_set(&s->in.problem, EXIT_REFUSED, "protocol error: a room that was not asked for");
}

static void on_message(void *context, const struct entry_message *m)
{
    struct sharer *s = context;

    tail_print_message(&s->g->t->print, &s->open, s->reading, m);
}

static void on_entry(void *context, const struct entry_message *m)
{
    struct sharer *s = context;
    struct tail_print *p = &s->g->t->print;
    struct tail_share *share = s->reading->share;
    char text[ID_TEXT];

    if (p->stop != TAIL_GOES_ON)
        return;
    if (tail_print_is_past(p, s->reading, m->key)) {
        s->reading->state = TAIL_ROOM_DONE;
        return;
    }
    tail_print_entry(p, &s->open, s->reading);
    reply_word(&share->acks, text, id_print(text, m->key));
    share->n_acks++;
    share->own = m->key;
    if (id_compare(m->key, p->until) == 0)
        s->reading->state = TAIL_ROOM_DONE;
}

static void expect(struct sharer *s, enum entry_reply reply)
{
    s->in.reply = reply;
    s->in.untold = (struct span){0};
    if (reply == ENTRY_XAUTOCLAIM) {
        s->in.untold = (struct span){s->room->name, s->room->len};
        s->reading = s->room;
    }
    s->in.about = s->room ? s->room->name : NULL;
    entry_begin(&s->in);
}

static void take_item(struct sharer *s, const struct reply_item *item)
{
    entry_item(&s->in, item);
    if (s->in.problem.code != EXIT_DONE)
        s->request.problem = s->in.problem;
}

static void make_xreadgroup(const struct sharer *s, struct buf *to, bool own)
{
    size_t n, wanted = 0;
    struct tail_room **rooms = rooms_of(s, &n);
    bool block = !own && s->block >= 0;
    char id[ID_TEXT];

    for (size_t i = 0; i < n; i++)
        wanted += is_asked(s, rooms[i]);
    reply_command(to, (block ? 9U : 7U) + 2 * wanted);
    reply_text(to, "XREADGROUP");
    reply_text(to, "GROUP");
    reply_text(to, settings(s)->group);
    reply_text(to, settings(s)->consumer);
    reply_text(
        to, "COUNT"); /* for each room: work that one has not begun shall be free for others */
    reply_number(to, 1);
    if (block) {
        reply_text(to, "BLOCK");
        reply_number(to, (uint64_t)s->block);
    }
    reply_text(to, "STREAMS");
    for (size_t i = 0; i < n; i++)
        if (is_asked(s, rooms[i]))
            reply_word(to, rooms[i]->name, rooms[i]->len);
    for (size_t i = 0; i < n; i++)
        if (is_asked(s, rooms[i]) && own)
            reply_word(to, id, id_print(id, rooms[i]->share->own));
        else if (is_asked(s, rooms[i]))
            reply_text(to, ">");
}

static void ask_group(struct sharer *s, struct link *link, bool own)
{
    struct buf command = {0};

    expect(s, ENTRY_XREAD);
    make_xreadgroup(s, &command, own);
    send(link, &command);
    s->request.n = 1;
    s->asked_at = wait_now();
}

static void group_item(void *request, const struct reply_item *item)
{
    struct sharer *s = sharer_of(request);

    if (item->depth == 0 && is_no_group(item))
        lose_group(s);
    else
        take_item(s, item);
}

/* What came may be pending now without having been read whole: it is asked for again. */
static void group_broken(struct request *r)
{
    struct sharer *s = sharer_of(r);
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    if (s->reading)
        tail_print_void(&s->open, s->reading);
    for (size_t i = 0; i < n; i++)
        if (is_asked(s, rooms[i])) {
            rooms[i]->share->drained = false;
            rooms[i]->share->own = ID_LEAST;
        }
}

/* The new ones, of all rooms. */
static void ask_new(struct request *r, struct link *link)
{
    ask_group(sharer_of(r), link, false);
}

/* Nothing came: all is read up to -U or the end of -e, or the answer came too early. */
static void nothing_came(struct sharer *s)
{
    if (s->block == NO_WAIT)
        s->conn.over = true;
    else if (wait_now() + EMPTY_PAUSE_MS < s->asked_at + s->block)
        s->pause = wait_now() + EMPTY_PAUSE_MS;
}

static void got_new(struct request *r)
{
    struct sharer *s = sharer_of(r);
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    for (size_t i = 0; i < n; i++)
        if (is_asked(s, rooms[i]) && !rooms[i]->share->joined)
            return; /* the group was gone */
    if (s->in.entries == 0)
        nothing_came(s);
}

static const struct request_kind takes = {ask_new, group_item, NULL, got_new, group_broken};

/* Those that are pending for us, from when we were here before. */
static void ask_own(struct request *r, struct link *link)
{
    ask_group(sharer_of(r), link, true);
}

static void got_own(struct request *r)
{
    struct sharer *s = sharer_of(r);

    if (s->in.entries == 0)
        s->room->share->drained = true;
}

static const struct request_kind drains = {ask_own, group_item, NULL, got_own, group_broken};

/* Those that another reader has left pending for too long: XAUTOCLAIM answers with where to go on,
 * the entries, and the IDs of those that were deleted meanwhile, which it strikes off. */
static void ask_claim(struct request *r, struct link *link)
{
    struct sharer *s = sharer_of(r);
    char from[ID_TEXT];

    id_print(from, s->room->share->claim_from);
    expect(s, ENTRY_XAUTOCLAIM);
    link_command(link, "XAUTOCLAIM %b %s %s %llu %s COUNT 1", s->room->name, s->room->len,
        settings(s)->group, settings(s)->consumer, (unsigned long long)settings(s)->claim, from);
    r->n = 1;
}

static void claim_item(void *request, const struct reply_item *item)
{
    struct sharer *s = sharer_of(request);

    if (item->depth == 1)
        s->part = item->index;
    if (item->depth == 0 && is_no_group(item))
        lose_group(s);
    else if (item->depth == 1 && item->index == 0 && item->type == REPLY_STRING)
        id_parse(item->bytes, item->len, &s->room->share->claim_from);
    else if (item->depth == 0 || s->part == 1)
        take_item(s, item);
}

static void claimed(struct request *r)
{
    struct sharer *s = sharer_of(r);
    struct tail_share *share = s->room->share;
    uint64_t claim = settings(s)->claim;

    if (id_compare(share->claim_from, ID_LEAST) == 0)
        share->claim_due = wait_now()
                           + (claim < TAIL_HEARTBEAT_MS ? (int64_t)claim : TAIL_HEARTBEAT_MS);
}

static const struct request_kind claims = {ask_claim, claim_item, NULL, claimed, group_broken};

/* What has been written to standard output is done. */
static void ask_ack(struct request *r, struct link *link)
{
    struct sharer *s = sharer_of(r);
    struct tail_share *share = s->room->share;
    struct buf command = {0};

    reply_command(&command, 3 + share->n_acks);
    reply_text(&command, "XACK");
    reply_word(&command, s->room->name, s->room->len);
    reply_text(&command, settings(s)->group);
    buf_add(&command, share->acks.data, share->acks.len);
    send(link, &command);
    r->n = 1;
}

static void acked(struct request *r)
{
    struct tail_share *share = sharer_of(r)->room->share;

    buf_clear(&share->acks);
    share->n_acks = 0;
}

static const struct request_kind acks = {ask_ack, simple_item, NULL, acked, NULL};

/* At the end: the consumer goes, if nothing is pending for it. */
static void found_own(struct request *r)
{
    struct sharer *s = sharer_of(r);

    s->room->share->leaving = s->in.entries == 0 ? SHARE_FREE : SHARE_LEFT;
}

static void own_item(void *request, const struct reply_item *item)
{
    struct sharer *s = sharer_of(request);

    if (item->type == REPLY_ERROR)
        s->in.entries = 1; /* who knows: it stays */
    s->in.entries += item->depth == ENTRY_XREAD + 1 && item->type == REPLY_ARRAY;
}

static void ask_mine(struct request *r, struct link *link)
{
    struct sharer *s = sharer_of(r);

    s->room->share->own = ID_LEAST;
    ask_group(s, link, true);
}

static const struct request_kind checks = {ask_mine, own_item, NULL, found_own, NULL};

static void ask_leave(struct request *r, struct link *link)
{
    struct sharer *s = sharer_of(r);

    link_command(link, "XGROUP DELCONSUMER %b %s %s", s->room->name, s->room->len,
        settings(s)->group, settings(s)->consumer);
    r->n = 1;
}

static void left(struct request *r)
{
    sharer_of(r)->room->share->leaving = SHARE_LEFT;
}

static const struct request_kind leaves = {ask_leave, simple_item, NULL, left, NULL};

static struct request *ask(struct sharer *s, const struct request_kind *kind)
{
    s->request.kind = kind;
    return &s->request;
}

/* What one room needs before new messages are asked for; NULL: nothing. */
static const struct request_kind *needs(const struct tail_room *room)
{
    const struct tail_share *share = room->share;

    if (share->n_acks > 0)
        return &acks;
    if (room->state != TAIL_ROOM_READ)
        return NULL;
    if (!share->joined)
        return &joins;
    if (!share->drained)
        return &drains;
    return share->claim_due <= wait_now() ? &claims : NULL;
}

/* How long the server may wait for something new: until there may be something to claim. */
static int64_t wait_for_new(const struct sharer *s)
{
    int64_t now = wait_now(), due = now + TAIL_HEARTBEAT_MS;
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    for (size_t i = 0; i < n; i++)
        if (is_asked(s, rooms[i]))
            due = wait_earliest(due, rooms[i]->share->claim_due);
    return due > now ? due - now : 1;
}

/* New messages, after the clock was asked for -U. */
static struct request *ask_for_new(struct sharer *s)
{
    const bool ends = s->g->t->print.until.ms < UINT64_MAX;
    size_t n, wanted = 0;
    struct tail_room **rooms = rooms_of(s, &n);

    for (size_t i = 0; i < n; i++)
        wanted += rooms[i]->state == TAIL_ROOM_READ;
    s->conn.over = wanted == 0 && (settings(s)->matches == 0 || settings(s)->to_end);
    if (s->conn.over || (wanted == 0 && !ends))
        return NULL;
    if (ends && !s->timed)
        return ask(s, &times);
    if (wanted == 0) {
        s->conn.over = s->block == NO_WAIT;
        s->conn.wake = wait_now() + s->block;
        s->timed = false;
        return NULL;
    }
    if (settings(s)->to_end)
        s->block = NO_WAIT;
    else if (!s->timed || s->block > wait_for_new(s))
        s->block = wait_for_new(s);
    s->timed = false;
    return ask(s, &takes);
}

static struct request *next_shared(struct tail_conn *c)
{
    struct sharer *s = (struct sharer *)c;
    struct tail_print *p = &s->g->t->print;
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    if (p->printed_at == 0)
        p->printed_at = wait_now(); /* -W counts from here on */
    c->wake = s->pause > wait_now() ? s->pause : WAIT_FOREVER;
    if (c->over || c->wake < WAIT_FOREVER)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const struct request_kind *kind = needs(rooms[i]);

        s->room = rooms[i];
        if (kind == &acks)
            tail_wait_flush(s->g->t, false);
        if (kind && p->stop == TAIL_GOES_ON)
            return ask(s, kind);
    }
    s->room = NULL;
    return ask_for_new(s);
}

/* The end: acknowledge what was printed, and take the consumer off. */
static struct request *next_leaving(struct tail_conn *c)
{
    struct sharer *s = (struct sharer *)c;
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    for (size_t i = 0; i < n; i++) {
        struct tail_share *share = rooms[i]->share;

        if (!share->joined)
            continue;
        s->room = rooms[i];
        rooms[i]->state = TAIL_ROOM_READ;
        if (share->n_acks > 0)
            return ask(s, &acks);
        if (share->leaving == SHARE_STAYS && settings(s)->passing)
            return ask(s, &checks);
        if (share->leaving == SHARE_FREE)
            return ask(s, &leaves);
    }
    c->over = true;
    return NULL;
}

static void close_sharer(struct tail_conn *c)
{
    struct sharer *s = (struct sharer *)c;
    size_t n;
    struct tail_room **rooms = rooms_of(s, &n);

    for (size_t i = 0; i < n; i++) {
        buf_free(&rooms[i]->share->acks);
        free(rooms[i]->share);
    }
    buf_free(&s->rooms);
    entry_free(&s->in);
    tail_entry_free(&s->open);
    free(s);
}

static const struct tail_source sharing = {next_shared, NULL, close_sharer};
static const struct tail_source leaving = {next_leaving, NULL, close_sharer};

static struct sharer *add_sharer(struct group *g, int slot)
{
    struct sharer *s = calloc(1, sizeof *s);

    if (s == NULL)
        buf_no_memory();
    s->conn.source = &sharing;
    s->g = g;
    s->in = (struct entry_decoder){
        .on_room = on_room, .on_message = on_message, .on_entry = on_entry, .context = s};
    if (!g->t->route->cluster) {
        s->conn.session = g->t->session;
        g->t->session = NULL;
    }
    tail_conns_add(&g->conns, &s->conn, slot);
    *(g->by_slot ? &g->by_slot[slot] : &g->only) = s;
    return s;
}

static int adopt(void *context, struct tail_room *room, struct err *e)
{
    struct group *g = context;
    struct sharer *s = g->by_slot ? g->by_slot[room->slot] : g->only;

    (void)e;
    if (s == NULL)
        s = add_sharer(g, room->slot);
    room->share = calloc(1, sizeof *room->share);
    if (room->share == NULL)
        buf_no_memory();
    room->state = TAIL_ROOM_READ;
    buf_add(&s->rooms, &room, sizeof(struct tail_room *));
    if (s->conn.asked && s->request.kind == &takes)
        tail_conn_interrupt(&s->conn);
    else
        s->conn.wake = 0;
    return 0;
}

/*
 * On connections of their own, for the old ones may be waiting for messages; and if that fails,
 * others will read again what was printed: no more can be done.
 */
static void leave(struct group *g)
{
    struct tail_print *p = &g->t->print;
    enum tail_stop stop = p->stop;
    struct err why;

    for (size_t i = 0; i < g->conns.n; i++) {
        struct tail_conn *c = g->conns.all[i];
        int slot = session_slot(c->session);

        session_close(c->session);
        c->session = session_new(g->t->route, slot, 0);
        c->asked = NULL;
        c->wake = 0;
        c->over = c->source != &sharing; /* -m looks for rooms no more */
        if (!c->over)
            c->source = &leaving;
    }
    p->stop = TAIL_GOES_ON;
    g->t->leaving = true;
    g->conns.deadline = wait_now() + LEAVING_MS;
    tail_conns_run(&g->conns, &why);
    p->stop = stop;
}

int tail_group(struct tail *t, struct err *e)
{
    struct group g = {.t = t, .conns = {.t = t}};
    int done;

    if (t->route->cluster && (g.by_slot = calloc(ROUTE_SLOTS, sizeof(struct sharer *))) == NULL)
        buf_no_memory();
    if (!t->route->cluster)
        add_sharer(&g, -1);
    session_close(t->session);
    t->session = NULL;
    for (size_t i = 0; i < t->rooms.n; i++)
        adopt(&g, t->rooms.all[i], e);
    tail_finder_start(&g.conns, adopt, &g);
    done = tail_conns_run(&g.conns, e);
    tail_wait_flush(t, false);
    if (done == 0 && t->print.out.failure.code == EXIT_DONE)
        leave(&g);
    tail_conns_free(&g.conns);
    free(g.by_slot);
    return done;
}
