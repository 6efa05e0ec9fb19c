/*
 * What a server answers to a login: HELLO's reply, in which names and values take turns, or the
 * refusal of one of the login's commands.
 */
#ifndef COMMON_HELLO_H
#define COMMON_HELLO_H

#include <stdbool.h>

#include "common/err.h"
#include "common/reply.h"

/* Begins as all zero. */
struct hello {
    bool cluster, master;
    struct err refused; /* the first refusal, and what may help; EXIT_DONE: none */
    enum { HELLO_OTHER, HELLO_MODE, HELLO_ROLE } field; /* whose value comes next */
};

/* Take the next item of the login's replies. `peer` is where it comes from, for people. */
void hello_take(struct hello *h, const struct reply_item *item, const char *peer);

#endif
