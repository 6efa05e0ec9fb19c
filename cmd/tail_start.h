/* Where reading begins: the bounds of -S and -U, the place in each room. */
#ifndef CMD_TAIL_START_H
#define CMD_TAIL_START_H

#include "cmd/tail.h"
#include "cmd/tail_info.h"

/* Know `print.since` and `print.until`, by the server's clock where they are so long ago. Returns
 * as tail_call(). */
int tail_start_bounds(struct tail *t, struct err *e);

/*
 * Learn what is in each room that is TAIL_ROOM_NEW, and begin it where the options or the file of
 * -C say, -n excepted: then it is TAIL_ROOM_SEARCHED. Returns as tail_call(); a room that was named
 * and cannot be read is an error.
 */
int tail_start_locate(struct tail *t, struct err *e);

/* Begin rooms that are TAIL_ROOM_SEARCHED so that their last N messages are read. */
int tail_start_search(struct tail *t, struct err *e);

/* Begin a room that was made after we began, and of which nothing is known: all of it is new. */
void tail_start_fresh(struct tail *t, struct tail_room *room);

/* Say what was lost of a room. */
void tail_start_report(struct tail *t, struct tail_room *room, const struct tail_loss *loss);

#endif
