/*
 * Connections that are served side by side: each asks the server one request after the other, and
 * what it asks next is its source's to say.
 */
#ifndef CMD_TAIL_CONN_H
#define CMD_TAIL_CONN_H

#include "cmd/tail.h"
#include "cmd/tail_wait.h"

/* How long to pause before asking again if the server answered too early that nothing came. */
enum { TAIL_EMPTY_PAUSE_MS = 100 };

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
    struct tail_room_list rooms;
    bool over;   /* it has nothing more to do */
    bool unused; /* it is to be closed, and released */
    bool extra;  /* the others do not wait for it to be over */
};

struct tail_conn_list LIST(struct tail_conn *);

/* Some of them. tail_conns_start(); tail_conns_free(). */
struct tail_conns {
    struct tail *t;
    struct tail_conn_list all; /* owned */
    int64_t deadline;          /* wait_now() of when all must be over; 0: never */

    /* Private. */
    struct tail_conn **by_slot; /* in a cluster: those that read */
    struct tail_waiter_list waiters;
};

/* None yet. In a cluster, where each hash slot that has rooms gets one, the session of the phases
 * before is closed, unless --dead adds to its room over it. */
void tail_conns_start(struct tail_conns *cs, struct tail *t);

/*
 * Whether another connection may be opened. The limit on open files is raised as far as it may be;
 * if that is not enough, false, with EXIT_FAILED.
 */
bool tail_conns_may_add(const struct tail_conns *cs, struct err *e);

/* Add a connection that is going to be opened: in a cluster, to the node of this slot. Elsewhere
 * the first one that reads is the session of the phases before. */
void tail_conns_add(struct tail_conns *cs, struct tail_conn *c, int slot);

/* The connection to read the room over: in a cluster, that of its slot; elsewhere, the one that has
 * fewest. NULL: there is none, or each has so many rooms that another one should be added. */
struct tail_conn *tail_conns_for(const struct tail_conns *cs, const struct tail_room *room);

/* Serve them until all are over, or `print.stop` is set. -1 as tail_wait(). */
int tail_conns_run(struct tail_conns *cs, struct err *e);

/* Give up what was asked, and connect again: there is more to ask for than there was. */
void tail_conn_interrupt(struct tail_conn *c);

void tail_conns_free(struct tail_conns *cs);

#endif
