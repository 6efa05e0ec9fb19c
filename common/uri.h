/*
 * Server URIs, as redis-cli reads them: `redis://[[user:]password@]host[:port][/db]` (IANA's "redis" scheme) and
 * `unix://[[user:]password@]/path[?db=N]`; `valkey` serves for `redis`.
 */
#ifndef COMMON_URI_H
#define COMMON_URI_H

#include "common/err.h"

struct uri {
    char *host;     /* NULL: not given, or a socket; an IPv6 address is without its brackets */
    char *socket;   /* NULL: not a socket */
    char *user;     /* NULL: none, password only */
    char *password; /* NULL: none */
    int port;       /* 0: not given */
    int db;         /* -1: not given */
};

/*
 * Parse `text`, decoding percent escapes. The strings of `*uri` are the caller's: release them with uri_free(), also
 * after a failure. Fails with EXIT_USAGE and a text that never holds any part of the URI, which may be a secret.
 */
int uri_parse(const char *text, struct uri *uri, struct err *e);

void uri_free(struct uri *uri);

/* Overwrite the password in `text` with asterisks, in place: for the argument list, which everyone may read. */
void uri_hide_password(char *text);

#endif
