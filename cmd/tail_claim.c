#include "cmd/tail_claim.h"

#include "cmd/tail_dead.h"
#include "common/wait.h"

/* How many entries one request claims or lists at most. */
enum { STEP = 100 };

static struct tail_claim *claim_of(void *request)
{
    return request;
}

static const struct tail_settings *settings(const struct tail_claim *c)
{
    return c->take->giving->set;
}

/* The group was deleted: the next read shows that. */
static bool is_no_group(const struct reply_item *item)
{
    return item->depth == 0 && reply_is_error(item, "NOGROUP");
}

/* The reply to XAUTOCLAIM has three parts: the ID to continue from, the entries, and the IDs of
 * deleted ones, which are no longer pending. */
static void ask_any(struct request *r, struct link *link)
{
    struct tail_claim *c = claim_of(r);
    char from[ID_TEXT];

    id_print(from, c->room->share->claim_from);
    tail_take_expect(c->take, ENTRY_XAUTOCLAIM, c->room);
    c->take->asked = wait_now();
    c->take->recovers = false;
    link_command(link, "XAUTOCLAIM %b %s %s %llu %s COUNT %llu", c->room->name, c->room->len,
        settings(c)->group, settings(c)->consumer, (unsigned long long)settings(c)->claim, from,
        (unsigned long long)c->most);
    r->n = 1;
}

static void any_item(void *request, const struct reply_item *item)
{
    struct tail_claim *c = claim_of(request);
    struct tail_share *share = c->room->share;

    if (item->depth == 1)
        c->part = item->index;
    if (is_no_group(item))
        share->claimable = false;
    else if (item->depth == 1 && item->index == 0
             && (item->type != REPLY_STRING
                 || id_parse(item->bytes, item->len, &share->claim_from) < 0))
        reply_reject(&c->request.problem, c->room->name);
    else if (item->depth == 0 || c->part == 1)
        tail_take_item(c->take, item, &c->request.problem);
    else if (c->part == 2 && item->depth == 2)
        share->deleted++;
}

static void took_any(struct request *r)
{
    struct tail_share *share = claim_of(r)->room->share;

    share->claimable = share->claimable && id_compare(share->claim_from, ID_LEAST) > 0;
}

static void broken(struct request *r)
{
    struct tail_claim *c = claim_of(r);

    tail_take_void(c->take);
    c->take->dead = NULL;
    c->listed.n = 0;
}

static const struct request_kind any = {ask_any, any_item, NULL, took_any, broken};

struct request *tail_claim_any(struct tail_claim *c, struct tail_room *room, uint64_t most)
{
    c->most = most < STEP ? most : STEP;
    c->request.kind = &any;
    c->room = room;
    return &c->request;
}

static void ask_list(struct request *r, struct link *link)
{
    const struct tail_claim *c = claim_of(r);
    const struct tail_room *room = c->room;
    const struct tail_settings *set = settings(c);
    char from[ID_TEXT];

    id_print(from, c->recovers ? room->share->recover_from : room->share->claim_from);
    if (c->recovers)
        link_command(link, "XPENDING %b %s (%s + %llu %s", room->name, room->len, set->group, from,
            (unsigned long long)c->most, set->consumer);
    else
        link_command(link, "XPENDING %b %s IDLE %llu (%s + %llu", room->name, room->len, set->group,
            (unsigned long long)set->claim, from, (unsigned long long)c->most);
    r->n = 1;
}

static void list_item(void *request, const struct reply_item *item)
{
    struct tail_claim *c = claim_of(request);
    struct tail_pending *last;

    if (item->type == REPLY_ERROR && !is_no_group(item))
        reply_refusal(&c->request.problem, item, c->room->name);
    else if (item->depth < 2 && item->type != REPLY_ARRAY && item->type != REPLY_ERROR)
        reply_reject(&c->request.problem, c->room->name);
    if (item->depth == 1)
        list_add(&c->listed, (struct tail_pending){0});
    if (item->depth != 2)
        return;
    last = &c->listed.at[c->listed.n - 1];
    if (item->index == 0
        && (item->type != REPLY_STRING || id_parse(item->bytes, item->len, &last->id) < 0))
        reply_reject(&c->request.problem, c->room->name);
    if (item->index == 2 && item->integer > 0)
        last->idle = (uint64_t)item->integer;
    if (item->index == 3 && item->integer > 0)
        last->count = (uint64_t)item->integer;
}

/* Whether an entry that is pending for us did not arrive: it was neither handed back, which makes
 * its idle time long, nor is it being moved to --dead. */
static bool is_lost_delivery(const struct tail_claim *c, const struct tail_pending *l)
{
    return l->idle < settings(c)->claim && !(c->dead && tail_dead_has(c->dead, c->room, l->id));
}

