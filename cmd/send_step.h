/*
 * What can be decided about sending without a server: which request comes next, and how much a
 * batch may hold.
 */
#ifndef CMD_SEND_STEP_H
#define CMD_SEND_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_batch.h"

/* The requests (send_request.h has them in words), or what else there is to do. */
enum step {
    STEP_WAIT,       /* for a reply, a connection or input */
    STEP_PROVE,      /* ask whether transactions are allowed */
    STEP_GUARD,      /* of the part at hand: WATCH and GET */
    STEP_QUEUE,      /* MULTI, and the XADDs of the part at hand */
    STEP_QUEUE_NEXT, /* the same of the part behind it, ahead of its guard's answer */
    STEP_COMMIT,     /* EXEC, and the guard of what comes behind */
    STEP_DISCARD,    /* what was queued */
    STEP_ADD,        /* the XADDs of the part at hand by themselves */
    STEP_ADD_NEXT,
    STEP_VERIFY,  /* the receipt says that it is in: did each XADD work? */
    STEP_LOOK_UP, /* compare what the room holds under IDs that were too old (-k) */
    STEP_RENEW,   /* write something that replicas can have, and WAIT */
    STEP_TRIM,    /* the rooms, by age */
    STEP_FINISH,  /* the part at hand is in */
    STEP_RECOVER  /* all replies have come, and there was an error among them */
};

/* Of the receipt of the part at hand, on this connection. */
enum guard { GUARD_NONE, GUARD_ASKED, GUARD_STANDS };

/* What is known when it is to be decided. */
struct step_facts {
    enum part_state now;  /* of the oldest part that is not in: the part at hand */
    enum part_state next; /* of the part behind it, if it may be sent before that one is answered */
    enum guard guard;
    bool up;        /* commands may be sent */
    bool owed;      /* replies are to come */
    bool error;     /* there was an error among those that have come */
    bool proven;    /* this connection has shown that transactions are allowed */
    bool plain;     /* XADDs go by themselves */
    bool unguarded; /* each entry is its own receipt (-k) */
    bool trims;     /* rooms are trimmed by age */
};

enum step step_next(const struct step_facts *f);

/*
 * What a batch may hold: near the server 2,048 entries or 1 MiB, 4 to 5 ms of the server's time.
 * Far away the round trip is what costs, so it grows with the distance, the milliseconds that the
 * server takes to answer something that costs it nothing, up to 16,384 entries or 4 MiB: 30 to 50
 * ms of its time, for which others wait. A batch `in_parts` costs a round trip for each of them.
 */
struct batch_limit size_limit(int64_t distance, bool in_parts);

/* The size of a transaction. Zero it. */
struct transaction_size {
    size_t limit;   /* entries, after a failure; 0: as many as a batch holds */
    size_t ceiling; /* what that grows to; 0: the same */
    unsigned good;  /* transactions in a row */
};

/* How many entries a transaction may hold. */
size_t size_of_transaction(const struct transaction_size *s);

/*
 * A transaction of that many entries failed, perhaps because it is too large: the next one is half
 * as large. If the connection died of it, it will not grow beyond that for a while.
 */
void size_failed(struct transaction_size *s, size_t entries, bool died);

/* A transaction went through: the next one may be larger. */
void size_succeeded(struct transaction_size *s);

#endif
