/*
 * The server's replies to a login: HELLO's, in which names and values alternate, or an error.
 */
#ifndef COMMON_HELLO_H
#define COMMON_HELLO_H

#include <stdbool.h>

#include "common/err.h"
#include "common/reply.h"

/* Zero it, and set `peer`. */
struct hello {
    const char *peer;     /* the server's name, for errors */
    bool cluster, master; /* it is a node of a cluster, or a master */
    struct err refused;   /* the first error, with a hint; EXIT_DONE: none */
    enum { HELLO_OTHER, HELLO_MODE, HELLO_ROLE } field; /* private: whose value comes next */
};

/* The sink (reply.h) for the login's replies; its context is a struct hello. */
void hello_take(void *context, const struct reply_item *item);

#endif
