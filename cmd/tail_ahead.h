/*
 * Reading ahead. When the server is far away, a round trip takes longer than the entries that it
 * brings, but only the end of an answer tells where to read next. So that is guessed, from the time
 * that the entries of the last answer span, and rather too early than too late: entries that come
 * twice are skipped. A guess beyond the end of the answer before it leaves a gap, and what it
 * brings is dropped.
 */
#ifndef CMD_TAIL_AHEAD_H
#define CMD_TAIL_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"

enum { TAIL_AHEAD = 2 }; /* guesses in a request at most */

/* Zero it. */
struct tail_ahead {
    struct id guesses[TAIL_AHEAD]; /* also read after each of these */
    size_t n;

    /* Private. */
    uint64_t span, entries; /* ms that the last answer spanned, its size */
    unsigned pause;         /* requests still without guesses, after a wrong one */
};

/* Guess where the reads begin that follow one of `count` entries after `cursor`. */
void tail_ahead_guess(struct tail_ahead *a, struct id cursor, size_t count);

/* An answer of `entries` entries went from ID `first` to ID `last`. */
void tail_ahead_learn(struct tail_ahead *a, struct id first, struct id last, size_t entries);

/* Whether the `i`th guess continues a room that was read up to `cursor`. False: it leaves a gap. */
bool tail_ahead_fits(struct tail_ahead *a, size_t i, struct id cursor);

#endif
