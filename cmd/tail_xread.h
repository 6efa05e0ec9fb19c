/* XREAD of several rooms from their cursors on: prints what comes and moves the cursors. */
#ifndef CMD_TAIL_XREAD_H
#define CMD_TAIL_XREAD_H

#include "cmd/tail.h"
#include "cmd/tail_ahead.h"
#include "cmd/tail_clock.h"
#include "common/entry.h"

/* How large the next reply may be: in entries, from those that came. */
struct tail_batch {
    size_t entries; /* to ask for */
    size_t most;    /* no more than these, since a reply killed the connection; 0: no such bound */
    size_t fine;    /* replies that came well since */
    uint64_t distance; /* ms to the server */
    size_t bytes;      /* of a reply; 0: about 1 MiB */
};

/* Take the replies's size as the measure: about 1 MiB, and up to 8 MiB far away. */
void tail_batch_grow(struct tail_batch *b, const struct entry_decoder *came);

/* The connection died while a reply came that was asked for so many entries. */
void tail_batch_shrink(struct tail_batch *b, size_t asked);

/* Zero it; set `t`, `rooms` and `n`, and `block`, then tail_xread_start(); tail_xread_free(). */
struct tail_xread {
    struct request request;
    struct tail *t;
    const struct tail_room_list *rooms; /* in a cluster, all of one slot; */
    size_t n;          /* of these the first ones, as far as they are TAIL_ROOM_READ, are read */
    int64_t block;     /* ms that the server waits for something to come; or: not at all */
    uint64_t expected; /* entries that are in any of the rooms at most; 0: nobody knows */
    bool ahead;        /* one room, far away: read ahead of the answers */
    bool timed;        /* ask for the time before the read, too: */
    struct tail_clock clock;
    bool strict;             /* one of the rooms that cannot be read is an error, and not: */
    bool unreadable;         /* answered: one of the rooms cannot be read; nothing came */
    struct err why;          /* what the server said to that */
    size_t asked;            /* rooms */
    struct entry_decoder in; /* `entries` tells how many came */
    struct tail_batch batch;

    /* Private. */
    struct tail_entry open;
    struct tail_room *reading; /* the room whose entries come */
    size_t at;                 /* its place among all */
    size_t count;              /* entries asked for of each room */
    unsigned reply;            /* for `last_read` of the rooms */
    unsigned deaths;           /* of connections, since the last answer */
    struct tail_ahead guess;
    bool passed_over; /* the reply that comes is of no use */
    struct id first;  /* the first entry that came */
};

enum { TAIL_NO_WAIT = -1 };

void tail_xread_start(struct tail_xread *x, struct tail *t);
void tail_xread_free(struct tail_xread *x);

#endif
