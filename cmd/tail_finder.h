/* Finding rooms of -m that are created while others are read: on connections of their own, one to
 * each master, so that reading does not wait for it. */
#ifndef CMD_TAIL_FINDER_H
#define CMD_TAIL_FINDER_H

#include "cmd/tail_conn.h"

/* Start to read a new room. Returns 0, or -1 with `*e`. */
typedef int tail_adopt(void *context, struct tail_room *room, struct err *e);

/* Add these connections if there is -m. `cs` and `context` must outlive them. */
void tail_finder_start(struct tail_conns *cs, tail_adopt *adopt, void *context);

#endif
