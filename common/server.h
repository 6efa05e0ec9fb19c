/*
 * Which server, and as whom: the options, URI and environment that both programs share, made into
 * one route. Spelled as redis-cli spells them.
 */
#ifndef COMMON_SERVER_H
#define COMMON_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/options.h"
#include "common/route.h"
#include "common/session.h"
#include "common/tls.h"
#include "common/uri.h"

/* What the shared options fill in. Strings belong to the argument list. */
struct server_settings {
    const char *host, *socket, *user, *pass_file;
    struct uri uri;   /* -u, without which it is all zero */
    int64_t port, db; /* db: -1 when not given */
    int64_t retry;    /* for session_open() */
    struct tls_settings tls;
    bool askpass, quiet, verbose, progress;
    bool input_is_data; /* no option: standard input is read for something else than a password */
    char *password;     /* asked for, or out of a file; owned */
};

#define SERVER_SETTINGS                    \
    {                                      \
        .db = -1, .retry = SESSION_DEFAULT \
    }

/* The rows for it, for a program's list of tables, and the contradictions among them. */
extern const struct option_row server_options[];
#define SERVER_CLASHES                                                                  \
    {"uri", "host port socket"}, {"socket", "host port tls"}, {"askpass", "pass-file"}, \
        {"key", "+cert"}, {"insecure", "cacert cacertdir"},                             \
    {                                                                                   \
        "quiet", "verbose progress"                                                     \
    }

/*
 * Work out the address: -u, or -h -p -s, or $REDIS_URL, or 127.0.0.1:6379; the password from
 * --askpass, --pass-file, the URI or $REDISCLI_AUTH, in that order. Its host and port, or its
 * socket, are always filled in; it may point into `s`, which server_free() releases. Sets the level
 * of err_say(). Fails with EXIT_USAGE.
 */
int server_address(struct server_settings *s, struct uri *address, struct err *e);

/*
 * Make a route out of the address, for the client named `name`, and of the TLS options. It points
 * into `s`, and is released by route_free(). Fails with EXIT_USAGE.
 */
int server_route(struct server_settings *s, const char *name, struct route *route, struct err *e);

void server_free(struct server_settings *s);

#endif
