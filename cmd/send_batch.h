/*
 * What is sent, and in which portions: entries, gathered in batches that travel together.
 */
#ifndef CMD_SEND_BATCH_H
#define CMD_SEND_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/entry.h"
#include "common/id.h"
#include "common/out.h"
#include "common/progress.h"

enum send_mode { SEND_LINES, SEND_NULL, SEND_WHOLE, SEND_TSV, SEND_WORDS };

/* What the command line asks for. Strings belong to the argument list unless said otherwise. */
struct send_settings {
    enum send_mode mode;
    const char *room; /* NULL: from the rows */
    const char *name; /* NULL: from the rows */
    struct buf words; /* SEND_WORDS: the message */
    bool keep_ids, empty, tee, ids, at_least_once;
    int64_t maxlen;      /* 0: do not trim */
    uint64_t maxage;     /* ms; 0: do not trim */
    int64_t max_message; /* bytes */
    int64_t replicas;    /* that must have a message too */
    bool prompt;         /* input is typed on a terminal */
};

/* One entry on its way into a batch. */
struct send_entry {
    struct entry_bytes room;
    struct id id;      /* with -k; else the server makes one */
    struct buf fields; /* names and texts as words (reply.h) */
    size_t messages;   /* fields */
    size_t bytes;      /* of their texts */
    size_t line;       /* of the first, from 1 */
};

struct send_way;

struct send_slot {
    bool done;    /* the server has it */
    struct id id; /* given, or the server's once done */
    size_t messages, bytes, line;
    size_t fields, echo; /* where its parts of the batch's fields and echo end */
};

enum { BATCH_ENTRIES = 1024, BATCH_BYTES = 1024 * 1024 };

/* Up to 1,024 entries or about 1 MiB for one room; an entry that is larger goes alone. */
struct send_batch {
    enum {
        BATCH_FILLING,
        BATCH_READY, /* to be sent, or to be sent again */
        BATCH_SENT,  /* the server owes an answer */
        BATCH_ADDED, /* it has all of it; with --replicas, it owes how many of them have it too */
        BATCH_IN     /* the server has all of it */
    } state;
    struct buf room;   /* with a NUL behind it */
    struct buf fields; /* of all entries, one behind the other */
    struct buf echo;   /* -T: the input as it was, skipped lines too */
    struct send_slot slots[BATCH_ENTRIES];
    size_t n;
    bool alone;    /* holds an entry too large for a script's arguments */
    bool waits;    /* an answer to WAIT is owed */
    bool doubtful; /* a connection died before it told whether it took the batch */
    bool unrun;    /* it was sent as a transaction, which was not run */

    const struct send_way *way; /* how it was sent last (send_wire.h) */

    /* Of send_plain.c: what was asked last, and the slot that the next reply is about. */
    enum { PLAIN_ADDING, PLAIN_TOO_OLD, PLAIN_LOOKING_UP, PLAIN_TRIMMING } step;
    size_t next;

    /* Of send_transaction.c, whose `next` counts the replies. */
    bool open;    /* what ends it is not sent: nothing else may be */
    bool agreed;  /* it may be run */
    bool refused; /* a command of it was */
};

/* Whether more is better left for the next batch. */
bool batch_full(const struct send_batch *b);

/* Whether the entry may join: space for it, and the same room. An empty batch takes any. */
bool batch_takes(const struct send_batch *b, const struct send_entry *entry);

/* Add the entry. */
void batch_add(struct send_batch *b, const struct send_entry *entry);

/* Append input to the echo, as part of the entry added last. */
void batch_echo(struct send_batch *b, const char *bytes, size_t n);

/* Whether both are for the same room. */
bool batch_same_room(const struct send_batch *a, const struct send_batch *b);

/* The fields of the n-th entry, as words. */
struct entry_bytes batch_fields(const struct send_batch *b, size_t n);

/* The first slot from `from` on that is not done; `n` if there is none. */
size_t batch_undone(const struct send_batch *b, size_t from);

/* Count what the server has and print it as -T and -i ask; empties the batch. */
void batch_settle(
    struct send_batch *b, const struct send_settings *set, struct out *out, struct progress *done);

void batch_free(struct send_batch *b);

#endif
