/*
 * Server URIs, as redis-cli reads them: `redis://[[user:]password@]host[:port][/db]`, `rediss://`
 * for TLS, and `unix://[[user:]password@]/path[?db=N]`. For a master that Sentinels name:
 * `redis+sentinel://[[user:]password@]host[:port],host[:port].../master[/db]`, `rediss+sentinel://`
 * for TLS. `valkey` may replace `redis` in each. Any of them may have a query, of which only `db=N`
 * is used.
 */
#ifndef COMMON_URI_H
#define COMMON_URI_H

#include <stdbool.h>

#include "common/err.h"

/* Where a server listens. */
struct endpoint {
    char host[256]; /* an IPv6 address without its brackets; or the path of a unix socket */
    int port;       /* 0: a unix socket */
};

struct uri {
    const char *host;     /* NULL: not given, or a socket; an IPv6 address without its brackets */
    const char *socket;   /* NULL: not a socket */
    const char *user;     /* NULL: none, password only */
    const char *password; /* NULL: none */
    int port;             /* 0: not given */
    int db;               /* -1: not given */
    bool tls;
    const char *sentinels; /* for uri_next_endpoint(), instead of host and port; NULL: none */
    const char *master;    /* the master's name, if there are Sentinels */
    char *storage;         /* owned: what the strings above point into after uri_parse() */
};

/*
 * Parse `text`, and decode percent escapes (RFC 3986, 2.1). Returns 0, or -1 with EXIT_USAGE and a
 * text that has no part of the URI, which may hold a password. Release with uri_free() in any case.
 */
int uri_parse(const char *text, struct uri *uri, struct err *e);

/* Release the strings, and zero the struct. */
void uri_free(struct uri *uri);

/*
 * Take the next endpoint of `host[:port],...`, and advance `*list`. `port` is used if it has none.
 * Returns false at the end of the list, or if it is not a host and port.
 */
bool uri_next_endpoint(const char **list, int port, struct endpoint *to);

/* Set the host to `n` bytes. Returns false, and leaves it alone, if they are empty, too long or
 * have a NUL. */
bool uri_set_host(struct endpoint *e, const char *host, size_t n);

/* Write `host:port`, with an IPv6 address in brackets, or a socket's path. Returns `to`. */
enum { ENDPOINT_TEXT = 272 };
const char *uri_endpoint_text(const struct endpoint *e, char to[ENDPOINT_TEXT]);

/* Overwrite the password in a URI: one in the argument list, which everyone may read. */
void uri_hide_password(char *text);

#endif
