/*
 * chat-tail's own: what its options ask for, and the reading of rooms.
 *
 * Rooms are read by readers, each with a session of its own: one reader has all rooms, or, in a
 * cluster, where one command can not ask about keys of different slots, each room has its own.
 * What a reader asks the server, and what it does with the answer, is a step (struct tail_step);
 * tail_choose.c says which one comes next.
 *
 * Layers: chat-tail.c (options) over tail.c (the loop) over tail_reader.c (a step's command and its
 * answer, through outages) over tail_choose.c (which step) over the steps: tail_list.c (which rooms
 * there are), tail_room.c (where to begin), tail_look.c (what becomes of a room), tail_read.c and
 * tail_group.c (messages). tail_cursor.c, the file of -C, knows nothing of them.
 */
#ifndef CMD_TAIL_H
#define CMD_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/tail_cursor.h"
#include "common/entry.h"
#include "common/format.h"
#include "common/out.h"
#include "common/progress.h"
#include "common/session.h"
#include "common/when.h"

/*
 * How long the server waits for something new before it answers that there is nothing: the one
 * thing that tells a dead or wedged server from an idle one. And how often we look at the rooms:
 * XINFO tells the first and the last entry whole, whatever their size.
 */
enum { HEARTBEAT_MS = 5000 };

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
    const char **match; /* -m, or the operands of -l: owned array of globs */
    size_t matches;
    bool list;               /* -l */
    const char *cursor_file; /* -C, or NULL */
    const char *group;       /* -g, or NULL */
    const char *consumer;
    bool passing;   /* the consumer's name was not given: nobody will come back to it */
    uint64_t claim; /* ms */
    struct format format;
};

/* What XINFO STREAM tells of a room. */
struct tail_info {
    bool exists;
    struct id first, last; /* IDs of the first entry there, and of the last one there ever was */
    uint64_t length;       /* entries there */
    uint64_t added;        /* entries there ever were */
};

struct tail_reader;

/* Of -g: a room as the group's other readers share it. */
struct tail_share {
    bool joined;     /* the group is there */
    bool lost;       /* it was, and went */
    bool drained;    /* nothing is pending for us from before */
    struct id own;   /* what was pending is read from there on */
    struct buf acks; /* IDs of entries printed and not acknowledged, as words */
    size_t n_acks;
    struct id claim_from; /* where to go on looking for what to claim, */
    int64_t claim_due;    /* and when */
    enum {
        SHARE_STAYS, /* the consumer may have something pending */
        SHARE_FREE,  /* it has not, and may go */
        SHARE_LEFT   /* it has gone, or has to stay */
    } leaving;
};

struct tail_room {
    char *name; /* with a NUL behind it; owned */
    size_t len;
    struct tail_reader *reader;
    struct id cursor; /* what comes after it is read: the last entry read whole, or the start */
    struct id end;    /* the room's last ID when we began */
    uint64_t skip;    /* messages that would be shown but are passed over first (-n) */
    enum {
        ROOM_NEW,   /* nothing is known of it */
        ROOM_FOUND, /* its end is known, but not yet where its last N messages begin */
        ROOM_READ   /* it is read from its cursor on */
    } state;
    bool exists;  /* when we began */
    bool done;    /* nothing more of it is wanted */
    bool matched; /* found by -m or -l */
    bool fresh;   /* and after we began: all of it is new */
    struct tail_share share;

    /* Of tail_look.c, to notice what happens to the room. */
    struct tail_info anchor; /* the room as it was found first */
    struct tail_info seen;   /* and last; `last` is our cursor if that is further */
    uint64_t passed;         /* entries there ever were up to our cursor, if `counted` */
    bool counted;
    int64_t behind; /* wait_now() of when a master first lacked what was read, in a row; or 0 */
};

/* Why reading stopped. */
enum tail_stop { TAIL_GOES_ON, TAIL_ENDED, TAIL_TIMED_OUT, TAIL_BY_SIGNAL };

