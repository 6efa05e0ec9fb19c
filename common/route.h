/*
 * The known servers, and which of them to use: the one that the user named, the master that
 * Sentinels name, or the node of a Redis Cluster that serves a key's hash slot. All sessions of a
 * program share one route, so what one of them learns about a cluster helps the others.
 */
#ifndef COMMON_ROUTE_H
#define COMMON_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/link.h"
#include "common/list.h"
#include "common/outage.h"
#include "common/reply.h"
#include "common/uri.h"

enum { ROUTE_SLOTS = 16384 };

struct route_node; /* private */
struct route_node_list LIST(struct route_node *);

struct route {
    struct login login;
    const char *master;           /* NULL: no Sentinels */
    struct route_node_list nodes; /* the server, the Sentinels, or the cluster's known nodes */
    bool cluster;                 /* a server has said that it belongs to a cluster */
    unsigned learnt;              /* how often an owner has changed */
    unsigned short owners[ROUTE_SLOTS]; /* the place of a slot's master in `nodes`, from 1 */
};

/* Begin with the servers of an address, whose strings must outlive the route. `name` is the
 * client's name; the route takes over `tls`, which may be NULL. */
void route_open(struct route *r, const struct uri *address, const char *name, struct tls *tls);
void route_free(struct route *r);

/* The node at a place, from 0. The pointer is valid as long as the route is. */
const struct endpoint *route_node(const struct route *r, size_t place);

/* The outage of a node, for all sessions. A node that only the Sentinels know has the first one's.
 */
struct node_outage *route_outage(const struct route *r, const struct endpoint *at);

/* The hash slot of a key (Redis Cluster specification, "Key distribution model"). */
int route_slot(const char *key, size_t n);

/* The part of a key that is hashed: what stands between the first `{` and the next `}`, unless that
 * is empty, else all of it ("Hash tags"). `*n` is the key's length, and becomes the part's. */
const char *route_hashed(const char *key, size_t *n);

/* The master of a slot, or NULL if it is not known. */
const struct endpoint *route_owner(const struct route *r, int slot);

/*
 * Parse a redirect: an error's text that ends in `MOVED slot host:port` or `ASK slot host:port`.
 * Sets `*to`; an empty host means that of `from`, the server that sent it. Remembers the owner for
 * MOVED. Returns false if the text is not a redirect.
 */
bool route_redirect(
    struct route *r, const char *text, const struct endpoint *from, struct endpoint *to);

/* Reads the reply to CLUSTER SLOTS. Zero it and set the first two. */
struct route_slots {
    struct route *route;  /* which learns the owners */
    struct endpoint from; /* the server that replies: nodes without a host have this one */

    /* Private: the current range of slots, and the current node in it. */
    size_t first, last, place;
    struct endpoint node;
};

/* The sink for the reply; its context is the struct. */
void route_slots_item(void *slots, const struct reply_item *item);

/* Whether both have the same port and the same host, spelled the same way. */
bool route_same(const struct endpoint *a, const struct endpoint *b);

#endif
