/*
 * Sharing rooms with the other readers of a consumer group ("Consumer groups"): an entry that was
 * given to a reader is pending until that reader has acknowledged it, and may be claimed by another
 * one when that takes too long.
 */
#ifndef CMD_TAIL_GROUP_H
#define CMD_TAIL_GROUP_H

#include "cmd/tail.h"

/* Read and print what the group gives us until there is reason to stop, acknowledge it, and take
 * our consumer off, if nobody will come back to its name. -1 as tail_wait(). */
int tail_group(struct tail *t, struct err *e);

#endif
