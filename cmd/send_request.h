/*
 * What is asked of the server about batches, and whose reply comes next: an expectation is queued
 * for each command, and taken off when its reply has come whole.
 */
#ifndef CMD_SEND_REQUEST_H
#define CMD_SEND_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_batch.h"
#include "cmd/send_receipt.h"
#include "common/session.h"

enum expectation {
    EXPECT_ANYTHING, /* errors too */
    EXPECT_NO_ERROR,
    EXPECT_BOOKKEEPING, /* no error of a command that is there only to keep the promise */
    EXPECT_GET,         /* what the receipt says */
    EXPECT_QUEUED,      /* of an XADD behind MULTI */
    EXPECT_EXEC,        /* of a part */
    EXPECT_XADD,        /* by itself */
    EXPECT_WAIT,        /* how many replicas have it */
    EXPECT_PROBE,       /* can entries be added to the room? */
    EXPECT_IDS,         /* the room's last entries, the newest first */
    EXPECT_HELD,        /* what the room holds under the ID of an entry */
    EXPECT_BELOW,       /* its first entry up to that ID */
    EXPECT_TRIMMED,
    EXPECT_LAST /* what the room holds from the ID on that was acknowledged last */
};

struct expected {
    enum expectation what;
    bool asking;           /* the answer to ASKING comes before each reply */
    bool asked;            /* it has come */
    uint32_t left;         /* replies to come */
    uint32_t entry;        /* that the next reply is about; of EXPECT_PROBE, the room */
    struct batch_part *of; /* the part that it is about, if it is about one */
    struct receipt *receipt;
};

enum { REQUEST_QUEUE = 32 };

/* Zero it, then fill in the first two; release with request_free(). */
struct requests {
    const struct send_settings *set;
    struct session *session;

    /* Private. */
    struct expected queue[REQUEST_QUEUE];
    size_t first, n;
    struct buf space;
};

/* The expectation of the next reply, or NULL. It may be changed. */
struct expected *request_due(struct requests *q);

/* A reply has come whole: go on to the next. Returns whether it was the last of its kind. */
bool request_answered(struct requests *q);

/* Nothing will be answered any more. */
void request_forget(struct requests *q);

/*
 * Each of these sends a request, and expects its replies. Those about a part are about its `count`
 * entries from `first` on that are ENTRY_OUT, unless said otherwise.
 */

/* Are transactions allowed? MULTI, EXEC: that also clears what is watched. `r` is what the errors
 * are about, or NULL. */
void request_prove(struct requests *q, struct receipt *r);

/*
 * WATCH receipt, GET receipt. A receipt that is not open is opened before that; then it is also
 * asked whether what was acknowledged under another name is still there. Unless it is `proven` that
 * transactions are allowed, that is asked first.
 */
void request_guard(struct requests *q, struct receipt *r, bool proven);

/* MULTI, the XADDs, and the receipt's new value, when `before` entries more than acknowledged come
 * before them. */
void request_queue(struct requests *q, struct batch_part *of, struct receipt *r, uint64_t before);

/* EXEC, WAIT. */
void request_commit(struct requests *q, struct batch_part *of, struct receipt *r);

/* DISCARD. What the guard asked for means nothing then, as it is cleared. */
void request_discard(struct requests *q);

/* The XADDs by themselves, WAIT. */
void request_add(struct requests *q, struct batch_part *of);

/*
 * Could the entries be added to their rooms? A transaction that ran does not say so of each of
 * them. And, where `last` is not ID_LEAST, what are their IDs (-i), of which it is the last?
 */
void request_verify(struct requests *q, struct batch_part *of, struct receipt *r, struct id last);

/* What the rooms hold under the IDs of the part's entries that are ENTRY_TOO_OLD, or whether they
 * hold anything up to there. */
void request_held(struct requests *q, struct batch_part *of, bool below);

/* Write the receipt again, and WAIT: it counts only what this connection has written. */
void request_renew(struct requests *q, struct batch_part *of, struct receipt *r);

/* Trim by age the rooms that have a newest entry, which is forgotten: each part trims its own. */
void request_trim(struct requests *q, struct send_batch *b);

/* Is what was acknowledged last under the receipt still there? */
void request_last(struct requests *q, struct receipt *r);

/* The same, where there is a receipt by what that says. */
void request_check(struct requests *q, struct receipt *r);

/* Delete the receipt. */
void request_delete(struct requests *q, struct receipt *r);

void request_free(struct requests *q);

#endif
