/* -l with -g: listing the groups that share the rooms. */
#ifndef CMD_TAIL_GROUPS_H
#define CMD_TAIL_GROUPS_H

#include "cmd/tail_state.h"

/* Print a row for each group whose name matches -g, in each room: room, group, consumers, pending
 * entries, lag, last delivered ID. Returns as tail_call(). */
int tail_groups(struct tail *t, struct err *e);

#endif
