/* -l: listing the rooms. */
#ifndef CMD_TAIL_LIST_H
#define CMD_TAIL_LIST_H

#include "cmd/tail_state.h"

/* Print a row for each room that was located. */
void tail_list(struct tail *t);

#endif
