/*
 * What the server's replies say about entries and receipts. The requests know what each reply
 * answers (send_request.h).
 */
#ifndef CMD_SEND_REPLY_H
#define CMD_SEND_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_receipt.h"
#include "cmd/send_request.h"
#include "common/err.h"
#include "common/reply.h"

/* The first error among the replies. */
struct request_error {
    struct err why;          /* EXIT_DONE: no error */
    size_t line;             /* that it is about, or 0 */
    bool bookkeeping;        /* it is about a command that adds no entry, such as WATCH */
    bool full;               /* the server is out of memory */
    bool crossed;            /* rooms of several hash slots cannot share a transaction */
    struct batch_part *part; /* whose XADD was refused after MULTI, or NULL */
    uint32_t entry;          /* that the XADD was for */
};

/* Zero it, then fill in the first two; release with replies_free(). */
struct replies {
    const struct send_settings *set;
    struct requests *requests;

    struct request_error error;
    struct receipt_content receipt; /* EXPECT_GET */
    bool ran;                       /* EXPECT_EXEC: the transaction ran */
    uint32_t too_old;               /* how many of its entries became ENTRY_TOO_OLD */
    long long replicas;             /* EXPECT_WAIT */
    enum { LAST_HELD, LAST_GONE, LAST_UNKNOWN } last; /* EXPECT_LAST */
    struct err unknown;                               /* why LAST_UNKNOWN */

    /* Private. */
    struct id id;      /* of the entry that is being read, */
    struct buf fields; /* and its fields, as words */
    uint32_t *entries; /* the entries whose IDs are being read */
    size_t n_entries;
    struct buf space; /* scratch */
};

/*
 * The sink (reply.h) for the reply that is due; its context is the struct. An entry becomes
 * ENTRY_IN, with its ID, or ENTRY_TOO_OLD when its own reply says so (EXPECT_EXEC, EXPECT_XADD,
 * EXPECT_HELD, EXPECT_BELOW). With EXPECT_PROBE, a room's `entry` becomes BATCH_NO_ENTRY if entries
 * can be added to the room.
 */
void replies_item(void *replies, const struct reply_item *item);

/* Set the error for an entry (-k) whose ID is below the room's last ID, but not in the room. */
void replies_not_held(struct replies *r, const struct send_batch *b, uint32_t entry);

void replies_free(struct replies *r);

#endif
