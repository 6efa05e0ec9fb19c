/*
 * A receipt: a key beside the room, in the same hash slot, in which each transaction notes how many
 * of this sender's entries are in. Its value is that number and the last one's line of the input;
 * with -i, the last one's ID follows.
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
        RECEIPT_NONE,         /* not begun, or no longer of use */
        RECEIPT_BEGUN,        /* it has a name */
        RECEIPT_OPENING,      /* the server was asked to make it: nobody knows yet whether it did */
        RECEIPT_UNREPLICATED, /* it is there; with --replicas, they perhaps do not have it */
        RECEIPT_OPEN
    } state;
    struct buf room; /* that it is named under */
    struct buf key;
    uint64_t life;      /* ms after its last use, when it expires */
    int64_t used;       /* wait_now() of then */
    uint64_t acked;     /* entries under it that the server has acknowledged */
    size_t first, last; /* lines of the first and the last of them */

    /* The same under the name before. */
    uint64_t before;
    size_t before_first;

    /* Of the last entry that was acknowledged, under this name or the one before. */
    struct buf last_room;
    struct id last_id; /* ID_LEAST: not known */
    bool checked;      /* no connection has died since it was known to be there */
};

/*
 * Begin a receipt under the name of a room and of the user, for a new random 128-bit sender:
 * `{room}:chat-send:USER:<32 hexadecimal digits>`, without the braces where the room has a hash tag
 * of its own. USER is percent-encoded but for letters, digits, `.`, `_` and `-`, so that a pattern
 * of an ACL for one user matches no other. It lives for the larger of an hour and four times
 * `retry` (7 days for SESSION_FOREVER): it matters only while an answer is missing. `room` is
 * copied, and may be the receipt's own. Ends the program when the system gives no random numbers.
 */
void receipt_begin(
    struct receipt *r, struct span room, const char *user, int64_t retry, int64_t now);

/* Whether it lies in the hash slot of the room that it is named under. */
bool receipt_lies_beside(const struct receipt *r);

/* Whether a quarter of its life has passed since it was last used: then a new one should be begun.
 */
bool receipt_is_old(const struct receipt *r, int64_t now);

/* The value to set when `count` more entries are in, the last of which is that line. */
void receipt_value(const struct receipt *r, uint64_t count, size_t line, struct buf *to);

/* The server has the part's transaction. */
void receipt_acknowledge(struct receipt *r, const struct batch_part *part);

/* What the server's receipt says. */
struct receipt_said {
    bool there;
    uint64_t entries;
    size_t line;
    struct id id; /* ID_LEAST: it does not say */
};

/* Read its value; false if it is none. */
bool receipt_parse(const char *text, size_t n, struct receipt_said *said);

/*
 * What that means, when `in_doubt` entries at the most were sent behind those acknowledged and not
 * answered for.
 */
enum receipt_verdict {
    RECEIPT_AGREES, /* exactly what was acknowledged is in */
    RECEIPT_RAN,    /* and so are the first so many entries of those in doubt */
    RECEIPT_GONE, /* there is none any more: it was evicted, has expired or was deleted, or lost */
    RECEIPT_BEHIND, /* the server has lost what it had acknowledged */
    RECEIPT_FOREIGN /* somebody else has written it */
};
enum receipt_verdict receipt_judge(
    const struct receipt *r, uint64_t in_doubt, const struct receipt_said *said);

void receipt_free(struct receipt *r);

#endif
