#include "cmd/tail.h"

#include "common/wait.h"

/* How long the server waits for something new before it answers that there is nothing: the one
 * thing that tells a dead or wedged server from an idle one. */
enum { HEARTBEAT_MS = 5000 };

/* Before asking again after such an answer that came too early. */
enum { EMPTY_PAUSE_MS = 100 };

/* Entries may be huge: see what comes. */
enum { FIRST_BATCH = 1 };

/* What is in the rooms already: one after the other, each up to its end when we began. */
static int read_past(struct tail *t, struct err *e)
{
    for (struct tail_room *room = t->rooms; room < t->rooms + t->n_rooms; room++)
        while (t->stop == TAIL_GOES_ON && !room->done && id_compare(room->cursor, room->end) < 0) {
            int done = tail_look(t, e);

            if (done == 0 && !room->done)
                done = tail_read(t, room, 1, TAIL_NO_WAIT, e);
            if (done < 0)
                return -1;
            if (done == 0 && t->in.entries == 0)
                break; /* the last ones were deleted */
        }
    return 0;
}

static bool all_done(const struct tail *t)
{
    for (size_t i = 0; i < t->n_rooms; i++)
        if (!t->rooms[i].done)
            return false;
    return true;
}

/*
 * How long the server may wait in the next request: not beyond -U, after which one more look
 * without waiting takes what is there.
 */
static int choose_wait(struct tail *t, int64_t *block, struct err *e)
{
    uint64_t now;

    *block = HEARTBEAT_MS;
    if (t->until.ms == UINT64_MAX)
        return 0;
    if (tail_clock(t, &now, e) < 0)
        return -1;
    if (now > t->until.ms)
        *block = TAIL_NO_WAIT;
    else if (t->until.ms - now < HEARTBEAT_MS)
        *block = (int64_t)(t->until.ms - now) + 1;
    return 0;
}

static int read_present(struct tail *t, struct err *e)
{
    t->printed_at = wait_now(); /* -W counts from here on, if nothing was printed before */
    while (t->stop == TAIL_GOES_ON && !all_done(t)) {
        int64_t block, asked;
        int done;

        if (tail_look(t, e) < 0 || choose_wait(t, &block, e) < 0)
            return -1;
        asked = wait_now();
        done = t->stop == TAIL_GOES_ON ? tail_read(t, t->rooms, t->n_rooms, block, e) : 0;
        if (done < 0)
            return -1;
        if (t->stop != TAIL_GOES_ON || t->in.entries > 0 || done == TAIL_AGAIN)
            continue;
        if (block == TAIL_NO_WAIT)
            t->stop = TAIL_ENDED;
        else if (wait_now() + EMPTY_PAUSE_MS < asked + block)
            wait_poll(NULL, 0, wait_now() + EMPTY_PAUSE_MS);
    }
    return 0;
}

int tail_run(struct tail *t, struct err *e)
{
    int done;

    t->batch = FIRST_BATCH;
    wait_arm();
    done = tail_rooms_begin(t, e);
    if (done == 0)
        done = read_past(t, e);
    if (done == 0 && !t->set->to_end)
        done = read_present(t, e);
    out_flush(&t->out);
    if (done < 0 || t->out.failure.code == EXIT_DONE)
        return done;
    *e = t->out.failure;
    return -1;
}
