/*
 * --dead: entries that were given out --tries times and never done are moved to a room of their
 * own, with one more field that tells where from. Whoever moves an entry has claimed it before, so
 * that two readers do not move it twice.
 *
 * Where both rooms lie in one hash slot, one transaction adds it there and acknowledges it here:
 * it is there once. If the connection dies meanwhile, that is not asked again: either it has run,
 * or the entry is still pending, so that it is found and moved once more. Else it is added first
 * and then acknowledged, so that it is there at least once.
 */
#ifndef CMD_TAIL_DEAD_H
#define CMD_TAIL_DEAD_H

#include "cmd/tail.h"

struct tail_dead;

/* What is moved over one connection. Returns it for tail_dead_free(). */
struct tail_dead *tail_dead_new(struct tail *t);

/* A field of the entry that is being read, and its end; it was delivered `count` times. */
void tail_dead_field(struct tail_dead *d, const struct span *name, const struct span *text);
void tail_dead_add(struct tail_dead *d, struct tail_room *room, struct id id, uint64_t count);

bool tail_dead_has(const struct tail_dead *d, const struct tail_room *room, struct id id);

/* A connection died within an entry. */
void tail_dead_void(struct tail_dead *d);

/* Move what was added: either with the request that is returned, or meanwhile. NULL: nothing is
 * left to ask. A failure is left in `print.out.failure`. */
struct request *tail_dead_next(struct tail_dead *d);

/* It is the end: what was not moved is handed back, to be moved by another reader. */
void tail_dead_hand_back(struct tail_dead *d);

/* The room is going to be forgotten. */
void tail_dead_forget(struct tail_dead *d, const struct tail_room *room);

void tail_dead_free(struct tail_dead *d);

#endif
