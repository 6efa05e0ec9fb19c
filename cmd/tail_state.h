/* What the phases of chat-tail share; tail.h says which phases there are. */
#ifndef CMD_TAIL_STATE_H
#define CMD_TAIL_STATE_H

#include "cmd/tail_cursor.h"
#include "cmd/tail_print.h"
#include "cmd/tail_rooms.h"
#include "cmd/tail_settings.h"
#include "common/call.h"
#include "common/session.h"

struct pollfd;

/*
 * How long the server waits for new entries before it answers that there are none, which tells an
 * idle server from a dead or stuck one. Also how often rooms are checked, and searched for.
 */
enum { TAIL_HEARTBEAT_MS = 5000 };

/* What the phases share. Zero it, set the first four and `print.set`, and add the operands to
 * `rooms`; release it with tail_free() of tail.h. */
struct tail {
    struct route *route;        /* owned by the caller */
    struct tail_cursor *cursor; /* -C: owned by the caller; or NULL */
    int64_t retry;              /* ms that outages may last */
    struct session *session;    /* of all phases but the last; owned */
    struct tail_rooms rooms;
    struct tail_print print;
    /* Called when standard input can be read or has ended; NULL: nobody reads it. Returns 0, or -1
     * with `*e` to end the program. */
    int (*on_input)(void *context, struct err *e);
    void *input;
    bool leaving;   /* reading is over: neither a signal nor -W ends the rest */
    unsigned reads; /* XREADs sent: the number of the last one */

    /* Private to tail_wait.c. */
    const struct tail_room *about; /* the room that the last call was about */
    struct buf fds;                /* struct pollfd */
    struct tail_room_list unsaved; /* whose places the file of -C does not have */
};

#endif
