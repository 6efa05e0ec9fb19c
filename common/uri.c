#include "common/uri.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/text.h"

/* Decode percent escapes in place. */
static int decode(char *text, struct err *e)
{
    char *to = text;

    for (const char *at = text; *at; at++) {
        int high = 0, low = 0;

        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        if ((high = text_hex(at[1])) < 0 || (low = text_hex(at[2])) < 0 || high + low == 0)
            return err_set(e, EXIT_USAGE, "bad URI: a %% needs two hexadecimal digits, not 00");
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *to = 0;
    return 0;
}

static int take_number(
    const char *text, int least, int most, const char *what, int *number, struct err *e)
{
    uint64_t value;

    if (id_number(text, strlen(text), &value) < 0 || value < (uint64_t)least
        || value > (uint64_t)most)
        return err_set(
            e, EXIT_USAGE, "bad URI: the %s must be a number from %d to %d", what, least, most);
    *number = (int)value;
    return 0;
}

/* `[user:]password`: without a colon it is the password; an empty user means password only. */
static int take_login(char *login, struct uri *uri, struct err *e)
{
    char *colon = strchr(login, ':');

    uri->password = colon ? colon + 1 : login;
    if (colon) {
        *colon = 0;
        uri->user = *login ? login : NULL;
    }
    if (colon && decode(login, e) < 0)
        return -1;
    return decode(colon ? colon + 1 : login, e);
}

/* `host[:port]`, with an IPv6 address in brackets. */
static int take_host(char *host, struct uri *uri, struct err *e)
{
    char *end = host[0] == '[' ? strchr(host, ']') : NULL, *port = strchr(end ? end : host, ':');

    if (host[0] == '[' && (end == NULL || (end[1] != ':' && end[1] != 0)))
        return err_set(e, EXIT_USAGE,
            "bad URI: after the login comes host[:port][/db], "
            "an IPv6 address in brackets");
    if (port)
        *port++ = 0;
    if (end)
        *end = 0;
    if (host[end != NULL])
        uri->host = host + (end != NULL);
    if (port && *port && take_number(port, 1, 65535, "port", &uri->port, e) < 0)
        return -1;
    return decode(host, e);
}

/* `[login@]host[:port][/db]` */
static int parse_tcp(char *rest, struct uri *uri, struct err *e)
{
    char *db = strchr(rest, '/'), *at;

    if (db)
        *db++ = 0;
    at = strrchr(rest, '@');
    if (at) {
        *at = 0;
        if (take_login(rest, uri, e) < 0)
            return -1;
        rest = at + 1;
    }
    if (db && *db && take_number(db, 0, INT_MAX, "database", &uri->db, e) < 0)
        return -1;
    return take_host(rest, uri, e);
}

bool uri_set_host(struct endpoint *e, const char *host, size_t n)
{
    if (n == 0 || n >= sizeof e->host || memchr(host, 0, n))
        return false;
    memcpy(e->host, host, n);
    e->host[n] = 0;
    return true;
}

bool uri_next_endpoint(const char **list, int port, struct endpoint *to)
{
    const char *at = *list, *end = at + strcspn(at, ","), *host_end, *colon;
    uint64_t number = (uint64_t)port;

    if (*at == '[') {
        at++;
        host_end = memchr(at, ']', (size_t)(end - at));
        colon = host_end ? host_end + 1 : end;
    } else {
        colon = memchr(at, ':', (size_t)(end - at));
        colon = host_end = colon ? colon : end;
    }
    if (host_end == NULL || !uri_set_host(to, at, (size_t)(host_end - at)))
        return false;
    if (colon < end
        && (*colon != ':' || id_number(colon + 1, (size_t)(end - colon - 1), &number) < 0
            || number < 1 || number > 65535))
        return false;
    to->port = (int)number;
    *list = end + (*end == ',');
    return true;
}

const char *uri_endpoint_text(const struct endpoint *e, char to[ENDPOINT_TEXT])
{
    bool ip6 = e->port && strchr(e->host, ':');

    if (e->port == 0)
        snprintf(to, ENDPOINT_TEXT, "%s", e->host);
    else
        snprintf(to, ENDPOINT_TEXT, "%s%s%s:%d", ip6 ? "[" : "", e->host, ip6 ? "]" : "", e->port);
    return to;
}

/* `[login@]host[:port],.../master[/db]` */
static int parse_sentinel(char *rest, struct uri *uri, struct err *e)
{
    char *master = strchr(rest, '/'), *at, *db;
    const char *list;
    struct endpoint any;

    if (master)
        *master++ = 0;
    at = strrchr(rest, '@');
    list = at ? at + 1 : rest;
    if (master == NULL || *master == 0 || *master == '/' || *list == 0)
        return err_set(e, EXIT_USAGE,
            "bad URI: after the login come the Sentinels and the master's name, "
            "host[:port],host[:port]/name[/db]");
    if (at)
        *at = 0;
    db = strchr(master, '/');
    if (db)
        *db++ = 0;
    if (at && take_login(rest, uri, e) < 0)
        return -1;
    if (db && *db && take_number(db, 0, INT_MAX, "database", &uri->db, e) < 0)
        return -1;
    uri->sentinels = list;
    uri->master = master;
    while (*list)
        if (!uri_next_endpoint(&list, 1, &any))
            return err_set(
                e, EXIT_USAGE, "bad URI: a Sentinel is host[:port], an IPv6 address in brackets");
    return decode(master, e);
}

/* `[login@]/path` */
static int parse_unix(char *rest, struct uri *uri, struct err *e)
{
    char *path = strchr(rest, '/');

    if (path == NULL || path[1] == 0 || (path > rest && path[-1] != '@'))
        return err_set(e, EXIT_USAGE,
            "bad URI: unix:// needs an absolute path, such as unix:///run/redis.sock");
    uri->socket = path;
    if (path > rest) {
        path[-1] = 0;
        if (take_login(rest, uri, e) < 0)
            return -1;
    }
    return decode(path, e);
}

/*
 * Cut off the query. A ? in the login does not begin one. If there is an @ both before and after
 * the ?, either could end the login: refuse to guess, which might send a password to another host.
 */
static int cut_query(char *rest, char **query, struct err *e)
{
    size_t authority = strcspn(rest, "/");
    char *at = memrchr(rest, '@', authority), *first = strchr(rest, '?');

    *query = strchr(at ? at : rest, '?');
    if (at && first && first < at && memchr(rest, '@', (size_t)(first - rest)))
        return err_set(
            e, EXIT_USAGE, "bad URI: write ? as %%3F in a login, and @ as %%40 after a ?");
    if (*query)
        *(*query)++ = 0;
    return 0;
}

/* Take `db=N`, and skip what only other clients use. */
static int take_query(char *query, struct uri *uri, struct err *e)
{
    char *rest;

    for (char *word = strtok_r(query, "&", &rest); word; word = strtok_r(NULL, "&", &rest))
        if (strncmp(word, "db=", 3) == 0
            && take_number(word + 3, 0, INT_MAX, "database", &uri->db, e) < 0)
            return -1;
    return 0;
}

static const struct {
    const char *name;
    bool tls;
    int (*parse)(char *rest, struct uri *uri, struct err *e);
} schemes[] = {
    {"redis", false, parse_tcp},
    {"valkey", false, parse_tcp},
    {"rediss", true, parse_tcp},
    {"valkeys", true, parse_tcp},
    {"redis+sentinel", false, parse_sentinel},
    {"valkey+sentinel", false, parse_sentinel},
    {"rediss+sentinel", true, parse_sentinel},
    {"valkeys+sentinel", true, parse_sentinel},
    {"unix", false, parse_unix},
};

int uri_parse(const char *text, struct uri *uri, struct err *e)
{
    const char *rest = strstr(text, "://");
    size_t n = rest ? (size_t)(rest - text) : 0;
    char *query;

    *uri = (struct uri){.db = -1};
    if (rest)
        uri->storage = strdup(rest + 3);
    if (rest && uri->storage == NULL)
        buf_no_memory();
    for (size_t i = 0; rest && i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i].name) == n && strncmp(text, schemes[i].name, n) == 0) {
            uri->tls = schemes[i].tls;
            if (cut_query(uri->storage, &query, e) < 0
                || schemes[i].parse(uri->storage, uri, e) < 0)
                return -1;
            return query ? take_query(query, uri, e) : 0;
        }
    return err_set(e, EXIT_USAGE,
        "bad URI: it must begin with redis://, rediss://, valkey://, unix:// or redis+sentinel://");
}

void uri_free(struct uri *uri)
{
    free(uri->storage);
    *uri = (struct uri){0};
}

void uri_hide_password(char *text)
{
    char *from = strstr(text, "://"), *end = from ? strrchr(from, '@') : NULL;
    size_t user;

    if (end == NULL)
        return;
    /* The user is not a secret, but a single word before the @ is the password. */
    from += 3;
    user = strcspn(from, ":@/");
    from += from[user] == ':' ? user + 1 : 0;
    memset(from, '*', (size_t)(end - from));
}
