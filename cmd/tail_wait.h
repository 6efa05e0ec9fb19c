/*
 * Waiting for servers, and what goes on meanwhile: output is written, standard input is read, the
 * file of -C is saved, and a signal, -W or a closed standard output ends the program.
 */
#ifndef CMD_TAIL_WAIT_H
#define CMD_TAIL_WAIT_H

#include "cmd/tail_state.h"

/* A session that is waited for. */
struct tail_waiter {
    struct session *session;
    bool awaiting; /* an answer is due */
};

struct tail_waiter_list LIST(struct tail_waiter);

/*
 * Sleep until one of `n` servers may have sent something, or the deadline (wait_now()) has passed.
 * Returns 0, also when `print.stop` was set; -1 when an outage has lasted too long, the server
 * refused permanently, or standard output cannot be written to.
 */
int tail_wait(
    struct tail *t, const struct tail_waiter *waiters, size_t n, int64_t deadline, struct err *e);

/*
 * Send a request on `t->session`, about a key of the hash slot (-1: any), and wait for the answer.
 * Returns 1 when it was answered; SESSION_BROKEN when the caller has to ask again, and all rooms
 * are stale, unless the server only redirected us; SESSION_STOPPED when `print.stop` was set; -1 as
 * tail_wait().
 */
int tail_call(struct tail *t, int slot, struct request *r, struct err *e);

/* The same about a room, or several of which this is the first. If the server answers with ASK,
 * that holds as long as requests are about the same room. */
int tail_call_about(struct tail *t, const struct tail_room *room, struct request *r, struct err *e);

/* As tail_call(), but asks again instead of returning SESSION_BROKEN. */
int tail_call_until_answered(struct tail *t, int slot, struct request *r, struct err *e);

/* The room's place has changed: save it in the file of -C. */
void tail_wait_mark_unsaved(struct tail *t, struct tail_room *room);

/* The room is going to be forgotten. Saves that all is new if it is created again. */
void tail_wait_forget(struct tail *t, const struct tail_room *room);

/* Write all complete entries, and then the file of -C, if `now` or when it is due. */
void tail_wait_flush(struct tail *t, bool now);

#endif
