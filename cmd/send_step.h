/*
 * Decisions that need no server: what to do next, and how much a batch and a transaction hold.
 */
#ifndef CMD_SEND_STEP_H
#define CMD_SEND_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_batch.h"

/* What to do next. send_request.h describes the requests. */
enum step {
    STEP_WAIT,       /* for a reply, a connection or input */
    STEP_PROVE,      /* ask whether transactions are allowed */
    STEP_GUARD,      /* WATCH and GET the receipt of the current part */
    STEP_QUEUE,      /* MULTI, and the XADDs of the current part */
    STEP_QUEUE_NEXT, /* the same for the next part, before its guard is answered */
    STEP_COMMIT,     /* EXEC, and the guard of the next transaction */
    STEP_DISCARD,    /* what was queued */
    STEP_ADD,        /* the XADDs of the current part, without a transaction */
    STEP_ADD_NEXT,   /* the same for the next part */
    STEP_VERIFY,     /* the receipt shows that the transaction ran: check each XADD */
    STEP_COMPARE,    /* compare with what the room holds under IDs that were too old (-k) */
    STEP_RENEW,      /* write something that replicas can acknowledge, and WAIT */
    STEP_TRIM,       /* the rooms, by age */
    STEP_FINISH,     /* the current transaction is in */
    STEP_RECOVER     /* all replies have come, and one of them was an error */
};

/* The guard of the current part's receipt, on this connection. */
enum guard { GUARD_NONE, GUARD_ASKED, GUARD_STANDS };

/* What the next step depends on. */
struct step_facts {
    enum part_state now;  /* of the current part, the oldest one that is not in */
    enum part_state next; /* of the part after it, if that may be sent before replies come */
    enum guard guard;
    bool up;        /* commands may be sent */
    bool owed;      /* the server owes replies */
    bool error;     /* one of the replies was an error */
    bool proven;    /* this connection has shown that transactions are allowed */
    bool plain;     /* XADDs are sent without a transaction */
    bool unguarded; /* each entry's ID is its own receipt (-k) */
    bool trims;     /* rooms are trimmed by age */
};

/* What to do next. */
enum step step_next(const struct step_facts *f);

/*
 * What a batch may hold. Near the server that is 2,048 entries or 1 MiB, which take 4 to 5 ms of
 * the server's time. Far from it the round trip costs more than that, so the limit grows with
 * `distance`, the round trip in milliseconds, up to 16,384 entries or 4 MiB: 30 to 50 ms of the
 * server's time, while other clients wait. With `in_parts`, each part costs a round trip.
 */
struct batch_limit size_limit(int64_t distance, bool in_parts);

/* How large a transaction may be. Zero it. */
struct transaction_size {
    size_t limit;   /* entries; 0: as many as a batch holds */
    size_t ceiling; /* up to which the limit grows again after a failure; 0: no ceiling */
    unsigned good;  /* transactions that succeeded in a row */
};

/* How many entries a transaction may hold. */
size_t size_of_transaction(const struct transaction_size *s);

/*
 * A transaction of `entries` failed, perhaps because it was too large: halve the limit. If the
 * connection `died`, the limit does not grow again for a while.
 */
void size_failed(struct transaction_size *s, size_t entries, bool died);

/* A transaction succeeded: the next one may be larger. */
void size_succeeded(struct transaction_size *s);

#endif
