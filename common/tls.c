#include "common/tls.h"

#ifdef CHAT_TLS

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/buf.h"

const bool tls_is_there = true;

const char *tls_library(char to[TLS_LIBRARY])
{
    const char *version = OpenSSL_version(OPENSSL_VERSION); /* "OpenSSL 3.5.1 1 Jul 2025" */
    size_t name = strcspn(version, " ") + 1;

    snprintf(to, TLS_LIBRARY, "%.*s", (int)(name + strcspn(version + name, " ")), version);
    return to;
}

struct tls {
    SSL_CTX *context;
    const struct tls_settings *set;
};

/* The text of OpenSSL's oldest error, which caused the others. */
static const char *reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *words = ERR_reason_error_string(code);

    if (ERR_GET_LIB(code) == ERR_LIB_SYS)
        words = strerror(ERR_GET_REASON(code));
    return words ? words : "unknown error";
}

static int no_file(const char *option, const char *path, struct err *e)
{
    return err_set(e, EXIT_USAGE, "%s: cannot use %.300s: %s", option, path, reason());
}

/* Check what OpenSSL checks later or not at all. */
static int check(const struct tls_settings *set, struct err *e)
{
    DIR *dir = set->cacertdir ? opendir(set->cacertdir) : NULL;

    if (set->cacertdir && dir == NULL)
        return err_set(
            e, EXIT_USAGE, "--cacertdir: cannot use %.300s: %s", set->cacertdir, strerror(errno));
    if (dir)
        closedir(dir);
    if (set->sni && set->sni[0] == '.')
        return err_set(e, EXIT_USAGE, "--sni: '%.300s' is not a host name", set->sni);
    return 0;
}

static int read_files(SSL_CTX *context, const struct tls_settings *set, struct err *e)
{
    const char *key = set->key ? set->key : set->cert;

    ERR_clear_error();
    if (set->cacert && !SSL_CTX_load_verify_locations(context, set->cacert, NULL))
        return no_file("--cacert", set->cacert, e);
    if (set->cacertdir && !SSL_CTX_load_verify_locations(context, NULL, set->cacertdir))
        return no_file("--cacertdir", set->cacertdir, e);
    if (!set->cacert && !set->cacertdir)
        SSL_CTX_set_default_verify_paths(context);
    if (set->cert && !SSL_CTX_use_certificate_chain_file(context, set->cert))
        return no_file("--cert", set->cert, e);
    if (key && !SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM))
        return no_file("--key", key, e);
    return 0;
}

/* OpenSSL calls this when the server asks for a certificate and there is no --cert. */
static int note_request(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    static char certificate_is_missing[] = "the server asks for a certificate (--cert)";

    (void)certificate, (void)key;
    SSL_set_app_data(ssl, certificate_is_missing);
    return 0;
}

struct tls *tls_open(const struct tls_settings *set, struct err *e)
{
    struct tls *t;

    if (check(set, e) < 0)
        return NULL;
    t = buf_zeroed(1, sizeof *t);
    t->set = set;
    t->context = SSL_CTX_new(TLS_client_method());
    if (t->context == NULL)
        buf_no_memory();
    SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(
        t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(t->context, set->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_client_cert_cb(t->context, note_request);
    if (read_files(t->context, set, e) == 0)
        return t;
    tls_close(t);
    return NULL;
}

void tls_close(struct tls *t)
{
    if (t == NULL)
        return;
    SSL_CTX_free(t->context);
    free(t);
}

/* Tell the server which host is meant, and OpenSSL which host the certificate must be for. */
static bool set_host(const struct tls *t, SSL *ssl, const char *host)
{
    const char *given = t->set->sni ? t->set->sni : host;
    size_t n = strlen(given);
    unsigned char address[16];
    char name[256];

    /* TLS leaves out the dot at the end of an absolute name (RFC 6066, 3). With a dot at the
     * beginning, OpenSSL would accept any subdomain. */
    n -= n > 0 && given[n - 1] == '.';
    if (n == 0 || n >= sizeof name || given[0] == '.')
        return false;
    memcpy(name, given, n);
    name[n] = 0;
    SSL_set_hostflags(
        ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

struct ssl_st *tls_begin(const struct tls *t, struct redisContext *context, const char *host,
    char why[TLS_WHY], const char **hint)
{
    SSL *ssl = SSL_new(t->context);

    if (ssl == NULL)
        buf_no_memory();
    ERR_clear_error();
    /* hiredis also begins the handshake here, which tls_handshake() continues. */
    if (set_host(t, ssl, host) && redisInitiateSSL(context, ssl) == REDIS_OK)
        return ssl;
    snprintf(why, TLS_WHY, "no such host name");
    tls_why(ssl, why);
    *hint = tls_hint(ssl);
    SSL_free(ssl);
    return NULL;
}

static bool distrusted(const struct ssl_st *ssl)
{
    return SSL_get_verify_result(ssl) != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
}

void tls_why(const struct ssl_st *ssl, char why[TLS_WHY])
{
    if (distrusted(ssl))
        snprintf(why, TLS_WHY, "the certificate is not valid: %s",
            X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    else if (ERR_peek_error())
        snprintf(why, TLS_WHY, "TLS: %s", reason());
}

const char *tls_hint(const struct ssl_st *ssl)
{
    if (distrusted(ssl))
        return "see --cacert, --sni and --insecure";
    if (SSL_get_app_data(ssl))
        return SSL_get_app_data(ssl);
    /* If the error is an alert, the server speaks TLS. */
    if (!SSL_is_init_finished(ssl) && ERR_GET_REASON(ERR_peek_error()) < SSL_AD_REASON_OFFSET)
        return "if it is not a TLS port, leave out --tls, or use redis://";
    return NULL;
}

void tls_forget_errors(void)
{
    ERR_clear_error();
}

int tls_handshake(struct ssl_st *ssl, short *events, char why[TLS_WHY])
{
    int done, what;

    ERR_clear_error();
    done = SSL_do_handshake(ssl);
    what = SSL_get_error(ssl, done);
    if (done == 1)
        return 1;
    *events = what == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE)
        return 0;
    snprintf(why, TLS_WHY, "TLS: the server closed the connection");
    tls_why(ssl, why);
    return -1;
}

#else

#include <stdio.h>

const bool tls_is_there = false;

const char *tls_library(char to[TLS_LIBRARY])
{
    snprintf(to, TLS_LIBRARY, "no TLS");
    return to;
}

struct tls *tls_open(const struct tls_settings *set, struct err *e)
{
    (void)set, (void)e;
    return NULL;
}

void tls_close(struct tls *t)
{
    (void)t;
}

struct ssl_st *tls_begin(const struct tls *t, struct redisContext *context, const char *host,
    char why[TLS_WHY], const char **hint)
{
    (void)t, (void)context, (void)host, (void)why, (void)hint;
    return NULL;
}

int tls_handshake(struct ssl_st *ssl, short *events, char why[TLS_WHY])
{
    (void)ssl, (void)events, (void)why;
    return -1;
}

void tls_why(const struct ssl_st *ssl, char why[TLS_WHY])
{
    (void)ssl, (void)why;
}

const char *tls_hint(const struct ssl_st *ssl)
{
    (void)ssl;
    return NULL;
}

void tls_forget_errors(void)
{
}

#endif
