/* All rooms that are read: in the order in which their past is printed, and by name. */
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
    TAIL_ROOM_LEFT_OUT, /* it was matched, and cannot be read */
    TAIL_ROOM_GONE      /* it was matched, and was deleted: to be forgotten */
};

struct tail_room {
    const char *name; /* with a NUL behind it; owned */
    size_t len;
    int slot; /* its hash slot in a cluster */
    enum tail_room_state state;
    bool matched, fresh;      /* found by -m or -l; and after we began: all of it is new */
    bool held;                /* a reader of the present knows it, so that it cannot be forgotten */
    bool missing;             /* a room of this name was not there, or went, before the end of -e */
    bool unsaved;             /* its place differs from what is noted for the file of -C */
    struct tail_position at;  /* how far it was read */
    struct id end;            /* its last ID when we began */
    uint64_t length;          /* and how many entries it had */
    uint64_t skip;            /* messages that would be shown but are passed over first (-n) */
    uint64_t weight;          /* bytes of the last XINFO of it, */
    int64_t quiet_until;      /* which is not asked for again before that wait_now() */
    bool stale;               /* the connection died since it was last checked */
    unsigned round;           /* the search for rooms that found it last */
    unsigned last_read;       /* the reply of a read that brought something of it last */
    struct tail_share *share; /* of -g: owned by tail_group.c */
};

struct tail_room_list LIST(struct tail_room *);

struct tail_rooms {
    struct tail_room **all; /* operands, then those that were matched; owned */
    size_t n;
    bool nameless; /* one without a name was found, and that was said */

    /* Private. */
    size_t gone, left_out; /* that were not reported yet */
    char first_gone[65];   /* the first of the gone ones, */
    int64_t gone_since;    /* and wait_now() of when it was dropped */
    size_t cap;
    void *names; /* for tsearch(3) */
};

/* Add a room and return it; NULL if there is one of that name, which becomes `*known` if that is
 * not NULL. */
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

/* Put those that were matched in order, behind the operands. */
void tail_rooms_sort(struct tail_rooms *r);

/* A room that nobody named was deleted, or cannot be read: it is read no more. */
void tail_rooms_drop(struct tail_rooms *r, struct tail_room *room);
void tail_rooms_leave_out(struct tail_rooms *r, struct tail_room *room, const struct err *why);

/* Say which rooms these were since it was said last; of many only how many. Unless it must be
 * `now`, they are gathered for some seconds. A few that are left out were said at once. */
void tail_rooms_report(struct tail_rooms *r, bool now);

/* Forget the rooms that are TAIL_ROOM_GONE, unless they are held: nobody else may know them any
 * more. */
void tail_rooms_forget(struct tail_rooms *r);

void tail_rooms_free(struct tail_rooms *r);

#endif
