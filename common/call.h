/*
 * Requests: commands that are sent together, and what becomes of their replies. A request is
 * written once and asked of any session, either at leisure, among others (request_ask(),
 * request_take()), or as a step of a program that goes on when it is answered (session_call()).
 */
#ifndef COMMON_CALL_H
#define COMMON_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/link.h"
#include "common/reply.h"
#include "common/session.h"

struct request;

struct request_kind {
    /* Queue the commands on the link, and say in `n` how many they are. */
    void (*ask)(struct request *r, struct link *link);
    /* Take an item of reply `at`, counted from 0: a reply_sink, whose context is the request. What
     * is wrong with it goes into `problem`. */
    void (*item)(void *request, const struct reply_item *item);
    /* Reply `at` has come whole; or NULL. */
    void (*replied)(struct request *r);
    /* All have, without a problem; now what is wrong may still go into `problem`. Or NULL. */
    void (*answered)(struct request *r);
    /* Some of them will never come, or `problem` is of a kind that passes: what came in part is
     * void, and whoever asked may ask again. Or NULL. */
    void (*broken)(struct request *r);
};

/* The first member of a struct that knows the rest. Set the kind. */
struct request {
    const struct request_kind *kind;
    size_t n, at;       /* replies that are to come; the one that comes now */
    struct err problem; /* EXIT_DONE: none */
};

/* Send it. The session must be up, and no reply be due on it. */
void request_ask(struct request *r, struct session *s);

/*
 * Take what has come of its replies. Returns 1 when it was answered; 0 when more must come;
 * SESSION_BROKEN when the connection is lost, or the server refused for a while, so that it is to
 * be asked again when the session is up; -1 when it was refused for good, or the outage has lasted
 * too long.
 */
int request_take(struct request *r, struct session *s, struct err *e);

/*
 * Whatever else the program has to do while it waits for the session: it must call session_wait(),
 * or session_prepare() and session_serve(). Returns 0, -1 with `*e`, or SESSION_STOPPED when the
 * program is to end.
 */
typedef int session_sleep(void *context, struct session *s, bool awaiting, struct err *e);
enum { SESSION_STOPPED = 3 };

/*
 * Ask, as soon as the session is up, and wait for the answer. Returns as request_take() does, but
 * never 0; or SESSION_STOPPED, after which nothing more can be asked of the session.
 */
int session_call(
    struct session *s, struct request *r, session_sleep *sleep, void *context, struct err *e);

#endif
