/*
 * Which server to use, and how to log in: the options, URI and environment that both programs
 * share, made into a route. The options are spelled as redis-cli spells them.
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
    struct uri uri;   /* -u; zeroed without it */
    int64_t port, db; /* db: -1 when not given */
    int64_t retry;    /* for session_open() */
    struct tls_settings tls;
    bool askpass, quiet, verbose, progress;
    bool input_is_data; /* set by the program: standard input is not for a password */
    char *password;     /* from --askpass or --pass-file; owned */
};

#define SERVER_SETTINGS                    \
    {                                      \
        .db = -1, .retry = SESSION_DEFAULT \
    }

/* The option rows that fill it in, and which of them cannot be used together. */
extern const struct option_row server_options[];
#define SERVER_CLASHES                                                                  \
    {"uri", "host port socket"}, {"socket", "host port tls"}, {"askpass", "pass-file"}, \
        {"key", "+cert"}, {"insecure", "cacert cacertdir"},                             \
    {                                                                                   \
        "quiet", "verbose progress"                                                     \
    }

/*
 * Work out the address: from -u, or -h -p -s, or $REDIS_URL, or 127.0.0.1:6379; the password from
 * --askpass, --pass-file, the URI or $REDISCLI_AUTH, in that order. Its host and port, or its
 * socket, are always filled in. It points into `s`. Also sets the level of err_say(). Returns 0, or
 * -1 with EXIT_USAGE.
 */
int server_address(struct server_settings *s, struct uri *address, struct err *e);

/*
 * Make a route from the address and the TLS options, for a client named `name`. It points into `s`;
 * release it with route_free() before server_free(). Returns 0, or -1 with EXIT_USAGE.
 */
int server_route(struct server_settings *s, const char *name, struct route *route, struct err *e);

/* Release the URI and the password. */
void server_free(struct server_settings *s);

#endif
