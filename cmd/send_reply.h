/*
 * What the server's replies say of entries and receipts. Each reply is read as the request has it
 * that it answers (send_request.h).
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
    struct err why;          /* EXIT_DONE: there is none */
    size_t line;             /* that it is about, or 0 */
    bool bookkeeping;        /* it is about a command that is there only to keep the promise */
    bool full;               /* the server is out of memory */
    bool crossed;            /* rooms of several hash slots can not share a transaction */
    struct batch_part *part; /* an XADD of it was refused behind MULTI: */
    uint32_t entry;          /* this one */
};

/* Zero it, then fill in the first two; release with replies_free(). */
struct replies {
    const struct send_settings *set;
    struct requests *asked;

    struct request_error error;
    struct receipt_said said; /* EXPECT_GET */
    bool ran;                 /* EXPECT_EXEC: the transaction did */
    uint32_t too_old;         /* how many of its entries are ENTRY_TOO_OLD */
    long long replicas;       /* EXPECT_WAIT */
    enum { LAST_HELD, LAST_GONE, LAST_UNKNOWN } last; /* EXPECT_LAST; why it is unknown: */
    struct err unknown;

    /* Private: the entry that is coming; entries whose IDs are coming. */
    struct buf fields, space;
    struct id id;
    uint32_t *entries;
    size_t n_entries;
};

/*
 * The sink (reply.h) for the reply that is due; its context is the struct. An entry that was added
 * becomes ENTRY_IN, with its ID, when its own reply says so (EXPECT_EXEC, EXPECT_XADD, EXPECT_HELD,
 * EXPECT_BELOW); or ENTRY_TOO_OLD. EXPECT_PROBE: of a room to which entries can be added, `entry`
 * becomes BATCH_NO_ENTRY.
 */
void replies_item(void *replies, const struct reply_item *item);

/* The entry's ID is not above the room's last, and the room does not hold it. */
void replies_not_held(struct replies *r, const struct send_batch *b, uint32_t entry);

void replies_free(struct replies *r);

#endif
