#include "common/peer.h"

#include <poll.h>

/* How many redirects are followed without a pause: more are taken for a circle. */
enum { MOST_HOPS = 5 };

/* Take the kept link to `at`. NULL if there is none, or the server has closed it. */
static struct link *take_kept(struct peer *p)
{
    struct link *link;
    struct err why;
    size_t i = 0;

    while (i < p->kept.n && !route_same(&p->kept.at[i].at, &p->at))
        i++;
    if (i == p->kept.n)
        return NULL;
    link = p->kept.at[i].link;
    p->kept.at[i] = p->kept.at[--p->kept.n];
    if (link_serve(link, POLLIN, &why) == 0 && link_up(link))
        return link;
    link_close(link);
    return NULL;
}

/* Keep the link for later, or close it. */
static void put_aside(struct peer *p)
{
    struct kept_link kept = {p->at, p->link};

    if (p->keeps_links && p->link && link_up(p->link))
        list_add(&p->kept, kept);
    else
        link_close(p->link);
    p->link = NULL;
}

static void change(struct peer *p, const struct endpoint *to, bool asking)
{
    put_aside(p);
    p->at = *to;
    p->asking = asking;
    p->link = take_kept(p);
}

void peer_choose(struct peer *p, bool failed)
{
    const struct endpoint *owner = failed ? NULL : route_owner(p->route, p->slot);

    p->at = owner ? *owner : *route_node(p->route, p->turn++ % p->route->nodes.n);
    p->asking = false;
}

int peer_connect(struct peer *p, int64_t due, struct err *e)
{
    p->link = link_open(&p->at, &p->route->login, due, e);
    if (p->link && p->asking && !p->keeps_links)
        link_set_asking(p->link);
    return p->link ? 0 : -1;
}

void peer_close(struct peer *p)
{
    link_close(p->link);
    p->link = NULL;
}

bool peer_follow_slot(struct peer *p)
{
    const struct endpoint *owner = route_owner(p->route, p->slot);

    if (owner == NULL || (route_same(owner, &p->at) && !p->asking))
        return false;
    change(p, owner, false);
    return true;
}

int peer_redirect(struct peer *p, const struct err *error)
{
    struct endpoint to;

    if (error->kind != ERR_MOVED && error->kind != ERR_ASK)
        return 0;
    if (!route_redirect(p->route, error->text, &p->at, &to))
        return 0;
    p->route->cluster = true;
    change(p, &to, error->kind == ERR_ASK);
    return ++p->hops <= MOST_HOPS ? 1 : -1;
}

void peer_succeeded(struct peer *p)
{
    p->hops = 0;
}

void peer_ask_slots(struct peer *p)
{
    p->route->cluster = true;
    p->slots = (struct route_slots){.route = p->route, .from = p->at};
    link_command(p->link, "CLUSTER SLOTS");
}

int peer_take_slots(struct peer *p, struct err *e)
{
    int done = link_reply(p->link, route_slots_item, &p->slots, e);

    /* If the node refuses to tell, redirects will lead to the right ones. */
    if (done == 1 && !p->asking && p->hops < MOST_HOPS)
        p->hops += peer_follow_slot(p);
    return done;
}

void peer_free(struct peer *p)
{
    for (size_t i = 0; i < p->kept.n; i++)
        link_close(p->kept.at[i].link);
    list_free(&p->kept);
    link_close(p->link);
}
