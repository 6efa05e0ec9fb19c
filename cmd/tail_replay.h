/* Replaying: printing what the rooms held when we began, one room after the other. */
#ifndef CMD_TAIL_REPLAY_H
#define CMD_TAIL_REPLAY_H

#include "cmd/tail_state.h"

/* Returns as tail_call(), but not SESSION_BROKEN. */
int tail_replay(struct tail *t, struct err *e);

#endif
