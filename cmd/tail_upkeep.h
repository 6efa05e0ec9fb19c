/* What a connection of a group asks for beside new entries: groups to be made, what is pending for
 * us and did not arrive, and what others left undone. */
#ifndef CMD_TAIL_UPKEEP_H
#define CMD_TAIL_UPKEEP_H

#include "cmd/tail_sharer.h"

/* What comes before anything new; NULL: nothing. */
struct request *tail_upkeep_first(struct tail_sharer *s);

/* One step for what others left undone, between two turns: what is new comes first. NULL: none is
 * due. The connection is over when it turns out that with -e and --ack nothing is pending. */
struct request *tail_upkeep_step(struct tail_sharer *s);

/* Whether there are more steps to be made at once. */
bool tail_upkeep_is_due(const struct tail_sharer *s);

#endif
