#include "cmd/tail_ahead.h"

/* How many requests are sent without guesses after a wrong one. */
enum { PAUSE = 8 };

void tail_ahead_guess(struct tail_ahead *a, struct id cursor, size_t count)
{
    uint64_t step;

    a->n = 0;
    if (a->entries == 0 || (a->pause > 0 && a->pause-- > 0))
        return;
    step = (uint64_t)((double)a->span * (double)count / (double)a->entries * 7 / 8);
    while (step > 0 && a->n < TAIL_AHEAD && cursor.ms < UINT64_MAX - step) {
        cursor = (struct id){cursor.ms + step, 0};
        a->guesses[a->n++] = cursor;
    }
}

void tail_ahead_learn(struct tail_ahead *a, struct id first, struct id last, size_t entries)
{
    a->span = last.ms - first.ms;
    a->entries = entries;
}

bool tail_ahead_fits(struct tail_ahead *a, size_t i, struct id cursor)
{
    if (id_compare(a->guesses[i], cursor) <= 0)
        return true;
    a->pause = PAUSE;
    return false;
}
