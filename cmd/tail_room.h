/*
 * One room: how far it was read, and what became of it. Nothing here asks a server or prints: all
 * is decided from what XINFO STREAM said then and says now, and from the entries that came
 * between.
 *
 * How many entries were lost is exact, whatever a reader jumps over. An XINFO tells L, the last ID
 * that the room ever gave, and A, how many entries it ever got. Once everything up to L was read
 * (the cursor is there, or a read that was sent after the XINFO brought nothing), A less what is
 * known up to the cursor is what was trimmed or deleted before it could be read.
 */
#ifndef CMD_TAIL_ROOM_H
#define CMD_TAIL_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/tail_cursor.h"
#include "common/id.h"

/* What XINFO STREAM tells of a room. All zero: there is none. */
struct tail_info {
    bool exists;
    struct id first, last; /* IDs of the first entry there, and of the last one there ever was */
    uint64_t length;       /* entries there */
    uint64_t added;        /* entries there ever were */
};

struct tail_position {
    struct id cursor; /* what comes after it is read: the last entry read whole, or the start */
    bool counted;     /* it is known */
    uint64_t count;   /* how many entries there ever were up to the cursor, lost ones too */

    /* Private. */
    struct tail_info
        baseline;         /* as the room was found first, or with the first entry it ever had */
    struct id first, top; /* its first ID when last checked at; its highest so far */
    bool believed;        /* if not counted, the count is what an earlier run knew, and may be */
    bool ahead;           /* the cursor is a start that lay beyond the room's end */
    bool checked;         /* an XINFO waits until all up to its last ID was read */
    struct id check;      /* that ID, */
    uint64_t check_added; /* and how many entries there ever were then */
};

/* What was lost of a room: a number of entries, or nobody knows how many. */
struct tail_loss {
    uint64_t entries;
    bool unknown;
};

/* Begin to read after `cursor` in a room that is as `now` says. */
void tail_room_begin(struct tail_position *p, const struct tail_info *now, struct id cursor);

/*
 * The same, where an earlier run stopped. The server may be another one meanwhile, so what is
 * missing is counted only if the room was trimmed up to the place, and there are not fewer entries
 * than there were.
 */
struct tail_loss tail_room_resume(
    struct tail_position *p, const struct tail_info *now, const struct tail_place *place);

/* Whether a reader that begins after `cursor` may have missed some, since the room lost that entry
 * or what followed it. */
bool tail_room_lost_start(const struct tail_info *now, struct id cursor);

/* The last `entries` up to the room's end are going to be read: begin before them, after `cursor`.
 */
void tail_room_begin_before(struct tail_position *p, struct id cursor, uint64_t entries);

/* An entry came that is not wanted: all before it was read. */
struct tail_loss tail_room_pass(struct tail_position *p, struct id id);

/* An entry was read: the cursor is there now. */
struct tail_loss tail_room_read(struct tail_position *p, struct id id);

/* A read that was asked for after the last XINFO was answered brought nothing of this room. */
struct tail_loss tail_room_read_nothing(struct tail_position *p);

/*
 * What became of a room: it goes on; it is gone; another one has its name; or its last entries are
 * gone, as when a replica that did not have them becomes the master. Only after an outage can it be
 * the last; on a server that was there all the time, a last ID that fell means another room.
 */
enum tail_fate { TAIL_ROOM_GOES_ON, TAIL_ROOM_DELETED, TAIL_ROOM_ANEW, TAIL_ROOM_WENT_BACK };
enum tail_fate tail_room_fate(
    const struct tail_position *p, const struct tail_info *now, bool after_outage);

/* Take an XINFO of a room that goes on. */
struct tail_loss tail_room_check(struct tail_position *p, const struct tail_info *now);

/* What to keep in the file of -C. A start that lies beyond the room's end is kept as that end. */
struct tail_place tail_room_place(const struct tail_position *p);

#endif