/* What has come of an entry that is not whole yet. */
struct tail_open {
    uint64_t messages, bytes, skipped;
    size_t row;       /* where the last of its messages begins, from the entry's first byte on */
    struct buf lines; /* what it prints, while another reader is printing */
};

struct tail {
    const struct tail_settings *set;
    struct route *route;      /* owned by the caller */
    int64_t retry;            /* for session_new() */
    struct tail_room **rooms; /* in the order of the operands; owned */
    size_t n_rooms;
    struct tail_reader **readers; /* owned */
    size_t n_readers;
    struct pollfd *fds;         /* to wait for them; owned */
    void *names;                /* the rooms by name, for tsearch(3) */
    bool nameless;              /* -m: a room without a name was found, and that was said */
    unsigned learnt;            /* -m, -l: the route's, when it was seen who is to be asked */
    struct tail_cursor *cursor; /* -C: owned by the caller; or NULL */
    int64_t leave_by; /* -g: reading is over; wait_now() of when all must be acknowledged; or 0 */
    bool begun;       /* all rooms that there were when we began are read */
    bool dated;       /* `since` and `until` are known */
    struct id since;  /* nothing up to it is printed */
    struct id until;  /* nothing above is printed; ID_MOST: no bound */
    size_t past;      /* rooms before that one are printed up to where they ended when we began */
    enum tail_stop stop;
    struct out out;
    struct format format;
    struct progress progress; /* counts what was printed */
    size_t batch;             /* COUNT of the next request: for replies of about 1 MiB */
    int64_t printed_at; /* wait_now() of the last print, or of the start of the present; 0: past */
    uint64_t printed;   /* progress.messages at that time */
};

/* Something to ask, and what to do about the answer; the reader is each one's context. */
struct tail_step {
    void (*ask)(struct tail_reader *r); /* send the command */
    void (*item)(void *reader, const struct reply_item *item);
    void (*answered)(struct tail_reader *r); /* it came whole, and without `r->problem`, in which
                                                what is wrong with it may be left now */
    void (*again)(
        struct tail_reader *r); /* it did not, and the step will be chosen anew; or NULL */
};

struct tail_reader {
    struct tail *t;
    struct session *session;      /* owned */
    const struct tail_step *step; /* what was asked and is not answered; NULL: nothing is */
    struct tail_room *room;       /* that it is about; NULL: all of the reader's */
    struct err problem;           /* with the answer */
    int64_t pause;                /* nothing is asked before that wait_now() */
    int64_t looked_at;            /* of the last look at all rooms, or 0: another one is due */
    size_t looks;                 /* rooms looked at since it was due */
    bool after_outage;            /* of the looks */
    int64_t asked_at, block;      /* the request for messages: when, how long it may wait (ms) */
    bool timed;                   /* -U: `block` was chosen from the server's clock */
    bool over;                    /* -U has passed, and all up to it was read */
    size_t settled; /* of the rooms before that place, the reader's own are ROOM_READ */
    struct tail_open open;
    struct entry_decoder in;
    struct tail_room *reading; /* the room whose entries come */
    size_t at;                 /* its place among all */

    struct {         /* -m and -l: looking for rooms */
        bool wanted; /* the reader does */
        bool done;   /* once at least */
        int64_t due; /* wait_now() of the next time */
        size_t pattern;
        char next[24]; /* the server's word for where to go on; empty: at the beginning */
    } scan;

    /* Of the answer at hand. */
    size_t part; /* the element of it that comes */
    struct tail_info info;
    char field[32];     /* the name of the value that comes next */
    uint64_t clock[2];  /* seconds and microseconds */
    struct {            /* -n: going back through a room */
        uint64_t found; /* messages that would be shown */
        uint64_t in_entry;
        size_t asked;   /* entries asked for */
        struct id from; /* the entry that was looked at last */
        bool below;     /* go on below it */
    } search;
};

/*
 * tail.c: read and print until there is reason to stop, which `t->stop` tells then. `t` needs set,
 * route, retry and its rooms, and one reader. All that came whole has been printed, also on
 * failure; -1 and `*e`.
 */
