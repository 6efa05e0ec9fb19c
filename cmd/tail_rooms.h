/* All rooms that are read, in the order in which they are replayed, and by name. */
#ifndef CMD_TAIL_ROOMS_H
#define CMD_TAIL_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/tail_room.h"
#include "common/entry.h"
#include "common/err.h"
#include "common/list.h"

struct tail_conn;
struct tail_share;

enum tail_room_state {
    TAIL_ROOM_NEW,      /* nothing is known of it */
    TAIL_ROOM_SEARCHED, /* its end is known, but not yet where its last N messages begin */
    TAIL_ROOM_READ,     /* it is read from its cursor on */
    TAIL_ROOM_DONE,     /* nothing more of it is wanted */
    TAIL_ROOM_LEFT_OUT, /* -m matched it, but it cannot be read */
    TAIL_ROOM_GONE      /* -m matched it, and it was deleted: to be forgotten */
};

struct tail_room {
    const char *name; /* with a NUL after it; owned */
    size_t len;
    int slot; /* its hash slot in a cluster */
    enum tail_room_state state;
    bool matched, fresh;      /* found by -m or -l; and after we began, so that all of it is new */
    bool held;                /* a connection knows it, so that it cannot be forgotten */
    bool missing;             /* it did not exist, or with -e was deleted before its end */
    bool unsaved;             /* it is in the list of rooms to save (tail_wait.c) */
    struct tail_position at;  /* how far it was read */
    struct id end;            /* its last ID when we began */
    uint64_t length;          /* and how many entries it had */
    uint64_t skip;            /* messages to skip (-n) of those that would be shown */
    uint64_t weight;          /* bytes of its last XINFO, */
    int64_t quiet_until;      /* and wait_now() of when the next one may be asked for */
    bool stale;               /* the connection died since it was last checked */
    unsigned round;           /* the last search for rooms that found it */
    unsigned last_read;       /* the last read that brought something of it */
    struct tail_share *share; /* of -g: owned by tail_sharer.c */
};

struct tail_room_list LIST(struct tail_room *);

struct tail_rooms {
    struct tail_room **all; /* operands, then those that -m matched; owned */
    size_t n;
    bool nameless; /* a room without a name was found and reported */

    /* Private. */
    size_t gone, left_out; /* since the last report */
    char first_gone[65];   /* the name of the first one that is gone, */
    int64_t gone_since;    /* and wait_now() of when it was dropped */
    size_t cap;
    void *names; /* for tsearch(3) */
};

/* Add a room and return it. NULL if there is one of that name, which is left in `*known` unless
 * `known` is NULL. */
struct tail_room *tail_rooms_add(
    struct tail_rooms *r, const char *name, size_t len, struct tail_room **known);

/* The room of that name, or NULL. */
struct tail_room *tail_rooms_find(const struct tail_rooms *r, const char *name, size_t len);

/*
 * The room that a reply names, among the first `n` of the list; replies name rooms in the order of
 * the request, so the search begins at the `*at`th, and leaves `*at` at the room. NULL with
 * EXIT_REFUSED: it is none of them.
 */
struct tail_room *tail_rooms_in_reply(const struct tail_room_list *rooms, size_t n, size_t *at,
    const struct span *name, struct err *e);

/* Sort the rooms of -m by name; they follow the operands. */
void tail_rooms_sort(struct tail_rooms *r);

/* A room of -m was deleted: stop reading it. */
void tail_rooms_drop(struct tail_rooms *r, struct tail_room *room);

/* A room of -m cannot be read, for this reason: leave it out. Reports the first few at once. */
void tail_rooms_leave_out(struct tail_rooms *r, struct tail_room *room, const struct err *why);

/* Report the rooms that were dropped or left out since the last report: mostly, how many. Unless
 * `now`, they are gathered for some seconds. */
void tail_rooms_report(struct tail_rooms *r, bool now);

/* Release the rooms that are TAIL_ROOM_GONE and not held: nothing else may know them any more. */
void tail_rooms_forget(struct tail_rooms *r);

void tail_rooms_free(struct tail_rooms *r);

#endif
