/* What a connection of a group asks next: upkeep first, then new entries of its rooms in turn, and
 * updates of what it has given out. */
#ifndef CMD_TAIL_SCHEDULE_H
#define CMD_TAIL_SCHEDULE_H

#include "cmd/tail_sharer.h"

/* Returns a new connection without rooms, to be added to the others, which close it. */
struct tail_sharer *tail_schedule_new(struct tail_giving *g);

#endif
