/*
 * Requests: commands that are sent together, and the callbacks for their replies. The same request
 * can be sent while the program does other things (request_ask(), request_take()), or as a step
 * that waits for its replies (session_call()).
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
    /* Queue the commands on the link, and set `n` to how many they are. */
    void (*ask)(struct request *r, struct link *link);
    /* Take an item of reply number `at`, from 0: a reply_sink whose context is the request. If the
     * item is wrong, set `problem`. */
    void (*item)(void *request, const struct reply_item *item);
    /* Reply `at` is complete. May be NULL. */
    void (*replied)(struct request *r);
    /* All replies are complete, without a problem so far; may set `problem`. May be NULL. */
    void (*answered)(struct request *r);
    /* The replies will not be complete, or there is a `problem`: discard what came. The request may
     * be sent again. May be NULL. */
    void (*broken)(struct request *r);
};

/* The first member of a struct that holds the rest of the request. Set the kind. */
struct request {
    const struct request_kind *kind;
    size_t n, at;       /* replies in all; the number of the next one */
    struct err problem; /* EXIT_DONE: none */
};

/* Send the commands. The session must be up, and owe no reply. */
void request_ask(struct request *r, struct session *s);

/*
 * Take the replies that have come. Returns 1 when all have; 0 when more must come; SESSION_BROKEN
 * when the connection was lost or the refusal is temporary, so that the request is to be sent again
 * once the session is up; -1 when it was refused for good or the outage has lasted too long.
 */
int request_take(struct request *r, struct session *s, struct err *e);

/*
 * How session_call() waits: the function must call session_wait(), or session_prepare() and
 * session_serve(), and may do other things. `awaiting`: as for session_wait(). Returns 0, -1 with
 * `*e`, or SESSION_STOPPED when the program is to exit.
 */
typedef int session_sleep(void *context, struct session *s, bool awaiting, struct err *e);
enum { SESSION_STOPPED = 3 };

/*
 * Send the request once the session is up, and wait for its replies. Returns what request_take()
 * does, but never 0; or SESSION_STOPPED, after which the session cannot be used for anything else.
 */
int session_call(
    struct session *s, struct request *r, session_sleep *sleep, void *context, struct err *e);

#endif
