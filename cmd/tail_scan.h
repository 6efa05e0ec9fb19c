/* SCAN: finding the rooms of -m and -l, each of a server's keys visited, in bounded steps. */
#ifndef CMD_TAIL_SCAN_H
#define CMD_TAIL_SCAN_H

#include "cmd/tail.h"

/* A search through one server. Zero it and set the first three. */
struct tail_scan {
    struct tail *t;
    int slot; /* of the server, in a cluster; -1: the only one */
    /* A room that was not known, or NULL. */
    void (*found)(struct tail_scan *s, struct tail_room *room);
    void *context;

    /* Private but for the request, to be asked of the server: one step. */
    struct request request;
    size_t pattern; /* of -m */
    char next[24];  /* the server's word for where to go on; empty: at the beginning */
    unsigned round; /* complete ones */
    int64_t asked_at, took;
    /* the server's time for a step: when it begins, how long it is (ms) */
};

void tail_scan_start(struct tail_scan *s, struct tail *t, int slot);

/* Find all rooms that there are now. Returns as tail_call(). */
int tail_scan_all(struct tail *t, struct err *e);

struct tail_slot_list LIST(int);

/* Add a hash slot of each master of the cluster that has none among `slots`; -1, if they are empty,
 * for a server that is in no cluster. */
void tail_scan_masters(const struct tail *t, struct tail_slot_list *slots);

#endif
