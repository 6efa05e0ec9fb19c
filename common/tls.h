/*
 * TLS for a link, through hiredis_ssl and the OpenSSL that it stands on. hiredis_ssl by itself
 * checks that a certificate is good, but not that it is the host's: so the connection's OpenSSL
 * object is made here, with the host's name in it, and given to it.
 *
 * In a build without (CHAT_TLS is not defined) tls_is_there is false, and nothing else is called.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct redisContext;
struct ssl_st;

extern const bool tls_is_there;

/* Write the name and version of the library that is in use: "OpenSSL 3.5.1", or "no TLS". Returns
 * `to`. */
enum { TLS_LIBRARY = 32 };
const char *tls_library(char to[TLS_LIBRARY]);

/* What the options ask for. Strings belong to the argument list. */
struct tls_settings {
    bool on, insecure;
    const char *cacert, *cacertdir, *cert, *key, *sni;
};

/* What all connections share: certificates and keys. */
struct tls;

/*
 * Read the files: the trusted authorities (the system's if none are named), our own certificate and
 * its key; and check --sni. Strings must outlive it. Returns it for tls_close(), or NULL with
 * EXIT_USAGE.
 */
struct tls *tls_open(const struct tls_settings *set, struct err *e);

/* Release; NULL is fine. */
void tls_close(struct tls *t);

/*
 * Make what is said on a connected context secret, from here on. Unless --insecure says otherwise,
 * the certificate must be for --sni, or for `host`: a DNS name or an address (RFC 6125, 6.4), among
 * its alternative names; a wildcard stands for a whole label (RFC 9525, 6.3). Returns the context's
 * own OpenSSL object, for those below, or NULL with the reason in `why` and what tls_hint() says of
 * it in `*hint`.
 */
enum { TLS_WHY = 192 };
struct ssl_st *tls_begin(const struct tls *t, struct redisContext *context, const char *host,
    char why[TLS_WHY], const char **hint);

/*
 * Go on with the handshake. Returns 1 when it is done; 0 when the descriptor must be ready for
 * `*events` (poll(2)) first; -1 when it has failed, for the reason written to `why`.
 */
int tls_handshake(struct ssl_st *ssl, short *events, char why[TLS_WHY]);

/* Why reading or writing failed, if TLS knows better than what stands in `why` already. */
void tls_why(const struct ssl_st *ssl, char why[TLS_WHY]);

/*
 * What may help when the server does not let us in: in the handshake, which has failed or is not
 * answered, or right behind it, for with TLS 1.3 a missing certificate is refused only when our
 * side of the handshake is done (RFC 8446, 4.4.2.4). NULL: TLS does not know.
 */
const char *tls_hint(const struct ssl_st *ssl);

/*
 * A write has failed, and the server's alert, which says why, may still be read (RFC 8446, 6):
 * forget the write's own error, or that is what tls_why() finds.
 */
void tls_forget_errors(void);

#endif
