/*
 * chat-tail's own: what its options ask for, and the reading of rooms. Layers: chat-tail.c
 * (options) over tail.c (the loop) over tail_room.c (where to begin) and tail_look.c (what becomes
 * of a room) over tail_read.c (one request and what comes of it).
 */
#ifndef CMD_TAIL_H
#define CMD_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/entry.h"
#include "common/format.h"
#include "common/out.h"
#include "common/progress.h"
#include "common/session.h"
#include "common/when.h"

/* What the command line asks for. */
struct tail_settings {
    enum { TAIL_NEW, TAIL_LAST, TAIL_FROM } lines; /* -n: none, N, +N */
    uint64_t line_count;
    struct when since, until; /* WHEN_NONE when not given */
    bool to_end;              /* -e */
    int64_t count;            /* -c; 0: no end */
    int64_t timeout;          /* -W in ms; -1: none */
    const char **exclude;     /* -x: owned array, strings of the argument list */
    size_t excludes;
    struct format format;
};

/* What XINFO STREAM tells of a room. */
struct tail_info {
    bool exists;
    struct id first, last; /* IDs of the first entry there, and of the last one there ever was */
    uint64_t length;       /* entries there */
    uint64_t added;        /* entries there ever were */
};

struct tail_room {
    const char *name;
    size_t len;
    struct id cursor; /* what comes after it is read: the last entry read whole, or the start */
    struct id end;    /* the room's last ID when we began */
    uint64_t skip;    /* messages that would be shown but are passed over first (-n) */
    bool exists;      /* when we began */
    bool done;        /* nothing more of it is wanted */

    /* Of tail_look.c, to notice what happens to the room. */
    struct tail_info anchor; /* the room as it was found first */
    struct tail_info seen;   /* and last; `last` is our cursor if that is further */
    uint64_t passed;         /* entries there ever were up to our cursor, if `counted` */
    bool counted;
};

/* Why reading stopped. */
enum tail_stop { TAIL_GOES_ON, TAIL_ENDED, TAIL_TIMED_OUT, TAIL_BY_SIGNAL };

/* What has come of an entry that is not whole yet. */
struct tail_open {
    uint64_t messages, bytes, skipped;
};

struct tail {
    const struct tail_settings *set;
    struct session *session; /* owned by the caller */
    struct tail_room *rooms;
    size_t n_rooms;
    struct id since; /* nothing up to it is printed */
    struct id until; /* nothing above is printed; ID_MOST: no bound */
    enum tail_stop stop;
    struct out out;
    struct format format;
    struct progress progress; /* counts what was printed */
    struct entry_decoder in;
    struct tail_open open;
    size_t at;          /* the room whose entry came last */
    size_t batch;       /* COUNT of the next request: for replies of about 1 MiB */
    int64_t printed_at; /* wait_now() of the last print, or of the start */
    int64_t looked_at;  /* wait_now() of the last tail_look(), or 0: another one is due */
    uint64_t printed;   /* progress.messages at that time */
};

/*
 * tail.c: read and print until there is reason to stop, which `t->stop` tells then. `t` needs set,
 * link, rooms and n_rooms. All that came whole has been printed, also on failure; -1 and `*e`.
 */
int tail_run(struct tail *t, struct err *e);

/*
 * tail_room.c: find out where each room ends now and where reading begins, by -n, -S, -U;
 * `t->since` and `t->until` too. -1 when the server refuses or is gone.
 */
int tail_rooms_begin(struct tail *t, struct err *e);

/* tail_look.c: ask what the server knows of the room. */
int tail_ask_info(
    struct tail *t, const struct tail_room *room, struct tail_info *info, struct err *e);

/* tail_look.c: reading begins after the cursor of a room that is as its anchor says. */
void tail_anchor(struct tail_room *room);

/* tail_look.c: an entry of the room was read, and is its cursor now. */
void tail_passed(struct tail_room *room);

/*
 * tail_look.c: look at each room, if that was not done within the last 5 seconds and on this
 * connection. A room that was made anew, or went back as after a failover, is gone on with where
 * that makes sense, and entries that were trimmed before they were read are counted; each is told.
 */
int tail_look(struct tail *t, struct err *e);

/* tail_room.c: ask for the server's clock, in milliseconds since 1970. */
int tail_clock(struct tail *t, uint64_t *ms, struct err *e);

/*
 * tail_read.c. Each waits for a reply, through outages; 0, or -1 with `*e`. They return early, with
 * 0 and `t->stop` set, when a signal or -W ends the program.
 */

/*
 * XREAD of `n` rooms, those that are done left out, from their cursors on: prints what comes and
 * moves the cursors. The server waits `block` milliseconds for something to come, or not at all at
 * TAIL_NO_WAIT. `t->in.entries` tells how many came. TAIL_AGAIN as from tail_await().
 */
enum { TAIL_NO_WAIT = -1 };
int tail_read(
    struct tail *t, const struct tail_room *rooms, size_t n, int64_t block, struct err *e);

/*
 * Have the reply to the command that was sent told to `sink`. What the sink finds wrong, left in
 * `*problem`, is a failure. TAIL_AGAIN: the command must be sent again, for the connection died
 * before the reply was whole, or the server refused for a while; it may be sent now.
 */
enum { TAIL_AGAIN = 1 };
int tail_await(
    struct tail *t, reply_sink *sink, void *context, const struct err *problem, struct err *e);

/* Whether -x hides this name. */
bool tail_hides(const struct tail *t, const struct entry_bytes *name);

/* Set how many entries to ask for next from those that came, for replies of about 1 MiB. */
void tail_set_batch(struct tail *t, const struct entry_decoder *came);

#endif
