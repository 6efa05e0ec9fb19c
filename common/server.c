#include "common/server.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"

enum {
    ASKPASS = 256,
    PASS_FILE,
    USER,
    DB,
    TLS,
    CACERT,
    CACERTDIR,
    CERT,
    KEY,
    SNI,
    INSECURE,
    RETRY,
    PROGRESS,
    PASS,
    PASSWORD
};

/* Refuse a password on the command line, without repeating it. */
static int refuse_password(void *field, char *value, const struct option_row *row, struct err *e)
{
    (void)field, (void)value, (void)row;
    return err_set(e, EXIT_USAGE,
        "everyone can see a password on the command line; use --askpass, --pass-file or "
        "$REDISCLI_AUTH");
}

static int set_host(void *field, char *value, const struct option_row *row, struct err *e)
{
    if (strstr(value, "://") || strchr(value, '@'))
        return err_set(e, EXIT_USAGE, "takes a host name; for a URI use -u");
    return option_word(field, value, row, e);
}

static int set_socket(void *field, char *value, const struct option_row *row, struct err *e)
{
    if (strstr(value, "://"))
        return err_set(e, EXIT_USAGE, "takes a path; for a URI use -u");
    return option_word(field, value, row, e);
}

static int set_uri(void *field, char *value, const struct option_row *row, struct err *e)
{
    int done;

    (void)row;
    uri_free(field);
    done = uri_parse(value, field, e);
    uri_hide_password(value);
    return done;
}

static int set_retry(void *field, char *value, const struct option_row *row, struct err *e)
{
    if (option_seconds(field, value, row, e) == 0)
        return 0;
    if (strcmp(value, "forever") != 0)
        return err_needs(e, value, "seconds, a duration such as 10m, or 'forever'");
    *(int64_t *)field = SESSION_FOREVER;
    return 0;
}

#define AT(member) offsetof(struct server_settings, member)

const struct option_row server_options[] = {
    {'h', "host", "HOST", "server's host; default 127.0.0.1", set_host, AT(host), 0, 0},
    {'p', "port", "PORT", "server's port; default 6379", option_number, AT(port), 1, 65535},
    {'s', "socket", "PATH", "connect to this Unix socket instead", set_socket, AT(socket), 0, 0},
    {'u', "uri", "URI", "redis://user:pass@host:port/db; default $REDIS_URL", set_uri, AT(uri), 0,
        0},
    {USER, "user", "NAME", "log in as this user", option_word, AT(user), 0, 0},
    {ASKPASS, "askpass", NULL, "ask for the password; default $REDISCLI_AUTH", option_flag,
        AT(askpass), 0, 0},
    {PASS_FILE, "pass-file", "FILE", "read the password from the first line of FILE", option_word,
        AT(pass_file), 0, 0},
    {'a', "auth", "[=PASSWORD]", NULL, refuse_password, 0, 0, 0},
    {PASS, "pass", "[=PASSWORD]", NULL, refuse_password, 0, 0, 0},
    {PASSWORD, "password", "[=PASSWORD]", NULL, refuse_password, 0, 0, 0},
    {DB, "db", "N", "use database number N", option_number, AT(db), 0, INT_MAX},
    {TLS, "tls", NULL, "use TLS, and check the server's certificate", option_flag, AT(tls.on), 0,
        0},
    {CACERT, "cacert", "FILE", "trust these authorities; default the system's", option_word,
        AT(tls.cacert), 0, 0},
    {CACERTDIR, "cacertdir", "DIR", "trust the authorities in this directory", option_word,
        AT(tls.cacertdir), 0, 0},
    {CERT, "cert", "FILE", "client certificate", option_word, AT(tls.cert), 0, 0},
    {KEY, "key", "FILE", "its private key; default in the certificate's file", option_word,
        AT(tls.key), 0, 0},
    {SNI, "sni", "NAME", "host name in the certificate, if not HOST", option_word, AT(tls.sni), 0,
        0},
    {INSECURE, "insecure", NULL, "accept any certificate", option_flag, AT(tls.insecure), 0, 0},
    {RETRY, "retry", "SECS", "keep trying this long: 60, 10m, 1h30m or forever", set_retry,
        AT(retry), 0, 0},
    {'q', "quiet", NULL, "print no notices, only errors", option_flag, AT(quiet), 0, 0},
    {'v', "verbose", NULL, "report the connection, and totals at the end", option_flag, AT(verbose),
        0, 0},
    {PROGRESS, "progress", NULL, "show the count and rate on standard error", option_flag,
        AT(progress), 0, 0},
    {0},
};

static const char no_tls[] =
    "%s: this program was built without TLS (hiredis_ssl or OpenSSL was missing)";

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

int server_address(struct server_settings *s, struct uri *address, struct err *e)
{
    const char *url = environment("REDIS_URL");
    struct err why;

    err_set_level(s->verbose ? ERR_DETAIL : s->quiet ? ERR_ALWAYS : ERR_NOTICE);
    if (s->askpass || s->pass_file) {
        s->password = s->askpass ? secret_ask(e)
                                 : secret_from_file(s->pass_file, s->input_is_data, e);
        if (s->password == NULL)
            return -1;
    }
    /* An option that names a server overrides all of $REDIS_URL, so that its password is sent to no
     * other server. */
    if (s->host || s->port || s->socket)
        s->uri = (struct uri){.host = s->host, .port = (int)s->port, .socket = s->socket, .db = -1};
    else if (s->uri.storage == NULL && url && uri_parse(url, &s->uri, &why) < 0)
        return err_set(e, EXIT_USAGE, "$REDIS_URL: %.400s", why.text);
    *address = s->uri;
    if (address->host == NULL && address->socket == NULL && address->sentinels == NULL)
        address->host = "127.0.0.1";
    if (address->port == 0)
        address->port = 6379;
    if (s->db >= 0)
        address->db = (int)s->db;
    if (s->user)
        address->user = s->user;
    if (s->password)
        address->password = s->password;
    if (address->password == NULL)
        address->password = environment("REDISCLI_AUTH");
    if (address->user && address->password == NULL)
        address->password = ""; /* a user who needs no password is let in with any */
    return 0;
}

int server_route(struct server_settings *s, const char *name, struct route *route, struct err *e)
{
    const struct tls_settings *set = &s->tls;
    const char *goes_with_tls = set->cacert      ? "--cacert"
                                : set->cacertdir ? "--cacertdir"
                                : set->cert      ? "--cert"
                                : set->sni       ? "--sni"
                                : set->insecure  ? "--insecure"
                                                 : NULL;
    struct tls *tls = NULL;
    struct uri address = {0};

    if ((set->on || goes_with_tls) && !tls_is_there)
        return err_set(e, EXIT_USAGE, no_tls, set->on ? "--tls" : goes_with_tls);
    if (server_address(s, &address, e) < 0)
        return -1;
    if (address.tls && !tls_is_there)
        return err_set(e, EXIT_USAGE, no_tls, "rediss://");
    if (set->on && address.socket)
        return err_set(e, EXIT_USAGE, "--tls and a Unix socket cannot be used together");
    address.tls = address.tls || set->on;
    if (goes_with_tls && !address.tls)
        return err_set(e, EXIT_USAGE, "%s needs --tls or rediss://", goes_with_tls);
    if (address.tls && (tls = tls_open(set, e)) == NULL)
        return -1;
    route_open(route, &address, name, tls);
    return 0;
}

void server_free(struct server_settings *s)
{
    uri_free(&s->uri);
    free(s->password);
}
