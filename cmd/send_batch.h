/*
 * What is sent: entries, side by side in a batch in the order of the input, each as the XADD that
 * adds it. A batch travels in parts: all of it at once to a single server, else one part for each
 * hash slot or room.
 */
#ifndef CMD_SEND_BATCH_H
#define CMD_SEND_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_settings.h"
#include "common/buf.h"
#include "common/entry.h"
#include "common/id.h"
#include "common/list.h"
#include "common/out.h"
#include "common/progress.h"

/* One entry on its way into a batch. */
struct send_entry {
    struct span room;
    struct id id;      /* with -k; else the server makes one */
    struct buf fields; /* names and texts as words (reply.h) */
    size_t messages;   /* fields */
    size_t bytes;      /* of their texts */
    size_t line;       /* of the first, from 1 */
};

#define BATCH_NO_ENTRY UINT32_MAX

struct batch_entry {
    enum {
        ENTRY_OUT,     /* to be added */
        ENTRY_TOO_OLD, /* refused for its ID (-k): does the room hold it already? */
        ENTRY_IN       /* the server has it */
    } state;
    uint32_t room; /* its place in `rooms` */
    uint32_t next; /* the next entry of its part, or BATCH_NO_ENTRY */
    struct id id;  /* given, or the server's once it is in; ID_LEAST: not known */
    size_t messages, bytes, line;
    size_t fields, end; /* where the fields of its command begin, and where it ends */
    size_t echo;        /* where its part of the echo ends */
};

struct batch_room {
    size_t at, len; /* its name, in `commands` */
    uint32_t part;
    uint32_t entry;   /* scratch of a request about rooms: one of its entries, or BATCH_NO_ENTRY */
    struct id newest; /* of its entries, for trimming by age; ID_LEAST: nothing new to trim for */
};

/*
 * The state of what is sent of a part at a time, most often all of it: a transaction of `count`
 * entries from `first` on.
 */
enum part_state {
    PART_NONE,         /* there is no part */
    PART_READY,        /* to be sent, or to be sent again */
    PART_QUEUED,       /* at the server, behind MULTI; EXEC was not sent */
    PART_IN_FLIGHT,    /* EXEC was sent, or XADDs by themselves */
    PART_IN_DOUBT,     /* the connection died meanwhile */
    PART_RAN,          /* it is in, says the receipt; did each XADD work? */
    PART_TOO_OLD,      /* but for entries that the room may hold already (-k) */
    PART_ADDED,        /* the server has it; with --replicas, they perhaps not */
    PART_ACKNOWLEDGED, /* they have; with --maxage, the room is not trimmed yet */
    PART_IN            /* all of the part */
};

struct batch_part {
    struct send_batch *batch; /* that it belongs to */
    enum part_state state;
    int slot;       /* the hash slot of its rooms, or -1: they may lie in several */
    int node;       /* that served it: parts of a node are sent one behind the other */
    bool plain;     /* its XADDs go by themselves */
    uint32_t first; /* the first of its entries that is not known to be in */
    uint32_t last;
    uint32_t count;    /* entries of the transaction at hand, */
    uint32_t end;      /* the last of them, */
    bool whole;        /* and whether they are all that is left of the part */
    uint32_t in_doubt; /* the most entries that a copy on a dead connection may yet add */
    uint32_t refused;  /* an entry that was refused, and goes alone; or BATCH_NO_ENTRY */
    unsigned deaths;   /* of connections, while a single entry was in flight */
};

struct batch_entry_list LIST(struct batch_entry);
struct batch_room_list LIST(struct batch_room);
struct batch_part_list LIST(struct batch_part);

struct send_batch {
    struct buf commands; /* of all entries, one behind the other */
    struct buf echo;     /* -T: the input as it was, skipped lines too */
    struct batch_entry_list entries;
    struct batch_room_list rooms;
    struct batch_part_list parts; /* once divided */
    size_t at;                    /* the first of them that is not in */

    /* Private: finds a room by name; what the XADDs of the last room begin with; scratch. */
    struct buf index, head, part_of;
    size_t head_messages;
};

/* How much a batch holds: entries and bytes of commands. An entry that is larger goes alone. */
struct batch_limit {
    size_t entries, bytes;
};

/* Whether more is better left for the next batch. */
bool batch_full(const struct send_batch *b, struct batch_limit most);

/* Whether there is space for the entry. An empty batch takes any. */
bool batch_takes(
    const struct send_batch *b, const struct send_entry *entry, struct batch_limit most);

/* Add the entry, as XADD with what --maxlen and -k ask. */
void batch_add(
    struct send_batch *b, const struct send_entry *entry, const struct send_settings *set);

/* Append input to the echo, as part of the entry added last. */
void batch_echo(struct send_batch *b, const char *bytes, size_t n);

/* The name of the room at a place in `rooms`. */
struct span batch_room_name(const struct send_batch *b, size_t place);

/* Of the n-th entry: its room's name, its whole command, and the fields in it, as words. */
struct span batch_room(const struct send_batch *b, size_t n);
struct span batch_command(const struct send_batch *b, size_t n);
struct span batch_fields(const struct send_batch *b, size_t n);

/*
 * Divide the batch into parts, in the order of their first entries: one for all, for each hash
 * slot, or for each room. Their slots are set where they have one.
 */
enum batch_division { DIVIDE_NOT, DIVIDE_BY_SLOT, DIVIDE_BY_ROOM };
void batch_divide(struct send_batch *b, enum batch_division how);

/*
 * Choose the part's transaction: at most `most` of its entries that are out, from the first of
 * them on; one that was refused goes alone.
 */
void part_choose(struct batch_part *part, size_t most);

/* The entries of the transaction are not in after all; `forget_ids`: nor are their IDs known. */
void part_mark_out(const struct batch_part *part, bool forget_ids);

/* Give each room of the transaction an `entry` of it, and other rooms none. */
void part_mark_rooms(const struct batch_part *part);

/*
 * The entries of the transaction are in, but for those of rooms that were refused, which have an
 * `entry`. Returns how many of them have no ID that is known, and the line of the first of these.
 */
size_t part_mark_verified(const struct batch_part *part, size_t *line);

/* The first of the part's entries that is in `state`, and the next one behind `entry`;
 * BATCH_NO_ENTRY: none. */
uint32_t part_find(const struct batch_part *part, int state);
uint32_t part_find_next(const struct batch_part *part, uint32_t entry, int state);

/* The room of the part's first entry. */
struct span part_room(const struct batch_part *part);

/* The first entry of the batch that is not in; `entries.n` if there is none. */
size_t batch_undelivered(const struct send_batch *b);

/* Whether that entry may be in. */
bool batch_in_doubt(const struct send_batch *b, size_t entry);

/* Count what the server has and print it as -T and -i ask; empties the batch. */
void batch_settle(
    struct send_batch *b, const struct send_settings *set, struct out *out, struct progress *done);

void batch_free(struct send_batch *b);

#endif
