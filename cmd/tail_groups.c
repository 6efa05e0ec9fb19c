#include "cmd/tail_groups.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#include "cmd/tail_wait.h"
#include "common/text.h"

/* How many rooms one request asks about. */
enum { ROOMS = 100 };

/* XINFO GROUPS of several rooms. */
struct groups {
    struct request request;
    struct tail *t;
    size_t next, asked; /* the room that is answered next; how many are asked about */
    /* The group that comes: */
    struct buf name;
    char field[32];
    struct id last;
    long long consumers, pending, lag; /* -1: the server does not know */
};

static struct groups *groups_of(void *request)
{
    return request;
}

static const struct tail_room *room_at(const struct groups *g, size_t i)
{
    return g->t->rooms.all[g->next + i];
}

/* Whether the `i`th room can be asked about in the same request: it is on the same node. */
static bool belongs(const struct groups *g, size_t i)
{
    const struct session *s = g->t->session;

    return i == 0 || !session_in_cluster(s)
           || (!session_asking(s)
               && session_node(s, room_at(g, i)->slot) == session_node(s, room_at(g, 0)->slot));
}

static void ask(struct request *r, struct link *link)
{
    struct groups *g = groups_of(r);

    for (g->asked = 0; g->next + g->asked < g->t->rooms.n && g->asked < ROOMS; g->asked++) {
        const struct tail_room *room = room_at(g, g->asked);

        if (!belongs(g, g->asked))
            break;
        link_command(link, "XINFO GROUPS %b", room->name, room->len);
    }
    r->n = g->asked;
}

static void print_group(const struct groups *g)
{
    struct buf *to = &g->t->print.out.buf;
    const struct tail_room *room = room_at(g, 0);
    char id[ID_TEXT];

    if (fnmatch(g->t->print.set->group, g->name.data, 0) != 0)
        return;
    text_show_room(to, room->name, room->len);
    buf_add(to, "\t", 1);
    text_show(to, g->name.data, g->name.len - 1, TEXT_TSV);
    buf_printf(to, "\t%lld\t%lld\t", g->consumers, g->pending);
    if (g->lag >= 0)
        buf_printf(to, "%lld", g->lag);
    id_print(id, g->last);
    buf_printf(to, "\t%s\n", id);
}

static void begin_group(struct groups *g)
{
    buf_clear(&g->name);
    buf_add(&g->name, "", 1);
    g->consumers = g->pending = 0;
    g->lag = -1;
    g->last = ID_LEAST;
}

static void on_value(struct groups *g, const struct reply_item *item)
{
    long long *number = strcmp(g->field, "consumers") == 0 ? &g->consumers
                        : strcmp(g->field, "pending") == 0 ? &g->pending
                        : strcmp(g->field, "lag") == 0     ? &g->lag
                                                           : NULL;

    if (number && item->type == REPLY_INTEGER) {
        *number = item->integer;
    } else if (strcmp(g->field, "last-delivered-id") == 0 && item->type == REPLY_STRING) {
        id_parse(item->bytes, item->len, &g->last);
    } else if (strcmp(g->field, "name") == 0 && item->type == REPLY_STRING) {
        buf_clear(&g->name);
        buf_add(&g->name, item->bytes, item->len);
        buf_add(&g->name, "", 1);
    }
    if (item->index + 1 == item->siblings)
        print_group(g);
}

/* The name of the value that comes next. */
static void on_field(struct groups *g, const struct reply_item *item)
{
    size_t n = item->len < sizeof g->field ? item->len : sizeof g->field - 1;

    if (n > 0)
        memcpy(g->field, item->bytes, n);
    g->field[n] = 0;
}

/* Skips rooms that we may not read, and those that were deleted. */
static void item(void *request, const struct reply_item *it)
{
    struct groups *g = groups_of(request);

    if (it->type == REPLY_ERROR && !reply_is_error(it, "ERR no such key")
        && !reply_is_error(it, "NOPERM"))
        reply_refusal(&g->request.problem, it, room_at(g, 0)->name);
    else if (it->depth < 2 && it->type != REPLY_ARRAY && it->type != REPLY_ERROR)
        reply_reject(&g->request.problem, room_at(g, 0)->name);
    else if (it->depth == 1)
        begin_group(g);
    else if (it->depth == 2 && it->index % 2 == 0)
        on_field(g, it);
    else if (it->depth == 2)
        on_value(g, it);
}

/* All rows of a room have come: print them, and do not ask about it again. */
static void replied(struct request *r)
{
    struct groups *g = groups_of(r);

    if (r->problem.code != EXIT_DONE)
        return;
    out_commit(&g->t->print.out);
    g->next++;
}

static void broken(struct request *r)
{
    out_rollback(&groups_of(r)->t->print.out);
}

int tail_groups(struct tail *t, struct err *e)
{
    static const struct request_kind kind = {ask, item, replied, NULL, broken};
    struct groups g = {.request = {.kind = &kind}, .t = t};
    int done = 1;

    while (g.next < t->rooms.n && (done == 1 || done == SESSION_BROKEN))
        done = tail_call_about(t, room_at(&g, 0), &g.request, e);
    buf_free(&g.name);
    return done;
}
