/* SCAN: finding the rooms of -m and -l, in bounded steps. */
#ifndef CMD_TAIL_SCAN_H
#define CMD_TAIL_SCAN_H

#include "cmd/tail_state.h"

/* A search on one server. Call tail_scan_start(), then set `found` and `context`. */
struct tail_scan {
    struct request request; /* takes a step */
    /* Called for each room that was not known; or NULL. */
    void (*found)(struct tail_scan *s, struct tail_room *room);
    void *context;
    int slot;       /* of the server, in a cluster; -1: the only one */
    unsigned round; /* searches through all keys that are complete */
    int64_t took;   /* ms that the server spent on the last step */

    /* Private. */
    struct tail *t;
    size_t pattern;   /* the glob of -m that is searched for */
    char next[24];    /* the server's cursor; empty: at the beginning */
    int64_t asked_at; /* wait_now() of when the server begins the step */
};

/* Search the server of a hash slot; -1: the only server. */
void tail_scan_start(struct tail_scan *s, struct tail *t, int slot);

/* Find all rooms that there are now. Returns as tail_call(). */
int tail_scan_all(struct tail *t, struct err *e);

struct tail_slot_list LIST(int);

/* Add a hash slot of each master of the cluster that none of `slots` belongs to. Without a cluster,
 * add -1 if the list is empty. */
void tail_scan_masters(const struct tail *t, struct tail_slot_list *slots);

#endif
