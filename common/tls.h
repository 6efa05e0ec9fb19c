/*
 * TLS for a link, with hiredis_ssl and OpenSSL. hiredis_ssl checks that a certificate is valid, but
 * not that it is for the host. So the connection's OpenSSL object is made here, with the host's
 * name, and given to hiredis_ssl.
 *
 * In a build without TLS (CHAT_TLS is not defined) tls_is_there is false: do not call tls_open().
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct redisContext;
struct ssl_st;

extern const bool tls_is_there;

/* Write the library's name and version: "OpenSSL 3.5.1", or "no TLS". Returns `to`. */
enum { TLS_LIBRARY = 32 };
const char *tls_library(char to[TLS_LIBRARY]);

/* What the options ask for. Strings belong to the argument list. */
struct tls_settings {
    bool on, insecure;
    const char *cacert, *cacertdir, *cert, *key, *sni;
};

/* Certificates and keys, which all connections share. */
struct tls;

/*
 * Read the trusted authorities (the system's if none are named), the client certificate and its
 * key, and check --sni. `set` must outlive the result. Returns it, for tls_close(), or NULL with
 * EXIT_USAGE.
 */
struct tls *tls_open(const struct tls_settings *set, struct err *e);

/* Release; NULL is fine. */
void tls_close(struct tls *t);

/*
 * Begin TLS on a connected context. Without --insecure, the certificate must be for --sni or else
 * for `host`: a DNS name or an address (RFC 6125, 6.4) among its alternative names, in which a
 * wildcard stands for a whole label (RFC 9525, 6.3). Returns the OpenSSL object, which the context
 * owns, for the functions below; or NULL with the reason in `why`, and in `*hint` what tls_hint()
 * would return.
 */
enum { TLS_WHY = 192 };
struct ssl_st *tls_begin(const struct tls *t, struct redisContext *context, const char *host,
    char why[TLS_WHY], const char **hint);

/*
 * Continue the handshake. Returns 1 when it is done; 0 when poll(2) must report `*events` first; -1
 * when it has failed, with the reason in `why`.
 */
int tls_handshake(struct ssl_st *ssl, short *events, char why[TLS_WHY]);

/* Replace `why`, the reason for which reading or writing failed, if TLS knows a better one. */
void tls_why(const struct ssl_st *ssl, char why[TLS_WHY]);

/*
 * A hint for when the handshake failed or is not answered, or when the server closes the connection
 * right after it: with TLS 1.3, a server refuses a missing certificate only after the client's side
 * of the handshake (RFC 8446, 4.4.2.4). NULL if TLS knows none.
 */
const char *tls_hint(const struct ssl_st *ssl);

/*
 * After a failed write, forget its error. The server's alert, which may still be read, says more
 * (RFC 8446, 6), and tls_why() would find the write's error instead.
 */
void tls_forget_errors(void);

#endif
