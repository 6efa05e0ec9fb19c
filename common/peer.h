/*
 * Whom a session talks to: the server, or the node of a Redis Cluster that serves its hash slot;
 * and the link to it. Redirects, and what the cluster says of its slots, change both.
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

/* A link that is kept for later, and where it leads. */
struct kept_link {
    struct endpoint at;
    struct link *link;
};

struct kept_link_list LIST(struct kept_link);

/* Zero it and set the first two; release with peer_free(). */
struct peer {
    struct route *route;
    int slot; /* of the key that is asked about; -1: any */

    /* To be read by others. */
    struct endpoint at; /* where the link leads, or will */
    struct link *link;  /* NULL: none */
    bool asking;        /* an ASK has led there (Redis Cluster specification) */

    /*
     * May be set: links to other nodes are kept for later when the peer changes, and whoever sends
     * commands says ASKING too while `asking`. Otherwise the link says it.
     */
    bool keeps_links;

    /* Private. */
    struct kept_link_list kept; /* links to other nodes */
    struct route_slots slots;
    unsigned hops; /* redirects since peer_succeeded() */
    size_t turn;   /* the node to try when it is not known which one serves the slot */
};

/* Set `at` to the slot's node; or to each known node in turn, if that one is not known, or failed:
 * another has taken over then, or knows which one has. There must be no link. */
void peer_choose(struct peer *p, bool failed);

/* Begin to connect to `at`, which must be done by `due`. Fails as link_open() does. */
int peer_connect(struct peer *p, int64_t due, struct err *e);

/* Close the link, if there is one. */
void peer_close(struct peer *p);

/*
 * Change to the slot's node, if that is known to be another one, or if only an ASK led here; no
 * reply may be due. Returns whether it did; there may be no link then, until peer_connect().
 */
bool peer_follow_slot(struct peer *p);

/*
 * Change to the node that an error of the kind ERR_MOVED or ERR_ASK names; all replies must have
 * come. Returns 1, as above; -1 when it did, and redirects seem to go round in a circle; 0 when the
 * error names none.
 */
int peer_redirect(struct peer *p, const struct err *error);

/* What was asked of the peer was answered: redirects from here on are counted from 0. */
void peer_succeeded(struct peer *p);

/* Ask the node, which has just been logged in to, which ones serve which slots. */
void peer_ask_slots(struct peer *p);

/* Take its answer, and follow the slot. Returns 1 when it has come, 0 when more must come first, -1
 * as link_reply() does. */
int peer_take_slots(struct peer *p, struct err *e);

/* Close all links, and release. */
void peer_free(struct peer *p);

#endif
