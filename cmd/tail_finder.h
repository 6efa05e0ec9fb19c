/* Looking for rooms of -m that are made later, while others are read: on connections of their own,
 * one to each master, so that nothing that is read waits for it. */
#ifndef CMD_TAIL_FINDER_H
#define CMD_TAIL_FINDER_H

#include "cmd/tail_conn.h"

/* What to do with a new room. -1: it cannot be read. */
typedef int tail_adopt(void *context, struct tail_room *room, struct err *e);

/* Add them to the connections, if -m asks for it. They must outlive neither. */
void tail_finder_start(struct tail_conns *cs, tail_adopt *adopt, void *context);

#endif
