/*
 * Server URIs, as redis-cli reads them: `redis://[[user:]password@]host[:port][/db]`, `rediss://`
 * for TLS, and `unix://[[user:]password@]/path[?db=N]`; and the master that Sentinels tell, as
 * `redis+sentinel://[[user:]password@]host[:port],host[:port].../master[/db]`, `rediss+sentinel://`
 * for TLS. `valkey` serves for `redis` in each. A query may follow any of them, of which only
 * `db=N` counts.
 */
#ifndef COMMON_URI_H
#define COMMON_URI_H

#include <stdbool.h>

#include "common/err.h"

/* Where a server listens. */
struct endpoint {
    char host[256]; /* an IPv6 address is without its brackets; or the path of a unix socket */
    int port;       /* 0: a unix socket */
};

struct uri {
    const char *host;   /* NULL: not given, or a socket; an IPv6 address is without its brackets */
    const char *socket; /* NULL: not a socket */
    const char *user;   /* NULL: none, password only */
    const char *password; /* NULL: none */
    int port;             /* 0: not given */
    int db;               /* -1: not given */
    bool tls;
    const char *sentinels; /* NULL: none; else for uri_next_endpoint(), instead of host and port */
    const char *master;    /* the name that they know the master by */
    char *storage;         /* where the strings lie after uri_parse(): owned */
};

/*
 * Parse `text`, decoding percent escapes (RFC 3986, 2.1). Release with uri_free(), also after a
 * failure, which is EXIT_USAGE with a text that holds no part of the URI: it may be a secret.
 */
int uri_parse(const char *text, struct uri *uri, struct err *e);

void uri_free(struct uri *uri);

/*
 * Take the next of `host[:port],...`, with the port if there is none; `*list` is moved on. Returns
 * false at the end, and for what is no host and port.
 */
bool uri_next_endpoint(const char **list, int port, struct endpoint *to);

/* Write `host:port`, an IPv6 address in brackets, or the path. */
enum { ENDPOINT_TEXT = 272 };
const char *uri_endpoint_text(const struct endpoint *e, char to[ENDPOINT_TEXT]);

/* Overwrite the password in `text`, in place: for the argument list, which everyone may read. */
void uri_hide_password(char *text);

#endif
