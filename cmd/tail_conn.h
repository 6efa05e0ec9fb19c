/*
 * Connections that are served side by side. Each sends one request after the other, which its
 * source chooses.
 */
#ifndef CMD_TAIL_CONN_H
#define CMD_TAIL_CONN_H

#include "cmd/tail_state.h"
#include "cmd/tail_wait.h"

/* How long to pause before asking again if the server answered too early that nothing came. */
enum { TAIL_EMPTY_PAUSE_MS = 100 };

struct tail_conn;

struct tail_source {
    /* Returns the next request. NULL: there is none before `wake`, or none at all if `over`. */
    struct request *(*next)(struct tail_conn *c);
    /* The connection died, or the server refused the request temporarily. May be NULL. */
    void (*broken)(struct tail_conn *c);
    /* Release the struct that the connection is part of. */
    void (*close)(struct tail_conn *c);
};

/* The first member of a struct that holds the rest. Zero it and set the source. */
struct tail_conn {
    const struct tail_source *source;
    struct session *session; /* owned */
    struct request *asked;   /* not answered yet; or NULL */
    int64_t wake;            /* wait_now() of when to ask `next` again; WAIT_FOREVER: never */
    bool reads;              /* it reads rooms, and can be given more: */
    struct tail_room_list rooms;
    bool over;   /* it has nothing more to do */
    bool unused; /* it is to be closed and released */
    bool extra;  /* the others do not wait for it to be over */
};

struct tail_conn_list LIST(struct tail_conn *);

/* Set up by tail_conns_start(), released by tail_conns_free(). */
struct tail_conns {
    struct tail *t;
    struct tail_conn_list all; /* owned */
    int64_t deadline;          /* wait_now() of when to stop serving them; 0: never */

    /* Private. */
    struct tail_conn **by_slot; /* in a cluster: those that read, or NULL */
    struct tail_waiter_list waiters;
};

/* Begin with no connections. In a cluster, each hash slot that has rooms gets one, so the session
 * of the earlier phases is closed, unless --dead needs it. */
void tail_conns_start(struct tail_conns *cs, struct tail *t);

/* Whether another connection may be opened; raises the limit on open files if it has to. False with
 * EXIT_FAILED: the limit is too low. */
bool tail_conns_may_add(const struct tail_conns *cs, struct err *e);

/* Add a connection, which is opened when it is served: in a cluster, to the node of `slot`.
 * Elsewhere the first one that reads takes over the session of the earlier phases. */
void tail_conns_add(struct tail_conns *cs, struct tail_conn *c, int slot);

/* The connection to read the room on: in a cluster, that of its slot; elsewhere, the one with the
 * fewest rooms. NULL: there is none, or all have so many rooms that another should be added. */
struct tail_conn *tail_conns_for(const struct tail_conns *cs, const struct tail_room *room);

/* Serve them until all are over, `print.stop` is set, or the deadline has passed. Returns 0, or -1
 * as tail_wait(). */
int tail_conns_run(struct tail_conns *cs, struct err *e);

/* Drop the current request and reconnect, because there is more to ask for now. */
void tail_conn_interrupt(struct tail_conn *c);

void tail_conns_free(struct tail_conns *cs);

#endif
