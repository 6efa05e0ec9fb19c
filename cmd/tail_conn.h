/*
 * Connections that are served side by side: each asks the server one request after the other, and
 * what it asks next is its source's to say.
 */
#ifndef CMD_TAIL_CONN_H
#define CMD_TAIL_CONN_H

#include "cmd/tail.h"

struct tail_conn;

struct tail_source {
    /* What to ask next. NULL: nothing before `wake`, or nothing more if `over`. */
    struct request *(*next)(struct tail_conn *c);
    /* The connection died, or the server refused for a while; or NULL. */
    void (*broken)(struct tail_conn *c);
    /* Release what holds it. */
    void (*close)(struct tail_conn *c);
};

/* The first member of a struct that knows the rest. Set the source. */
struct tail_conn {
    const struct tail_source *source;
    struct session *session; /* owned */
    struct request *asked;   /* and not answered; NULL: nothing is */
    int64_t wake;            /* wait_now() of when to ask `next` again; WAIT_FOREVER: never */
    bool reads;              /* rooms, which it may be given more of: */
    struct buf rooms;        /* struct tail_room * */
    bool over;               /* it has nothing more to do */
    bool unused;             /* it is to be closed, and released */
    bool extra;              /* the others do not wait for it to be over */
};

/* Some of them. Zero it; tail_conns_free(). */
struct tail_conns {
    struct tail *t;
    struct tail_conn **all; /* owned */
    size_t n;
    int64_t deadline; /* wait_now() of when all must be over; 0: never */

    /* Private. */
    struct buf waiters;
};

/*
 * Whether another connection may be opened. The limit on open files is raised as far as it may be;
 * if that is not enough, false, with EXIT_FAILED.
 */
bool tail_conns_may_add(const struct tail_conns *cs, struct err *e);

/* Add a connection that is going to be opened: in a cluster, to the node of this slot. */
void tail_conns_add(struct tail_conns *cs, struct tail_conn *c, int slot);

/* The rooms that a connection reads. */
struct tail_room **tail_conn_rooms(const struct tail_conn *c, size_t *n);

/* Of the connections that read rooms, the one that has fewest. NULL: there is none, or each has so
 * many that another one should be added. */
struct tail_conn *tail_conns_least_loaded(const struct tail_conns *cs);

/* Serve them until all are over, or `print.stop` is set. -1 as tail_wait(). */
int tail_conns_run(struct tail_conns *cs, struct err *e);

/* Give up what was asked, and connect again: there is more to ask for than there was. */
void tail_conn_interrupt(struct tail_conn *c);

void tail_conns_free(struct tail_conns *cs);

#endif
