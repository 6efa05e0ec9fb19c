/*
 * A batch: entries in the order of the input, each as the XADD command that adds it. It is sent in
 * parts: to a single server as one part, otherwise as one part for each hash slot or room. An entry
 * is "in" once it is known to be in its room, and "out" before that.
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

/* An entry to add to a batch. */
struct send_entry {
    struct span room;
    struct id id;      /* used with -k only; otherwise the server makes one */
    struct buf fields; /* names and texts as words (reply.h) */
    size_t messages;   /* how many fields */
    size_t bytes;      /* of all texts */
    size_t line;       /* of the first message, from 1 */
};

#define BATCH_NO_ENTRY UINT32_MAX

struct batch_entry {
    enum {
        ENTRY_OUT,     /* to be added */
        ENTRY_TOO_OLD, /* its ID was refused (-k): the room may hold it already */
        ENTRY_IN       /* the server has it */
    } state;
    uint32_t room; /* its place in `rooms` */
    uint32_t next; /* the next entry of its part, or BATCH_NO_ENTRY */
    struct id id;  /* from -k, or the server's once it is in; ID_LEAST: not known */
    size_t messages, bytes, line;
    size_t fields, end; /* where its fields begin in `commands`, and where its command ends */
    size_t echo;        /* where its input ends in `echo` */
};

struct batch_room {
    size_t at, len; /* its name, in `commands` */
    uint32_t part;
    uint32_t entry;   /* for part_mark_rooms(): one of its entries, or BATCH_NO_ENTRY */
    struct id newest; /* of its entries, to trim by age; ID_LEAST: there is nothing to trim */
};

/* The state of the part's transaction, which holds all of the part or some of its entries. */
enum part_state {
    PART_NONE,         /* there is no part */
    PART_READY,        /* to be sent, perhaps not for the first time */
    PART_QUEUED,       /* MULTI and the XADDs were sent, EXEC was not */
    PART_IN_FLIGHT,    /* EXEC was sent, or XADDs without a transaction */
    PART_IN_DOUBT,     /* the connection died before the reply */
    PART_RAN,          /* the receipt shows that it ran; each XADD is still to be verified */
    PART_TOO_OLD,      /* it ran, but some entries are ENTRY_TOO_OLD (-k) */
    PART_ADDED,        /* the server has it; replicas may not (--replicas) */
    PART_ACKNOWLEDGED, /* enough replicas have it too; rooms may need trimming (--maxage) */
    PART_IN            /* all entries of the part are in */
};

struct batch_part {
    struct send_batch *batch; /* that it belongs to */
    enum part_state state;
    int slot;          /* the hash slot of its rooms; -1: they may lie in several */
    int node;          /* that served the slot when the batch was divided */
    bool plain;        /* its XADDs are sent without a transaction */
    uint32_t first;    /* the first entry not known to be in; the transaction begins with it */
    uint32_t last;     /* the last entry of the part */
    uint32_t count;    /* entries in the transaction */
    uint32_t end;      /* the last of them */
    bool whole;        /* the transaction holds all that is left of the part */
    uint32_t in_doubt; /* entries, at most, that a copy on a dead connection may still add */
    uint32_t refused;  /* an entry that was refused, and is sent alone; or BATCH_NO_ENTRY */
    unsigned deaths;   /* of connections, while a single entry was in flight */
};

struct batch_entry_list LIST(struct batch_entry);
struct batch_room_list LIST(struct batch_room);
struct batch_part_list LIST(struct batch_part);

/* Zero it; release with batch_free(). */
struct send_batch {
    struct buf commands; /* of all entries */
    struct buf echo;     /* -T: the input as it was, with skipped lines */
    struct batch_entry_list entries;
    struct batch_room_list rooms;
    struct batch_part_list parts; /* made by batch_divide() */
    size_t at;                    /* the first part that is not PART_IN */

    /* Private. */
    struct buf index;     /* a hash table of rooms by name */
    struct buf head;      /* the last XADD up to its fields, */
    size_t head_messages; /* and how many fields it is for */
    struct buf part_of;   /* scratch of batch_divide() */
};

/* How much a batch holds: entries, and bytes of commands. A larger entry is sent alone. */
struct batch_limit {
    size_t entries, bytes;
};

/* Whether the batch has reached the limit. */
bool batch_full(const struct send_batch *b, struct batch_limit most);

/* Whether there is space for the entry. An empty batch takes any. */
bool batch_takes(
    const struct send_batch *b, const struct send_entry *entry, struct batch_limit most);

/* Add a copy of the entry, as the XADD that --maxlen and -k ask for. */
void batch_add(
    struct send_batch *b, const struct send_entry *entry, const struct send_settings *set);

/* Append input to the echo of the last entry. */
void batch_echo(struct send_batch *b, const char *bytes, size_t n);

/* The name of the room at a place in `rooms`. */
struct span batch_room_name(const struct send_batch *b, size_t place);

/* Of the n-th entry: its room's name, its whole command, and the fields in it, as words. */
struct span batch_room(const struct send_batch *b, size_t n);
struct span batch_command(const struct send_batch *b, size_t n);
struct span batch_fields(const struct send_batch *b, size_t n);

/*
 * Divide the batch into parts, in the order of their first entries: one part, or one for each hash
 * slot, or one for each room.
 */
enum batch_division { DIVIDE_NOT, DIVIDE_BY_SLOT, DIVIDE_BY_ROOM };
void batch_divide(struct send_batch *b, enum batch_division how);

/*
 * Choose the part's transaction: the first entries that are out, at most `most`. A refused entry is
 * sent alone.
 */
void part_choose(struct batch_part *part, size_t most);

/* The transaction's entries are out after all; with `forget_ids`, their IDs are unknown again. */
void part_mark_out(const struct batch_part *part, bool forget_ids);

/* Set `entry` of each room: an entry of the transaction, or BATCH_NO_ENTRY if it has none there. */
void part_mark_rooms(const struct batch_part *part);

/*
 * The transaction's entries are in, except in rooms that were refused, which still have an `entry`.
 * Returns how many of the entries have no known ID; `*line` becomes the line of the first one.
 */
size_t part_mark_verified(const struct batch_part *part, size_t *line);

/* The part's first entry in `state`, and the next one after `entry`; BATCH_NO_ENTRY if none is. */
uint32_t part_find(const struct batch_part *part, int state);
uint32_t part_find_next(const struct batch_part *part, uint32_t entry, int state);

/* The name of the room of the part's `first` entry. */
struct span part_room(const struct batch_part *part);

/* The first entry of the batch that is not in; `entries.n` if all are. */
size_t batch_undelivered(const struct send_batch *b);

/* Whether that entry is in doubt. */
bool batch_in_doubt(const struct send_batch *b, size_t entry);

/* Count the entries that are in, append to `out` what -T and -i print of them, empty the batch. */
void batch_finish(
    struct send_batch *b, const struct send_settings *set, struct out *out, struct progress *done);

void batch_free(struct send_batch *b);

#endif
