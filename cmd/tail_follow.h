/*
 * The present: whatever comes, of all rooms. One XREAD serves many rooms, but each answer costs the
 * server and us a visit to all that it asks for, so that rooms are spread over connections; in a
 * cluster, one command can only ask about keys of one hash slot, so that each slot has its own.
 *
 * Between two reads, some rooms are checked (XINFO): nothing that is read waits for more than a
 * bounded number of them.
 */
#ifndef CMD_TAIL_FOLLOW_H
#define CMD_TAIL_FOLLOW_H

#include "cmd/tail.h"

/* Print what comes until there is reason to stop. -1 as tail_wait(), or EXIT_FAILED when there may
 * not be as many connections as are needed. */
int tail_follow(struct tail *t, struct err *e);

#endif
