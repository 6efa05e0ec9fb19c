/*
 * -g: sharing rooms with the other readers of a consumer group. An entry that was given to a reader
 * is pending until that reader acknowledges it. Another reader may claim it if the first one was
 * silent for too long.
 *
 * Without --ack, what was written to standard output is acknowledged, many entries at a time. With
 * --ack, the program behind acknowledges each entry on standard input, a few are given out at a
 * time, and those that are not answered at the end are handed back.
 */
#ifndef CMD_TAIL_GROUP_H
#define CMD_TAIL_GROUP_H

#include "cmd/tail_state.h"

/*
 * Read and print what the group gives us until there is reason to stop. Then acknowledge it or hand
 * it back, and delete our consumer if nobody comes back to its name. -1 as tail_wait(), or
 * EXIT_FAILED when standard input ended too early.
 */
int tail_group(struct tail *t, struct err *e);

#endif
