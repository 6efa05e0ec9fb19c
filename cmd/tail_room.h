/*
 * One room: how far it was read, and what became of it. Nothing here asks a server or prints: it is
 * all decided from what XINFO STREAM said before and says now, and from the entries in between.
 *
 * The number of lost entries is exact, whatever the reader jumps over. An XINFO gives L, the last
 * ID that the room ever had, and A, how many entries were ever added to it. Once everything up to L
 * was read (the cursor is there, or a read that was sent after the XINFO brought nothing), A minus
 * the number that we know of up to the cursor were trimmed or deleted before they could be read.
 */
#ifndef CMD_TAIL_ROOM_H
#define CMD_TAIL_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/tail_cursor.h"
#include "common/id.h"

/* What XINFO STREAM says about a room. All zero: the room does not exist. */
struct tail_info {
    bool exists;
    struct id first, last; /* IDs of its first entry, and of the last one that it ever had */
    uint64_t length;       /* entries that it has */
    uint64_t added;        /* entries ever added to it */
};

struct tail_position {
    struct id cursor; /* read what comes after it: the last entry read whole, or the start */
    bool counted;     /* `count` is known */
    uint64_t count;   /* entries ever added up to the cursor, including lost ones */

    /* Private. */
    struct tail_info baseline; /* of when we began, or of the first entry that it ever had */
    struct id first, top;      /* its first ID at the last check; its highest ID so far */
    bool believed;             /* not counted, but `count` is what an earlier run knew */
    bool ahead;                /* the cursor is a start beyond the room's end */
    bool checked;              /* an XINFO waits until everything up to its last ID was read: */
    struct id check;           /* that ID, */
    uint64_t check_added;      /* and the entries ever added up to it */
};

/* What was lost of a room: this many entries, or an unknown number. */
struct tail_loss {
    uint64_t entries;
    bool unknown;
};

/* Begin to read after `cursor` in a room that is as `now` says. */
void tail_room_begin(struct tail_position *p, const struct tail_info *now, struct id cursor);

/*
 * The same where an earlier run stopped. The server may be another one now, so a loss is counted
 * only if the room was trimmed up to that place, and has had at least as many entries as it had
 * then.
 */
struct tail_loss tail_room_resume(
    struct tail_position *p, const struct tail_info *now, const struct tail_place *place);

/* Whether a reader that begins after `cursor` may have missed entries: the one at the cursor, or
 * those after it, were trimmed. */
bool tail_room_lost_start(const struct tail_info *now, struct id cursor);

/* Begin `entries` entries before the room's end, which is after `cursor`. */
void tail_room_begin_before(struct tail_position *p, struct id cursor, uint64_t entries);

/* An entry came that is not wanted: everything before it was read. */
struct tail_loss tail_room_pass(struct tail_position *p, struct id id);

/* An entry was read: move the cursor to it. */
struct tail_loss tail_room_read(struct tail_position *p, struct id id);

/* A read that was sent after the last XINFO brought nothing of this room. */
struct tail_loss tail_room_read_nothing(struct tail_position *p);

/*
 * What became of a room: it goes on; it was deleted; it was deleted and created again; or its last
 * entries are gone, as when a replica that lacked them becomes the master. That can only happen in
 * an outage: if there was none, a last ID that fell means another room.
 */
enum tail_fate { TAIL_ROOM_GOES_ON, TAIL_ROOM_DELETED, TAIL_ROOM_RECREATED, TAIL_ROOM_WENT_BACK };
enum tail_fate tail_room_fate(
    const struct tail_position *p, const struct tail_info *now, bool after_outage);

/* Take an XINFO of a room that goes on. */
struct tail_loss tail_room_check(struct tail_position *p, const struct tail_info *now);

/* What to keep in the file of -C. A start beyond the room's end is kept as that end. */
struct tail_place tail_room_place(const struct tail_position *p);

#endif
