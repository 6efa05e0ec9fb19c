/*
 * The commands that deliver batches, and what the next reply answers: an expectation is queued for
 * each command, and removed when its reply has come.
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
    EXPECT_ANYTHING,    /* ignored, even if it is an error */
    EXPECT_NO_ERROR,    /* ignored unless it is an error */
    EXPECT_BOOKKEEPING, /* the same, for a command that only serves to deliver entries once */
    EXPECT_GET,         /* the receipt's value */
    EXPECT_QUEUED,      /* of an XADD after MULTI */
    EXPECT_EXEC,        /* of a part */
    EXPECT_XADD,        /* without a transaction */
    EXPECT_WAIT,        /* how many replicas have it */
    EXPECT_PROBE,       /* whether entries can be added to the room */
    EXPECT_IDS,         /* the room's last entries, the newest first */
    EXPECT_HELD,        /* what the room holds under the ID of an entry */
    EXPECT_BELOW,       /* the room's first entry up to that ID */
    EXPECT_TRIMMED,
    EXPECT_LAST /* what the room holds from the last acknowledged ID on */
};

struct expected {
    enum expectation what;
    bool asking;             /* ASKING was sent before each command, and is answered first */
    bool asked;              /* ASKING has been answered */
    uint32_t left;           /* how many replies are due */
    uint32_t entry;          /* that the next reply is about; for EXPECT_PROBE, a room's place */
    struct batch_part *of;   /* the part that it is about, or NULL */
    struct receipt *receipt; /* the receipt that it is about, or NULL */
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

/* The expectation of the next reply, or NULL. The caller may change it. */
struct expected *request_due(struct requests *q);

/* A reply has come. Returns whether it was the last one that its expectation was for. */
bool request_answered(struct requests *q);

/* The connection died: no reply will come. */
void request_forget(struct requests *q);

/*
 * Each of the following sends commands, and expects their replies. Unless it says otherwise, one
 * about a part is about the `count` entries of the part's transaction.
 */

/* Try whether transactions are allowed: MULTI, EXEC. That also clears every WATCH. Errors are about
 * `r`, unless that is NULL. */
void request_prove(struct requests *q, struct receipt *r);

/*
 * Guard the receipt: WATCH, GET. A receipt that is not open is opened first, and it is checked that
 * the last acknowledged entry is still there. Unless it is `proven` that transactions are allowed,
 * that is tried before all else.
 */
void request_guard(struct requests *q, struct receipt *r, bool proven);

/* MULTI, the XADDs, and the receipt's new value. `before` is how many entries that were not
 * acknowledged precede these. */
void request_queue(struct requests *q, struct batch_part *of, struct receipt *r, uint64_t before);

/* EXEC, and WAIT if there is --replicas. */
void request_commit(struct requests *q, struct batch_part *of, struct receipt *r);

/* DISCARD. That clears WATCH too, so the replies to a GET that is due are ignored. */
void request_discard(struct requests *q);

/* The XADDs without a transaction, and WAIT if there is --replicas. */
void request_add(struct requests *q, struct batch_part *of);

/*
 * Probe whether entries can be added to the rooms, because a transaction that ran may hold an XADD
 * that failed. Unless `last` is ID_LEAST, also read the IDs of the entries (-i); `last` is the ID
 * of the last one.
 */
void request_verify(struct requests *q, struct batch_part *of, struct receipt *r, struct id last);

/* Read what the rooms hold under the IDs of the part's entries that are ENTRY_TOO_OLD, or with
 * `below` whether they hold anything up to those IDs. */
void request_held(struct requests *q, struct batch_part *of, bool below);

/* Write the receipt again, and WAIT, which only counts what this connection has written. */
void request_renew(struct requests *q, struct batch_part *of, struct receipt *r);

/* Trim by age the rooms that have a `newest` entry, and forget it, so that no room is trimmed twice
 * for the same entries. */
void request_trim(struct requests *q, struct send_batch *b);

/* Check whether the last entry that was acknowledged under the receipt is still there. */
void request_last(struct requests *q, struct receipt *r);

/* The same, but if there is a receipt, read that instead. */
void request_check(struct requests *q, struct receipt *r);

/* Delete the receipt. */
void request_delete(struct requests *q, struct receipt *r);

void request_free(struct requests *q);

#endif
