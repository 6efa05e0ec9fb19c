/*
 * Reading ahead of answers. Far away, a round trip takes longer than what comes in it; but what to
 * ask for next is known only when the last entry of an answer is. So it is guessed, from how much
 * time the entries of the last answer span, and a little too early rather than too late: what comes
 * twice is passed over. A guess that lies beyond where the answer before it ended leaves a gap, and
 * what it brought is of no use.
 */
#ifndef CMD_TAIL_AHEAD_H
#define CMD_TAIL_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"

enum { TAIL_AHEAD = 2 }; /* guesses in a request, at most */

/* Zero it. */
struct tail_ahead {
    struct id guesses[TAIL_AHEAD]; /* read after these, too */
    size_t n;

    /* Private. */
    uint64_t span, entries; /* ms that an answer spanned, and what was in it */
    unsigned pause;         /* requests without guesses, since one was wrong */
};

/* Guess where the reads behind one of `count` entries after `cursor` begin. */
void tail_ahead_guess(struct tail_ahead *a, struct id cursor, size_t count);

/* An answer of so many entries went from one ID to another. */
void tail_ahead_learn(struct tail_ahead *a, struct id first, struct id last, size_t entries);

/* Guess `i` was answered, the room being read up to the cursor. False: there is a gap between. */
bool tail_ahead_fits(struct tail_ahead *a, size_t i, struct id cursor);

#endif
