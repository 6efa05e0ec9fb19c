#include "cmd/tail_scan.h"

#include <string.h>

#include "cmd/tail_wait.h"
#include "common/id.h"
#include "common/wait.h"

/* How many keys the server visits for one answer, which names only the rooms among them. */
enum { SCAN_COUNT = 1000 };

static struct tail_scan *scan_of(void *request)
{
    return request;
}

static void ask(struct request *r, struct link *link)
{
    struct tail_scan *s = scan_of(r);

    link_command(link, "SCAN %s MATCH %s COUNT %d TYPE stream", s->next[0] ? s->next : "0",
        s->t->print.set->match.at[s->pattern], SCAN_COUNT);
    r->n = 1;
    s->asked_at = wait_now() + link_distance(link);
}

/* Reported once: no option can name this room, and rows without a room are malformed. */
static void skip_nameless(struct tail_rooms *rooms)
{
    if (!rooms->nameless)
        err_say(ERR_NOTICE, "skipping a room whose name is empty: no option can name it");
    rooms->nameless = true;
}

static void found_name(struct tail_scan *s, const struct reply_item *item)
{
    struct tail_room *known, *room;

    if (item->len == 0 && !s->t->print.set->list) {
        skip_nameless(&s->t->rooms);
        return;
    }
    room = tail_rooms_add(&s->t->rooms, item->bytes, item->len, &known);
    if (room == NULL) {
        known->round = s->round;
        return;
    }
    room->matched = true;
    room->round = s->round;
    if (s->found)
        s->found(s, room);
}

static bool take_next(struct tail_scan *s, const struct reply_item *item)
{
    uint64_t number;

    if (item->type != REPLY_STRING || item->len >= sizeof s->next
        || id_number(item->bytes, item->len, &number) < 0)
        return false;
    memcpy(s->next, item->bytes, item->len);
    s->next[item->len] = 0;
    return true;
}

/* The reply has the next cursor, and an array of names. */
static bool take(struct tail_scan *s, const struct reply_item *item)
{
    if (item->depth == 0)
        return item->type == REPLY_ARRAY && item->integer == 2;
    if (item->depth == 1)
        return item->index == 0 ? take_next(s, item) : item->type == REPLY_ARRAY;
    if (item->type == REPLY_STRING)
        found_name(s, item);
    return item->type == REPLY_STRING;
}

static void item(void *request, const struct reply_item *it)
{
    struct tail_scan *s = scan_of(request);

    if (it->type == REPLY_ERROR)
        reply_refusal(&s->request.problem, it, "cannot look for rooms");
    else if (!take(s, it))
        reply_reject(&s->request.problem, "cannot look for rooms");
}

static void answered(struct request *r)
{
    struct tail_scan *s = scan_of(r);

    s->took = wait_now() > s->asked_at ? wait_now() - s->asked_at : 0;
    if (strcmp(s->next, "0") != 0)
        return;
    s->pattern = (s->pattern + 1) % s->t->print.set->match.n;
    s->round += s->pattern == 0;
}

/* The next server does not know this one's cursor. */
static void broken(struct request *r)
{
    scan_of(r)->next[0] = 0;
}

static const struct request_kind kind = {ask, item, NULL, answered, broken};

void tail_scan_start(struct tail_scan *s, struct tail *t, int slot)
{
    *s = (struct tail_scan){.t = t, .slot = slot, .request = {.kind = &kind}};
}

void tail_scan_masters(const struct tail *t, struct tail_slot_list *slots)
{
    const struct endpoint *before = NULL;

    if (!t->route->cluster && slots->n == 0)
        list_add(slots, -1);
    for (int slot = 0; t->route->cluster && slot < ROUTE_SLOTS; slot++) {
        const struct endpoint *owner = route_owner(t->route, slot);
        bool has = owner == NULL || owner == before;

        for (size_t i = 0; i < slots->n && !has; i++)
            has = route_owner(t->route, slots->at[i]) == owner;
        before = owner;
        if (!has)
            list_add(slots, slot);
    }
}

/* One server, until all its keys were visited. */
static int scan_server(struct tail *t, int slot, struct err *e)
{
    struct tail_scan s;
    int done = 1;

    tail_scan_start(&s, t, slot);
    while (s.round == 0 && (done == 1 || done == SESSION_BROKEN))
        done = tail_call(t, slot, &s.request, e);
    return done;
}

int tail_scan_all(struct tail *t, struct err *e)
{
    struct tail_slot_list slots = {0};
    int done = 1;

    tail_scan_masters(t, &slots);
    if (slots.n == 0)
        done = err_set(e, EXIT_REFUSED,
            "cannot search for rooms: the cluster reports no slots (CLUSTER SLOTS)");
    for (size_t i = 0; i < slots.n && done == 1; i++)
        done = scan_server(t, slots.at[i], e);
    list_free(&slots);
    if (done == 1)
        tail_rooms_sort(&t->rooms);
    return done;
}
