/*
 * A receipt: a key in the room's hash slot, in which each transaction writes how many of this
 * sender's entries are in. Its value is that number and the input line of the last of them; with
 * -i, the last one's ID follows.
 */
#ifndef CMD_SEND_RECEIPT_H
#define CMD_SEND_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_batch.h"

/* Zero it; release with receipt_free(). */
struct receipt {
    enum {
        RECEIPT_NONE,         /* not begun, or given up */
        RECEIPT_BEGUN,        /* it has a name */
        RECEIPT_OPENING,      /* the server was asked to create it, and may have done so */
        RECEIPT_UNREPLICATED, /* it exists, but too few replicas have it (--replicas) */
        RECEIPT_OPEN
    } state;
    struct buf room;    /* whose name it has */
    struct buf key;     /* its own name */
    uint64_t life;      /* ms from its last use until it expires */
    int64_t used;       /* wait_now() of its last use */
    uint64_t acked;     /* entries that the server has acknowledged under this key */
    size_t first, last; /* lines of the first and the last of them */

    uint64_t before; /* `acked` and `first` of the key before this one */
    size_t before_first;

    /* The last acknowledged entry, under this key or the one before. */
    struct buf last_room;
    struct id last_id; /* ID_LEAST: not known */
    bool checked;      /* no connection has died since the entry was known to be there */
};

/*
 * Begin a receipt with a new key, named after the room, the user and a random number of 128 bits:
 * `{room}:chat-send:USER:<32 hexadecimal digits>`, without the braces if the room has a hash tag of
 * its own. USER is percent-encoded except for letters, digits, `.`, `_` and `-`, so that an ACL
 * pattern for one user matches no other. The key lives for an hour or four times `retry` ms,
 * whichever is longer (7 days for SESSION_FOREVER): it matters only while a reply is missing.
 * `room` is copied, and may be the receipt's own. Exits if the system has no random numbers.
 */
void receipt_begin(
    struct receipt *r, struct span room, const char *user, int64_t retry, int64_t now);

/* Whether its key lies in the room's hash slot. */
bool receipt_lies_beside(const struct receipt *r);

/* Whether it should be replaced: a quarter of its life has passed since its last use. */
bool receipt_is_old(const struct receipt *r, int64_t now);

/* Set `to` to the value for when `count` more entries are in, the last of them from `line`. */
void receipt_value(const struct receipt *r, uint64_t count, size_t line, struct buf *to);

/* The server has acknowledged the part's transaction: count its entries. */
void receipt_acknowledge(struct receipt *r, const struct batch_part *part);

/* What the key holds at the server. */
struct receipt_content {
    bool there;
    uint64_t entries;
    size_t line;
    struct id id; /* ID_LEAST: it holds none */
};

/* Parse the key's value. False if it is not a receipt's. */
bool receipt_parse(const char *text, size_t n, struct receipt_content *content);

/* What that means, if at most `in_doubt` entries were sent after the acknowledged ones. */
enum receipt_verdict {
    RECEIPT_AGREES, /* exactly what was acknowledged is in */
    RECEIPT_RAN,    /* and so are the first of the entries in doubt */
    RECEIPT_GONE,   /* the key does not exist: it was evicted, expired, deleted or lost */
    RECEIPT_BEHIND, /* the server has lost what it acknowledged */
    RECEIPT_FOREIGN /* another client has written it */
};
enum receipt_verdict receipt_judge(
    const struct receipt *r, uint64_t in_doubt, const struct receipt_content *content);

/* Release what it holds, but not the struct. */
void receipt_free(struct receipt *r);

#endif