int tail_run(struct tail *t, struct err *e);

/* tail.c: add a room and return it; NULL if there is one of that name. */
struct tail_room *tail_add_room(struct tail *t, const char *name, size_t len);

void tail_free(struct tail *t);

/* tail_reader.c: add a reader that has this session. */
struct tail_reader *tail_add_reader(struct tail *t, struct session *session);

/*
 * tail_reader.c: take what has been answered, as far as it is there, and ask what tail_choose()
 * says, until it says nothing or an answer is awaited. -1 when the server refuses or is gone.
 * `*moved` is set when something was answered.
 */
int tail_advance(struct tail_reader *r, bool *moved, struct err *e);

/* tail_choose.c: what a reader is to do next; NULL: nothing now. */
const struct tail_step *tail_choose(struct tail_reader *r);

/* The steps. TIME: know `t->since` and `t->until`, or how long the next request may wait. */
extern const struct tail_step tail_dates, tail_times;

/* tail_room.c: know the dates by the clock that the reader was told; false if there must be one
 * (durations), and `r` is NULL. */
bool tail_date(struct tail *t, const struct tail_reader *r);

/* XINFO, and XREVRANGE while the room is ROOM_FOUND: find where the reading of a room begins. */
extern const struct tail_step tail_begins, tail_searches;

/* XINFO: look what has become of a room. One that was made anew, or went back as after a failover,
 * is gone on with where that makes sense, and entries that were trimmed before they were read are
 * counted; each is told. */
extern const struct tail_step tail_looks;

/*
 * XREAD of a room, or of all of the reader's, those that are done left out, from their cursors on:
 * prints what comes and moves the cursors. The server waits `r->block` milliseconds for something
 * to come, or not at all at TAIL_NO_WAIT. `r->in.entries` tells how many came.
 */
enum { TAIL_NO_WAIT = -1 };
extern const struct tail_step tail_reads;

/* tail_read.c, for tail_group.c: expect entries to print; the sink for them; take back what is not
 * whole; and the server had nothing. */
void tail_expect(struct tail_reader *r, enum entry_reply reply);
void tail_read_item(void *reader, const struct reply_item *item);
void tail_roll_back(struct tail_reader *r);
void tail_nothing_came(struct tail_reader *r);

/*
 * tail_group.c: the steps of -g. XGROUP CREATE; XREADGROUP of what is new, and of what is pending
 * for us; XAUTOCLAIM; XACK; at the end, whether anything is pending, and XGROUP DELCONSUMER.
 */
extern const struct tail_step tail_joins, tail_takes, tail_drains, tail_claims, tail_acks,
    tail_checks, tail_leaves;
const struct tail_step *tail_choose_shared(struct tail_reader *r);
const struct tail_step *tail_choose_leaving(struct tail_reader *r);

/* tail_group.c: an entry was printed, and is to be acknowledged. */
void tail_share(struct tail_room *room, struct id id);

/* tail_list.c: SCAN: find rooms, and add them. */
extern const struct tail_step tail_scans;

/* tail_list.c: put the rooms that were found in order, behind those that were named. */
void tail_sort_matched(struct tail *t);

/* tail_list.c: print the rooms, for -l. */
void tail_list(struct tail *t);

/* tail_look.c: the sink for XINFO STREAM, into `r->info`. */
void tail_info_item(void *reader, const struct reply_item *item);
void tail_ask_info(struct tail_reader *r);

/* tail_look.c: reading begins after the cursor of a room that is as its anchor says. */
void tail_anchor(struct tail_room *room);

/* tail_look.c: an entry of the room was read, and is its cursor now. */
void tail_passed(struct tail_room *room);

/* Whether -x hides this name. */
bool tail_hides(const struct tail *t, const struct span *name);

/* Set how many entries to ask for next from those that came, for replies of about 1 MiB. */
void tail_set_batch(struct tail *t, const struct entry_decoder *came);

/* Write what is whole, and note when. */
void tail_flush(struct tail *t);

#endif