/* Keep what is to be claimed: not the entries that we were given and that are in progress. */
static void took_list(struct request *r)
{
    struct tail_claim *c = claim_of(r);
    struct tail_share *share = c->room->share;
    struct tail_pending *all = c->listed.at;
    size_t n = c->listed.n, kept = 0;

    if (c->recovers)
        share->recovers = n == c->most;
    else
        share->claimable = n == c->most;
    if (n > 0)
        *(c->recovers ? &share->recover_from : &share->claim_from) = all[n - 1].id;
    for (size_t i = 0; i < n; i++)
        if (!tail_share_has_given(share, all[i].id)
            && (!c->recovers || is_lost_delivery(c, &all[i])))
            all[kept++] = all[i];
    c->listed.n = kept;
}

static const struct request_kind listing = {ask_list, list_item, NULL, took_list, broken};

struct request *tail_claim_list(
    struct tail_claim *c, struct tail_room *room, bool recovers, uint64_t most)
{
    c->request.kind = &listing;
    c->room = room;
    c->recovers = recovers;
    c->most = most < STEP ? most : STEP;
    if (recovers)
        c->most += room->share->n_given;
    c->listed.n = 0;
    return &c->request;
}

static void ask_pending(const struct tail_claim *c, struct link *link, const char *id)
{
    link_command(
        link, "XPENDING %b %s %s %s 1", c->room->name, c->room->len, settings(c)->group, id, id);
}

/*
 * XCLAIM, with the number of deliveries, which does not count one that did not arrive; and XPENDING
 * before and after it, which tell why XCLAIM may bring no entry. Pending before and not after: the
 * entry was deleted, and XCLAIM has removed it. Still pending: another reader claimed it first. Not
 * pending before: it was acknowledged since it was listed.
 */
static void ask_listed(struct request *r, struct link *link)
{
    const struct tail_claim *c = claim_of(r);
    const struct tail_room *room = c->room;
    const struct tail_pending *all = c->listed.at;
    const size_t n = c->listed.n;
    char id[ID_TEXT];

    c->take->asked = wait_now();
    c->take->recovers = c->recovers;
    for (size_t i = 0; i < n; i++) {
        id_print(id, all[i].id);
        ask_pending(c, link, id);
        link_command(link, "XCLAIM %b %s %s %llu %s RETRYCOUNT %llu", room->name, room->len,
            settings(c)->group, settings(c)->consumer,
            (unsigned long long)(c->recovers ? all[i].idle : settings(c)->claim), id,
            (unsigned long long)all[i].count + !c->recovers);
        ask_pending(c, link, id);
    }
    r->n = 3 * n;
}

static bool is_dead(const struct tail_claim *c, const struct tail_pending *l)
{
    return c->dead && l->count + !c->recovers > (uint64_t)settings(c)->tries;
}

static void begin_entry(struct tail_claim *c, const struct tail_pending *l)
{
    tail_take_expect(c->take, ENTRY_XRANGE, c->room);
    c->take->count = l->count + !c->recovers;
    c->take->dead = is_dead(c, l) ? c->dead : NULL;
}

/* XPENDING, before XCLAIM or after it. */
static void pending_item(struct tail_claim *c, const struct reply_item *item, bool after)
{
    bool pending = item->integer > 0;

    if (item->type == REPLY_ERROR)
        reply_refusal(&c->request.problem, item, c->room->name);
    else if (item->depth == 0 && item->type != REPLY_ARRAY)
        reply_reject(&c->request.problem, c->room->name);
    else if (item->depth == 0 && after)
        c->room->share->deleted += c->pending && !pending && c->take->in.entries == 0;
    else if (item->depth == 0)
        c->pending = pending;
}

static void listed_item(void *request, const struct reply_item *item)
{
    struct tail_claim *c = claim_of(request);
    size_t at = c->request.at;

    if (is_no_group(item))
        return;
    if (at % 3 != 1) {
        pending_item(c, item, at % 3 == 2);
        return;
    }
    if (item->depth == 0)
        begin_entry(c, &c->listed.at[at / 3]);
    tail_take_item(c->take, item, &c->request.problem);
}

static void took_listed(struct request *r)
{
    struct tail_claim *c = claim_of(r);

    c->take->dead = NULL;
    c->listed.n = 0;
}

static const struct request_kind claiming = {ask_listed, listed_item, NULL, took_listed, broken};

struct request *tail_claim_listed(struct tail_claim *c)
{
    c->request.kind = &claiming;
    return c->listed.n > 0 ? &c->request : NULL;
}

void tail_claim_free(struct tail_claim *c)
{
    list_free(&c->listed);
}
