/*
 * How a batch travels: in a script, which the server runs whole or not at all, and at most once
 * (send_script.c); a large one as a transaction (send_transaction.c), which does the same with less
 * work for the server; or as one XADD after the other (send_plain.c), where scripts are not
 * possible or not wanted: there a batch whose answer was lost is sent twice, and after a refusal
 * that passes later entries may have overtaken the one it was about.
 *
 * A batch that was given to the link is BATCH_SENT, and BATCH_IN when the server has all of it. If
 * the server has not, then what is in is marked as done, the batch is BATCH_READY again, and there
 * is trouble.
 */
#ifndef CMD_SEND_WIRE_H
#define CMD_SEND_WIRE_H

#include "cmd/send_batch.h"
#include "common/err.h"
#include "common/link.h"

/* The first thing that went wrong among the batches that are under way. Zero it: nothing has. */
struct trouble {
    enum {
        TROUBLE_NONE,
        TROUBLE_PASSING, /* `why`, which passes */
        TROUBLE_GAP,     /* the receipt tells of something else than what was acknowledged: `gap` */
        TROUBLE_UNRUN,   /* a transaction was not run: the script will tell why */
        TROUBLE_SCRIPT,  /* `why`, about a receipt's first batch, of which nothing is in: perhaps it
                            is the script that is not possible */
        TROUBLE_FINAL    /* `why`, for good */
    } kind;
    struct err why;
    bool refused; /* TROUBLE_UNRUN: the server did not take a command of it */
    bool torn;    /* the slot of the room and its receipt is half here, half there (TRYAGAIN) */
    size_t line;  /* that it is about, or 0 */
    bool unsure;  /* nobody knows whether that line is in */
    struct {
        uint64_t upto; /* so many entries are in, says the receipt, */
        size_t line;   /* the last of them this line of the input */
        bool evicted;  /* there is no receipt, and the room may well hold what was acknowledged */
    } gap;
};

struct wire {
    const struct send_settings *set;
    struct receipt *receipt;
    struct link *link;
    struct send_batch *batch; /* that is sent, or that the next reply is about */
    struct trouble *trouble;
};

/* Take an error reply as trouble about a line (0: about none). */
void wire_refuse(struct wire *w, const struct reply_item *item, size_t line);

/* The server refused the ID of a slot because it is too old, and the room does not hold it. */
void wire_refuse_id(struct wire *w, const struct send_slot *slot);

/* A reply that no Redis gives. */
void wire_reject(struct wire *w);

/* Whether the error says that a text is longer than the server's proto-max-bulk-len; it closes. */
bool wire_is_too_long(const struct reply_item *item);

/* Whether the error says that an ID is not above the room's last. */
bool wire_is_too_old(const struct reply_item *item);

/*
 * Append the command that adds the n-th entry of the batch up to its fields: XADD, with what
 * --maxlen asks. Without -k it is the same for all of them.
 */
void wire_add_head(const struct wire *w, size_t n, struct buf *to);

/* A way to send. */
struct send_way {
    void (*send)(struct wire *w);    /* give the batch to the link */
    reply_sink *item;                /* the sink for the replies; its context is the wire */
    void (*replied)(struct wire *w); /* after each whole reply; it may ask for more */
};

/* The script's `replied` may be put off until just before the next script's reply. */
extern const struct send_way send_as_script, send_as_transaction, send_as_plain;

/* Open the receipt (see there); the batch is only what is waiting for it. */
void script_open(struct wire *w);

/*
 * Ask, with TRANSACTION_PROBES commands that change nothing, whether transactions are allowed. They
 * must not be used otherwise: were MULTI alone refused, what follows would be run piece by piece.
 * The answer is no if any of the replies, of which so many are `left`, this one included, says so.
 */
enum { TRANSACTION_PROBES = 4 };
void transaction_probe(struct wire *w);
bool transaction_is_refused(const struct reply_item *item, size_t left);

/*
 * A receipt is a key beside the room, in the same hash slot, in which the script or transaction
 * notes how many of the sender's entries it has added: so no batch runs twice, and none before its
 * predecessor. It is opened, by the script without entries, and found open before the first batch
 * is sent: if it is missing ever after, it was evicted or lost, and nobody takes that for a batch
 * that never ran. Zero it; release with receipt_free().
 */
struct receipt {
    struct buf room;
    struct buf key;     /* empty: not begun */
    bool open;          /* the server has it */
    uint64_t life;      /* ms; it expires so long after its last use */
    int64_t used;       /* wait_now() of then */
    uint64_t acked;     /* entries under it that the server has acknowledged */
    uint64_t sent;      /* and that were sent on this connection, or acknowledged before it */
    size_t first, last; /* lines of the first and the last one acknowledged */
    struct id last_id;  /* ID_LEAST: not known */
    bool stays;         /* a batch may still arrive from a connection that died */

    /* Private: of the reply at hand. */
    struct id made;
    uint64_t count;
};

/*
 * Begin a receipt for the room, of a new random 128-bit sender. It lives for the larger of an hour
 * and four times `retry` (7 days for SESSION_FOREVER), as it matters only while a batch is
 * unanswered. -1 when the system gives no random numbers.
 */
int receipt_begin(
    struct receipt *r, const struct buf *room, int64_t retry, int64_t now, struct err *e);

/* Whether it serves for the room: begun for it, and used within a quarter of its life. */
bool receipt_serves(const struct receipt *r, const struct buf *room, int64_t now);

/* Delete it, unless it must stay to refuse a late batch. True if a reply will come. */
bool receipt_end(struct receipt *r, struct link *l);

/* The server has the slot's entry, behind those acknowledged so far. */
void receipt_acknowledge(struct receipt *r, const struct send_slot *slot);

void receipt_free(struct receipt *r);

#endif
