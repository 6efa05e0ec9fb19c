/*
 * Reading rooms: the program in phases, each over when the next one begins. First come those that
 * ask one thing after the other, of one session: what time it is, which rooms there are
 * (tail_scan), where each of them begins (tail_start), what they hold (tail_replay). The last one
 * waits for many connections (tail_conn) at once: either they follow the rooms (tail_follow), or
 * share them with the readers of a group (tail_group).
 */
#ifndef CMD_TAIL_H
#define CMD_TAIL_H

#include "cmd/tail_cursor.h"
#include "cmd/tail_print.h"
#include "cmd/tail_rooms.h"
#include "cmd/tail_settings.h"
#include "common/call.h"
#include "common/session.h"

struct pollfd;

/*
 * How long the server waits for something new before it answers that there is nothing: the one
 * thing that tells a dead or wedged server from an idle one. And how often rooms are checked, and
 * searched for.
 */
enum { TAIL_HEARTBEAT_MS = 5000 };

/* What the phases share. Zero it, set the first two and `print.set`, and add the operands to the
 * rooms; tail_free(). */
struct tail {
    struct route *route;        /* owned by the caller */
    struct tail_cursor *cursor; /* -C: owned by the caller; or NULL */
    int64_t retry;              /* how long outages may last */
    struct session *session;    /* of all phases but the last; owned */
    struct tail_rooms rooms;
    struct tail_print print;
    /* Standard input, called when there is something to read, or its end; NULL: nobody reads it.
     * Returns -1 with `*e` when the program has to end. */
    int (*on_input)(void *context, struct err *e);
    void *input;
    bool leaving;   /* reading is over: neither a signal nor -W ends what is left to do */
    unsigned reads; /* XREADs sent, so that each has a number */

    /* Private to tail_wait.c. */
    const struct tail_room *about; /* what the last call was about */
    struct buf fds;                /* struct pollfd */
    struct tail_room_list unsaved; /* whose places are not in the file of -C */
};

/*
 * Read and print until there is reason to stop, which `print.stop` tells then. All that came whole
 * has been printed, also on failure; -1 and `*e`.
 */
int tail_run(struct tail *t, struct err *e);

void tail_free(struct tail *t);

#endif
