/*
 * Sharing rooms with the other readers of a consumer group ("Consumer groups"): an entry that was
 * given to a reader is pending until it is acknowledged, and may be claimed by another reader when
 * its reader was silent for too long.
 *
 * Without --ack, what was written to standard output is acknowledged, many entries at a time. With
 * it, the program behind acknowledges each on standard input, a few are given at a time, and what
 * is not answered at the end is handed back.
 */
#ifndef CMD_TAIL_GROUP_H
#define CMD_TAIL_GROUP_H

#include "cmd/tail.h"

/* Read and print what the group gives us until there is reason to stop, see to it that it is
 * acknowledged or handed back, and take our consumer off, if nobody will come back to its name. -1
 * as tail_wait(), or EXIT_FAILED when standard input ended too early. */
int tail_group(struct tail *t, struct err *e);

#endif
