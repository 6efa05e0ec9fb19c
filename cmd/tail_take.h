/* What the group gives to this reader: entries become lines, and are remembered until they are
 * answered. */
#ifndef CMD_TAIL_TAKE_H
#define CMD_TAIL_TAKE_H

#include "cmd/tail.h"
#include "cmd/tail_share.h"
#include "common/entry.h"

/* What all connections of the group share. */
struct tail_giving {
    struct tail *t;
    size_t unanswered; /* --ack: entries that were given and not answered */
    size_t reserved;   /* and those that may come with requests which do not wait */
    bool ever;         /* something was given */
    bool closing;      /* give nothing more: what comes is handed back */
    bool answered;     /* no more answers will come */
};

/* Set the first two and tail_take_start(); tail_take_free(). */
struct tail_take {
    struct tail_giving *giving;
    const struct tail_room_list *rooms; /* those that a reply may name */
    /* The entries that come next: how often each is delivered with this, */
    uint64_t count;
    /* who wants their fields instead of having them printed, or NULL; */
    struct tail_dead *dead;
    /* and wait_now() of when they were asked for. */
    int64_t asked;
    bool own; /* they were pending for us before */
    struct entry_decoder in;

    /* Private. */
    struct tail_entry open;
    struct tail_room *reading; /* the room whose entries come */
    size_t at;                 /* its place among all */
    bool any;                  /* a field of the entry came */
};

void tail_take_start(struct tail_take *k, struct tail_giving *g);

/* Expect a reply: entries of this room, or of several (NULL), which the reply names. */
void tail_take_expect(struct tail_take *k, enum entry_reply reply, struct tail_room *room);

/* An item of it. What is wrong goes into `*problem`. */
void tail_take_item(struct tail_take *k, const struct reply_item *item, struct err *problem);

/* The connection died: what came of an entry is void. */
void tail_take_void(struct tail_take *k);

/* Say how many entries of the room were deleted while they were pending, if any were. */
void tail_take_report_deleted(struct tail_room *room);

void tail_take_free(struct tail_take *k);

#endif
