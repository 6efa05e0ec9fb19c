/*
 * chat-tail in phases, one after the other. The first ones ask one thing at a time on one session:
 * what time it is, which rooms there are (tail_scan), where to begin in each (tail_start), what
 * they hold (tail_replay). The last one waits for many connections (tail_conn) at once: it follows
 * the rooms (tail_follow), or shares them with the other readers of a group (tail_group).
 */
#ifndef CMD_TAIL_H
#define CMD_TAIL_H

#include "cmd/tail_state.h"

/*
 * Read and print until there is reason to stop, which is in `print.stop` then. Returns 0, or -1
 * with `*e`. Also on failure, everything that came whole has been printed.
 */
int tail_run(struct tail *t, struct err *e);

/* Release what the phases have made. */
void tail_free(struct tail *t);

#endif
