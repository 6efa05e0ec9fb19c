/*
 * What a server answers to a login: HELLO's reply, in which names and values take turns, or the
 * refusal of one of the login's commands.
 */
#ifndef COMMON_HELLO_H
#define COMMON_HELLO_H

#include <stdbool.h>

#include "common/err.h"
#include "common/reply.h"

/* Begins as all zero but for `peer`. */
struct hello {
    const char *peer; /* where it comes from, for people */
    bool cluster, master;
    struct err refused; /* the first refusal, and what may help; EXIT_DONE: none */
    enum { HELLO_OTHER, HELLO_MODE, HELLO_ROLE } field; /* whose value comes next */
};

/* Take the next item of the login's replies: a reply_sink, whose context is a struct hello. */
void hello_take(void *context, const struct reply_item *item);

#endif
