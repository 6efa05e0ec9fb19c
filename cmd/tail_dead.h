/*
 * --dead: moving entries that were given out --tries times and never acknowledged to a room of
 * their own, with one more field that says where they come from. The reader that moves an entry has
 * claimed it, so that no two readers move it.
 *
 * If both rooms are in one hash slot, one transaction adds the entry there and acknowledges it
 * here, so that it is added exactly once. If the connection dies meanwhile, the transaction is not
 * sent again: either it has run, or the entry is still pending, and is claimed and moved again. In
 * different slots the entry is first added and then acknowledged, so that it is added at least
 * once.
 */
#ifndef CMD_TAIL_DEAD_H
#define CMD_TAIL_DEAD_H

#include "cmd/tail_state.h"

struct tail_dead;

/* Returns what moves entries over one connection, for tail_dead_free(). */
struct tail_dead *tail_dead_new(struct tail *t);

/* A field of the next entry to move. The bytes are copied. */
void tail_dead_field(struct tail_dead *d, const struct span *name, const struct span *text);

/* The entry is complete: move it. It has been delivered `count` times, including this one. */
void tail_dead_add(struct tail_dead *d, struct tail_room *room, struct id id, uint64_t count);

/* The entry will not be complete: drop its fields. */
void tail_dead_void(struct tail_dead *d);

/* Whether the entry is to be moved, and was not moved yet. */
bool tail_dead_has(const struct tail_dead *d, const struct tail_room *room, struct id id);

/*
 * Move entries. Where both rooms are in one slot, returns the request that moves the next one;
 * others are moved before it returns. NULL: no request is needed. A failure is left in
 * `print.out.failure`.
 */
struct request *tail_dead_next(struct tail_dead *d);

/* Before the end: hand back what was not moved, for another reader to move. */
void tail_dead_hand_back(struct tail_dead *d);

/* The room is going to be forgotten: move nothing of it. */
void tail_dead_forget(struct tail_dead *d, const struct tail_room *room);

/* Release it; NULL is fine. */
void tail_dead_free(struct tail_dead *d);

#endif
