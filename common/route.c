#include "common/route.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"

struct route_node {
    struct endpoint at;
    struct node_outage outage;
};

bool route_same(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

const struct endpoint *route_node(const struct route *r, size_t place)
{
    return &r->nodes.at[place]->at;
}

/* The place of a node, from 0; r->nodes.n if it is not known. */
static size_t place_of(const struct route *r, const struct endpoint *at)
{
    size_t i = 0;

    while (i < r->nodes.n && !route_same(route_node(r, i), at))
        i++;
    return i;
}

/* The place of a node, from 1; it is added if it is new. 0 if there are too many already. */
static size_t find(struct route *r, const struct endpoint *at)
{
    enum { MOST_NODES = 4096 }; /* a cluster has up to 1000, some of which may be replaced */
    size_t place = place_of(r, at);

    if (place == MOST_NODES)
        return 0;
    if (place == r->nodes.n) {
        struct route_node *node = buf_zeroed(1, sizeof *node);

        node->at = *at;
        list_add(&r->nodes, node);
    }
    return place + 1;
}

struct node_outage *route_outage(const struct route *r, const struct endpoint *at)
{
    size_t place = place_of(r, at);

    return &r->nodes.at[place < r->nodes.n ? place : 0]->outage;
}

static void set_owner(struct route *r, size_t slot, size_t place)
{
    r->learnt += r->owners[slot] != place;
    r->owners[slot] = (unsigned short)place;
}

void route_open(struct route *r, const struct uri *address, const char *name, struct tls *tls)
{
    enum { SENTINEL_PORT = 26379 };
    const char *list = address->sentinels;
    struct endpoint node = {.port = address->socket ? 0 : address->port};

    *r = (struct route){
        .login = {name, address->user, address->password, address->db, tls},
        .master = address->master,
    };
    while (list && uri_next_endpoint(&list, SENTINEL_PORT, &node))
        find(r, &node);
    if (list)
        return;
    strncpy(node.host, address->socket ? address->socket : address->host, sizeof node.host - 1);
    find(r, &node);
}

void route_free(struct route *r)
{
    for (size_t i = 0; i < r->nodes.n; i++)
        free(r->nodes.at[i]);
    tls_close(r->login.tls);
    list_free(&r->nodes);
}

const char *route_hashed(const char *key, size_t *n)
{
    const char *open = *n ? memchr(key, '{', *n) : NULL, *close = NULL;

    if (open)
        close = memchr(open + 1, '}', *n - (size_t)(open + 1 - key));
    if (close == NULL || close == open + 1)
        return key;
    *n = (size_t)(close - open - 1);
    return open + 1;
}

/* CRC16 (XMODEM) modulo the number of slots. */
int route_slot(const char *key, size_t n)
{
    unsigned crc = 0;

    key = route_hashed(key, &n);
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned)(unsigned char)key[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
        crc &= 0xffff;
    }
    return (int)(crc % ROUTE_SLOTS);
}

const struct endpoint *route_owner(const struct route *r, int slot)
{
    size_t owner = slot < 0 ? 0 : r->owners[slot];

    return owner ? route_node(r, owner - 1) : NULL;
}

bool route_redirect(
    struct route *r, const char *text, const struct endpoint *from, struct endpoint *to)
{
    const char *where = strrchr(text, ' '), *slot = where, *colon;
    uint64_t number, port;

    if (where == NULL || (colon = strrchr(where, ':')) == NULL)
        return false;
    while (slot > text && slot[-1] != ' ')
        slot--;
    if (id_number(slot, (size_t)(where - slot), &number) < 0 || number >= ROUTE_SLOTS
        || id_number(colon + 1, strlen(colon + 1), &port) < 0 || port < 1 || port > 65535)
        return false;
    *to = *from;
    where++;
    if (colon > where && !uri_set_host(to, where, (size_t)(colon - where)))
        return false;
    to->port = (int)port;
    if ((size_t)(slot - text) >= 6 && strncmp(slot - 6, "MOVED ", 6) == 0)
        set_owner(r, (size_t)number, find(r, to));
    return true;
}

/* The host of a node. If it is nil or empty, it is the server's own. */
static void on_host(struct route_slots *s, const struct reply_item *item)
{
    s->node = s->from;
    if (item->type == REPLY_STRING)
        uri_set_host(&s->node, item->bytes, item->len);
}

/* The port of a node, after its host. The first node of a range is the master. Port 0 is refused:
 * it would mean a unix socket. */
static void on_port(struct route_slots *s, const struct reply_item *item)
{
    enum { MASTER = 2 };
    size_t place;

    if (item->integer < 1 || item->integer > 65535)
        return;
    s->node.port = (int)item->integer;
    place = find(s->route, &s->node);
    if (place == 0)
        return;
    for (size_t slot = s->first; s->place == MASTER && slot <= s->last && slot < ROUTE_SLOTS;
         slot++)
        set_owner(s->route, slot, place);
}

/* An array of ranges: [first, last, master, replica ...], each node [host, port, ...]. */
void route_slots_item(void *slots, const struct reply_item *item)
{
    struct route_slots *s = slots;

    if (item->depth == 2 && item->index < 2 && item->type == REPLY_INTEGER)
        *(item->index == 0 ? &s->first : &s->last) = (size_t)item->integer;
    else if (item->depth == 2)
        s->place = item->index;
    else if (item->depth == 3 && item->index == 0)
        on_host(s, item);
    else if (item->depth == 3 && item->index == 1 && item->type == REPLY_INTEGER)
        on_port(s, item);
}
