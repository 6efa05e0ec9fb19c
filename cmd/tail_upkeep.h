/* What a connection of a group does besides reading new entries: it creates groups, recovers
 * entries that were delivered to us and did not arrive, and claims what other readers left pending.
 */
#ifndef CMD_TAIL_UPKEEP_H
#define CMD_TAIL_UPKEEP_H

#include "cmd/tail_sharer.h"

/* Returns what has to be done before new entries are read; NULL: nothing. */
struct request *tail_upkeep_first(struct tail_sharer *s);

/*
 * Returns one step towards what others left pending; NULL: none is due, or the last request was one
 * already, so that new entries come between two steps. With -e and --ack, the connection is over
 * once nothing is pending.
 */
struct request *tail_upkeep_step(struct tail_sharer *s);

/* Whether another step can be made at once. */
bool tail_upkeep_is_due(const struct tail_sharer *s);

#endif
