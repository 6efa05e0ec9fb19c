/* XREAD of several rooms from their cursors on: prints what comes, and moves the cursors. */
#ifndef CMD_TAIL_XREAD_H
#define CMD_TAIL_XREAD_H

#include "cmd/tail_state.h"
#include "cmd/tail_ahead.h"
#include "cmd/tail_clock.h"
#include "common/entry.h"

/* How many entries to ask for, going by the size of those that came. */
struct tail_batch {
    size_t entries;    /* to ask for */
    size_t most;       /* no more than these, since a reply killed the connection; 0: no limit */
    size_t fine;       /* replies that came whole since */
    uint64_t distance; /* ms to the server and back */
    size_t bytes;      /* of a reply; 0: about 1 MiB */
};

/* Ask for as much as takes about `bytes`, and up to 8 times that if the server is far away. */
void tail_batch_grow(struct tail_batch *b, const struct entry_decoder *came);

/* The connection died while a reply came that was asked for `asked` entries. */
void tail_batch_shrink(struct tail_batch *b, size_t asked);

/* Zero it and call tail_xread_start(); set `rooms` to `strict` before each use; release it with
 * tail_xread_free(). */
struct tail_xread {
    struct request request;
    struct tail *t;
    const struct tail_room_list *rooms; /* in a cluster, all of one slot */
    size_t n;          /* read the first `n` of them, except those that are not TAIL_ROOM_READ */
    int64_t block;     /* ms that the server waits for new entries, or TAIL_NO_WAIT */
    uint64_t expected; /* entries that any of the rooms has at most; 0: unknown */
    bool ahead;        /* if there is one room, and it is far away: read ahead */
    bool timed;        /* ask for the server's time, too, before the read: */
    struct tail_clock clock;
    bool strict;             /* a room that cannot be read is an error; otherwise: */
    bool unreadable;         /* answered: a room cannot be read, and nothing came, */
    struct err why;          /* for this reason */
    size_t asked;            /* rooms that are read */
    struct entry_decoder in; /* answered: its `entries` came */
    struct tail_batch batch;

    /* Private. */
    struct tail_entry open;
    struct tail_room *reading; /* the room that the next entry is from */
    size_t at;                 /* its place among `rooms` */
    size_t count;              /* entries asked for of each room */
    unsigned reply;            /* the number of this read, for `last_read` of the rooms */
    unsigned deaths;           /* of connections, since the last answer */
    struct tail_ahead guess;
    bool gap;        /* the reply leaves a gap: drop what it brings */
    struct id first; /* the first entry that came */
};

enum { TAIL_NO_WAIT = -1 };

void tail_xread_start(struct tail_xread *x, struct tail *t);
void tail_xread_free(struct tail_xread *x);

#endif
