/* Where reading begins: the bounds of -S and -U, and the place in each room. */
#ifndef CMD_TAIL_START_H
#define CMD_TAIL_START_H

#include "cmd/tail_state.h"
#include "cmd/tail_info.h"

/* Set `print.since` and `print.until`, and ask for the server's time if they are relative to it.
 * Returns as tail_call(). */
int tail_start_bounds(struct tail *t, struct err *e);

/*
 * Find out what is in each room that is TAIL_ROOM_NEW, and begin it where the options or the file
 * of -C say. With -n N it is TAIL_ROOM_SEARCHED instead. Returns as tail_call(), or -1 if a room
 * that was named cannot be read.
 */
int tail_start_locate(struct tail *t, struct err *e);

/* Begin each room that is TAIL_ROOM_SEARCHED before its last N messages. Returns as tail_call(). */
int tail_start_search(struct tail *t, struct err *e);

/* Begin a room that was created after we began: all of it is new. */
void tail_start_fresh(struct tail *t, struct tail_room *room);

/* Report what was lost of a room, if anything was. */
void tail_start_report(struct tail *t, struct tail_room *room, const struct tail_loss *loss);

#endif
