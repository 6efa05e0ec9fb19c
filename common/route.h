/*
 * Which servers there are, and which of them to turn to: the one that was named, or the master that
 * Sentinels name, or the node of a Redis Cluster that serves a key's hash slot. All sessions of a
 * program share one route, and what one of them learns about a cluster the others know.
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
    struct route_node_list nodes; /* the server, the Sentinels, or the cluster's nodes so far */
    bool cluster;                 /* some server has said that it belongs to one */
    unsigned learnt;              /* how often an owner has changed */
    unsigned short owners[ROUTE_SLOTS]; /* the place of a slot's master in `nodes`, from 1 */
};

/* Begin with what the URI says; its strings must outlive it, and the route takes over `tls`. */
void route_open(struct route *r, const struct uri *address, const char *name, struct tls *tls);
void route_free(struct route *r);

/* The node at a place, from 0; it stays in memory as long as the route does. */
const struct endpoint *route_node(const struct route *r, size_t place);

/* What the sessions share that lost the node there, or one that only the Sentinels know. */
struct node_outage *route_outage(const struct route *r, const struct endpoint *at);

/* The hash slot of a key (Redis Cluster specification, "Key distribution model"). */
int route_slot(const char *key, size_t n);

/* The part of a key that decides on its slot: between the first `{` and the first `}` behind it,
 * if that is not empty, else all ("Hash tags"). `*n` becomes its length. */
const char *route_hashed(const char *key, size_t *n);

/* The master of a slot, as far as it is known; else NULL. */
const struct endpoint *route_owner(const struct route *r, int slot);

/*
 * Learn from an error's text, which ends in `MOVED slot host:port` or `ASK slot host:port` and came
 * from `from`, where to go; an empty host is the same one. False if it says something else.
 */
bool route_redirect(
    struct route *r, const char *text, const struct endpoint *from, struct endpoint *to);

/* What a server says of the cluster's slots (CLUSTER SLOTS), as it comes. Set the first two. */
struct route_slots {
    struct route *route;  /* that learns it */
    struct endpoint from; /* the server: a node without a host is there */

    /* Private: the range of slots at hand, and the node in it. */
    size_t first, last, place;
    struct endpoint node;
};

/* The sink for the reply; its context is the struct. */
void route_slots_item(void *slots, const struct reply_item *item);

/* Whether both are the same host, spelled the same, and port. */
bool route_same(const struct endpoint *a, const struct endpoint *b);

#endif
