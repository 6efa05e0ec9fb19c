/* The past: what the rooms held when we began, one room after the other. */
#ifndef CMD_TAIL_REPLAY_H
#define CMD_TAIL_REPLAY_H

#include "cmd/tail.h"

/* Print it. Returns as tail_call(). */
int tail_replay(struct tail *t, struct err *e);

#endif
