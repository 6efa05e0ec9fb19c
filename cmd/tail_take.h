/* Taking the entries that the group gives to this reader: they are printed, and remembered until
 * they are answered. */
#ifndef CMD_TAIL_TAKE_H
#define CMD_TAIL_TAKE_H

#include "cmd/tail_state.h"
#include "cmd/tail_share.h"
#include "common/entry.h"

/* What all connections of the group share. */
struct tail_giving {
    struct tail *t;
    const struct tail_settings *set;
    size_t unanswered; /* --ack: entries that were given and not answered; */
    size_t reserved;   /* and those that current requests may still bring */
    bool ever;         /* something was given */
    bool closing;      /* give nothing more: hand back what comes */
    bool answered;     /* standard input ended: no more answers will come */
};

/* Set `giving`, call tail_take_start(), and set the next five before each reply; release it with
 * tail_take_free(). */
struct tail_take {
    struct tail_giving *giving;
    const struct tail_room_list *rooms; /* those that a reply may name */
    uint64_t count;                     /* deliveries of the next entry, including this one */
    struct tail_dead *dead;             /* what moves it to --dead; NULL: print it */
    int64_t asked;                      /* wait_now() of when it was asked for */
    bool recovers;                      /* it was pending for us before */
    struct entry_decoder in;            /* `entries` and `bytes` tell what came */

    /* Private. */
    struct tail_entry open;
    struct tail_room *reading; /* the room that the next entry is from */
    size_t at;                 /* its place among `rooms` */
    bool any;                  /* a field of the entry came: it was not deleted */
};

void tail_take_start(struct tail_take *k, struct tail_giving *g);

/* Expect a reply with entries of this room; NULL: of the rooms that it names. Sets `count` to 1. */
void tail_take_expect(struct tail_take *k, enum entry_reply reply, struct tail_room *room);

/* Take an item of the reply. What is wrong with it goes into `*problem`. */
void tail_take_item(struct tail_take *k, const struct reply_item *item, struct err *problem);

/* The connection died: drop what came of an unfinished entry. */
void tail_take_void(struct tail_take *k);

/* Report how many entries of the room were deleted while they were pending, if any were. */
void tail_take_report_deleted(struct tail_room *room);

void tail_take_free(struct tail_take *k);

#endif
