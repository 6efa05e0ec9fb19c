/*
 * Server URIs, as redis-cli reads them: `redis://[[user:]password@]host[:port][/db]` and
 * `unix://[[user:]password@]/path[?db=N]`; `valkey` serves for `redis`.
 */
#ifndef COMMON_URI_H
#define COMMON_URI_H

#include "common/err.h"

struct uri {
    const char *host;   /* NULL: not given, or a socket; an IPv6 address is without its brackets */
    const char *socket; /* NULL: not a socket */
    const char *user;   /* NULL: none, password only */
    const char *password; /* NULL: none */
    int port;             /* 0: not given */
    int db;               /* -1: not given */
    char *storage;        /* where the strings lie after uri_parse(): owned */
};

/*
 * Parse `text`, decoding percent escapes (RFC 3986, 2.1). Release with uri_free(), also after a
 * failure, which is EXIT_USAGE with a text that holds no part of the URI: it may be a secret.
 */
int uri_parse(const char *text, struct uri *uri, struct err *e);

void uri_free(struct uri *uri);

/* Overwrite the password in `text`, in place: for the argument list, which everyone may read. */
void uri_hide_password(char *text);

#endif
