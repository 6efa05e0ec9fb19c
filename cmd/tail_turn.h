/*
 * A turn of one connection of a group: it tells the server what became of the entries that were
 * given before (XACK, and XCLAIM for those that are handed back or renewed), and asks for new ones
 * (XREADGROUP), all in one round trip.
 */
#ifndef CMD_TAIL_TURN_H
#define CMD_TAIL_TURN_H

#include "cmd/tail_clock.h"
#include "cmd/tail_take.h"
#include "cmd/tail_xread.h"

/* A command that says what became of a room's entries. */
struct tail_update {
    enum tail_update_kind { TAIL_UPDATE_DONE, TAIL_UPDATE_BACK, TAIL_UPDATE_RENEWED } kind;
    struct tail_room *room;
};

struct tail_update_list LIST(struct tail_update);

/* Set the first three, tail_turn_start(), and before each use the next ones; tail_turn_free(). */
struct tail_turn {
    struct request request;
    struct tail_take *take;
    const struct tail_room_list *rooms;

    int64_t block;  /* ms that the server waits for something to come, or TAIL_NO_WAIT */
    uint64_t count; /* entries of each room that is `asked`; 0: read nothing */
    bool recovers;  /* read what is pending for us instead, after each room's `own` */
    bool timed;     /* ask for the time before the read, too: */
    struct tail_clock clock;
    bool strict;   /* a room that cannot be read is an error, and not: */
    bool lost;     /* answered: the group, or one of the rooms, is not there or cannot be read */
    bool forgives; /* the updates need not be done: it is the end */
    size_t came;   /* entries */

    struct tail_batch batch; /* how many may be asked for at once, without --ack */

    /* Private. */
    struct tail_update_list updates; /* before the read */
    size_t asked;                    /* rooms */
};

void tail_turn_start(struct tail_turn *u, struct tail_take *take);

/* How often what was given is renewed, in ms. */
int64_t tail_turn_renew_period(const struct tail_settings *set);

/* Whether there is something to tell of the room. */
bool tail_turn_has_updates(const struct tail_turn *u, const struct tail_share *share);

void tail_turn_free(struct tail_turn *u);

#endif
