/*
 * Waiting for servers, and all that goes on meanwhile: output is written, answers are read, places
 * are kept in the file of -C, signals, -W and a standard output that was closed end the program.
 */
#ifndef CMD_TAIL_WAIT_H
#define CMD_TAIL_WAIT_H

#include "cmd/tail.h"

/* One of those that are waited for. */
struct tail_waiter {
    struct session *session;
    bool awaiting; /* an answer is due */
};

struct tail_waiter_list LIST(struct tail_waiter);

/*
 * Sleep until one of `n` servers may have said something, or the deadline (wait_now()) has passed.
 * Returns 0, also when `print.stop` was set; -1 when an outage has lasted too long, the server
 * refused for good, or standard output cannot be written to.
 */
int tail_wait(
    struct tail *t, const struct tail_waiter *waiters, size_t n, int64_t deadline, struct err *e);

/*
 * Ask this of `t->session`, about a key of the hash slot (-1: any), and wait for the answer.
 * Returns 1 when it was answered; SESSION_BROKEN when it is to be asked again, if it still makes
 * sense: unless the server sent us elsewhere, all rooms are stale then; SESSION_STOPPED when
 * `print.stop` was set; -1 as tail_wait().
 */
int tail_call(struct tail *t, int slot, struct request *r, struct err *e);

/* The same about a room, or several of which this is the first. An ASK that it led to holds for as
 * long as requests are about the same room. */
int tail_call_about(struct tail *t, const struct tail_room *room, struct request *r, struct err *e);

/* The same as tail_call(), asked again until it was answered. */
int tail_call_until_answered(struct tail *t, int slot, struct request *r, struct err *e);

/* The room's place is another one than the file of -C knows. */
void tail_wait_to_save(struct tail *t, struct tail_room *room);

/* The room is going to be forgotten. If another one is made of that name, all of it is new. */
void tail_wait_forget(struct tail *t, const struct tail_room *room);

/* Write what is whole, and then the file of -C; `now`, or when it is due. */
void tail_wait_flush(struct tail *t, bool now);

#endif
