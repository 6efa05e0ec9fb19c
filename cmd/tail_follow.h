/*
 * Following: printing new entries of all rooms as they come. One XREAD serves many rooms, but each
 * answer costs the server and us a visit to all of them, so rooms are spread over connections. In a
 * cluster, one command can only ask about keys of one hash slot, so each slot has a connection.
 *
 * Between two reads some rooms are checked (XINFO), a bounded number, so that new entries never
 * wait for long.
 */
#ifndef CMD_TAIL_FOLLOW_H
#define CMD_TAIL_FOLLOW_H

#include "cmd/tail_state.h"

/* Print new entries until there is reason to stop. Returns 0; -1 as tail_wait(), or with
 * EXIT_FAILED if the limit on open files allows too few connections. */
int tail_follow(struct tail *t, struct err *e);

#endif
