/*
 * One turn of a connection of a group, in one round trip: it reports what became of the entries
 * that were given before (XACK, and XCLAIM for those that are handed back or renewed), and asks for
 * new ones (XREADGROUP).
 */
#ifndef CMD_TAIL_TURN_H
#define CMD_TAIL_TURN_H

#include "cmd/tail_clock.h"
#include "cmd/tail_take.h"
#include "cmd/tail_xread.h"

/* A command that reports what became of entries of a room. */
struct tail_update {
    enum tail_update_kind { TAIL_UPDATE_DONE, TAIL_UPDATE_BACK, TAIL_UPDATE_RENEWED } kind;
    struct tail_room *room;
};

struct tail_update_list LIST(struct tail_update);

/* Zero it and call tail_turn_start(), then set `rooms`, `block`, `count`, `recovers` and `timed`
 * before each use; release it with tail_turn_free(). */
struct tail_turn {
    struct request request;
    struct tail_take *take;
    const struct tail_room_list *rooms;

    int64_t block;  /* ms that the server waits for new entries, or TAIL_NO_WAIT */
    uint64_t count; /* entries of each room that is `asked`; 0: read nothing */
    bool recovers;  /* read what is pending for us instead, after each room's `recover_from` */
    bool timed;     /* ask for the server's time, too, before the read: */
    struct tail_clock clock;
    bool strict;   /* a room that cannot be read is an error; otherwise: */
    bool lost;     /* answered: the group or a room is missing, or a room cannot be read */
    bool forgives; /* ignore refused updates: this is the end */
    size_t came;   /* answered: entries that came */

    struct tail_batch batch; /* how many entries to ask for at once, without --ack */

    /* Private. */
    struct tail_update_list updates; /* sent before the read */
    size_t asked;                    /* rooms that are read */
};

/* Use `take`, which must outlive it, for what is read. */
void tail_turn_start(struct tail_turn *u, struct tail_take *take);

/* How often entries in progress are renewed, in ms. */
int64_t tail_turn_renew_period(const struct tail_settings *set);

/* Whether updates about the room are due. */
bool tail_turn_has_updates(const struct tail_turn *u, const struct tail_share *share);

void tail_turn_free(struct tail_turn *u);

#endif
