/*
 * The server that a session uses, and the link to it. In a Redis Cluster that is the node which
 * serves the session's hash slot; redirects and the cluster's list of slots change it.
 */
#ifndef COMMON_PEER_H
#define COMMON_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/link.h"
#include "common/list.h"
#include "common/route.h"
#include "common/uri.h"

/* A link that is kept for later use. */
struct kept_link {
    struct endpoint at;
    struct link *link;
};

struct kept_link_list LIST(struct kept_link);

/* Zero it and set the first two; release with peer_free(). */
struct peer {
    struct route *route;
    int slot; /* of the keys that commands are about; -1: any */

    /* May be read by others. */
    struct endpoint at; /* where the link leads, or will lead */
    struct link *link;  /* NULL: none */
    bool asking;        /* an ASK redirect led there (Redis Cluster specification) */

    /*
     * May be set to keep links to other nodes when the peer changes. The caller must then send
     * ASKING itself while `asking`; otherwise the link does.
     */
    bool keeps_links;

    /* Private. */
    struct kept_link_list kept; /* links to other nodes */
    struct route_slots slots;
    unsigned hops; /* redirects since peer_succeeded() */
    size_t turn;   /* the node to try if it is not known which one serves the slot */
};

/* Set `at` to the slot's node. If that is not known, or has `failed`, use each known node in turn:
 * one of them has taken over, or knows which one has. There must be no link. */
void peer_choose(struct peer *p, bool failed);

/* Begin to connect to `at`, which must be done by `due`. Fails as link_open() does. */
int peer_connect(struct peer *p, int64_t due, struct err *e);

/* Close the link, if there is one. */
void peer_close(struct peer *p);

/*
 * Change to the slot's node if that is known to be another one, or if an ASK led here. No reply may
 * be due. Returns whether it changed; there may be no link then, until peer_connect().
 */
bool peer_follow_slot(struct peer *p);

/*
 * Change to the node that an error of the kind ERR_MOVED or ERR_ASK names. No reply may be due.
 * Returns 1 if it changed; -1 if it changed, but redirects seem to run in a circle; 0 if the error
 * is not a redirect.
 */
int peer_redirect(struct peer *p, const struct err *error);

/* The peer did what it was asked: begin again to count redirects. */
void peer_succeeded(struct peer *p);

/* Ask the node which nodes serve which slots. It must have just logged in. */
void peer_ask_slots(struct peer *p);

/* Take its reply, and follow the slot. Returns 1 when it is complete, 0 when more must come first,
 * -1 as link_reply() does. */
int peer_take_slots(struct peer *p, struct err *e);

/* Close all links, and release. */
void peer_free(struct peer *p);

#endif
