#include "common/uri.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/text.h"

/* A piece of the URI's text. */
struct span {
    const char *at;
    size_t n;
};

/* Cut `*rest` at the first (or last) `c`: what is before it goes to `*head`. False, all unchanged, if it is not there. */
static bool cut(struct span *rest, char c, bool last, struct span *head)
{
    const char *at = rest->n == 0 ? NULL : last ? memrchr(rest->at, c, rest->n) : memchr(rest->at, c, rest->n);

    if (at == NULL)
        return false;
    *head = (struct span){rest->at, (size_t)(at - rest->at)};
    *rest = (struct span){at + 1, rest->n - head->n - 1};
    return true;
}

static bool starts_with(struct span s, const char *text)
{
    return s.n >= strlen(text) && strncmp(s.at, text, strlen(text)) == 0;
}

/* The piece with its percent escapes (RFC 3986, 2.1) undone, as a new string; NULL at a bad one or at %00. */
static char *decode(struct span s)
{
    char *out = malloc(s.n + 1), *to = out;

    if (out == NULL)
        err_no_memory();
    for (size_t i = 0; i < s.n; i++) {
        char c = s.at[i];

        if (c == '%') {
            if (s.n - i < 3 || text_hex(s.at[i + 1]) < 0 || text_hex(s.at[i + 2]) < 0) {
                free(out);
                return NULL;
            }
            c = (char)(text_hex(s.at[i + 1]) << 4 | text_hex(s.at[i + 2]));
            i += 2;
        }
        if (c == 0) {
            free(out);
            return NULL;
        }
        *to++ = c;
    }
    *to = 0;
    return out;
}

static int put(struct span s, char **into, struct err *e)
{
    *into = decode(s);
    return *into ? 0 : err_set(e, EXIT_USAGE, "bad URI: a %% must be followed by two hexadecimal digits, not 00");
}

static int put_number(struct span s, int least, int most, const char *what, int *into, struct err *e)
{
    uint64_t number;

    if (id_number(s.at, s.n, &number) < 0 || number < (uint64_t)least || number > (uint64_t)most)
        return err_set(e, EXIT_USAGE, "bad URI: the %s must be a number from %d to %d", what, least, most);
    *into = (int)number;
    return 0;
}

/* `[user:]password`: without a colon it is the password; an empty user means password only. */
static int parse_login(struct span login, struct uri *uri, struct err *e)
{
    struct span user;

    if (cut(&login, ':', false, &user) && user.n > 0 && put(user, &uri->user, e) < 0)
        return -1;
    return put(login, &uri->password, e);
}

/* `host[:port]` with IPv6 addresses in brackets. */
static int parse_host(struct span host, struct uri *uri, struct err *e)
{
    struct span name = host;

    if (host.n > 0 && memchr(host.at, '?', host.n) != NULL)
        return err_set(e, EXIT_USAGE, "bad URI: redis:// takes no ?query; the database is given as /N");
    if (host.n > 0 && host.at[0] == '[') {
        host = (struct span){host.at + 1, host.n - 1};
        if (!cut(&host, ']', false, &name) || (host.n > 0 && host.at[0] != ':'))
            return err_set(e, EXIT_USAGE, "bad URI: an IPv6 address must stand in brackets, as in redis://[::1]:6379");
        host = (struct span){host.at + (host.n > 0), host.n - (host.n > 0)};
    } else if (!cut(&host, ':', false, &name)) {
        host.n = 0;
    }
    if (name.n > 0 && put(name, &uri->host, e) < 0)
        return -1;
    return host.n > 0 ? put_number(host, 1, 65535, "port", &uri->port, e) : 0;
}

static int parse_tcp(struct span rest, struct uri *uri, struct err *e)
{
    struct span authority, login;

    if (!cut(&rest, '/', false, &authority)) {
        authority = rest;
        rest.n = 0;
    }
    if (cut(&authority, '@', true, &login) && parse_login(login, uri, e) < 0)
        return -1;
    if (rest.n > 0 && put_number(rest, 0, INT_MAX, "database", &uri->db, e) < 0)
        return -1;
    return parse_host(authority, uri, e);
}

static int parse_unix(struct span rest, struct uri *uri, struct err *e)
{
    struct span query = rest, login;
    const char *path;

    if (cut(&query, '?', false, &rest)) {
        if (!starts_with(query, "db="))
            return err_set(e, EXIT_USAGE, "bad URI: unix:// takes no query but ?db=N");
        if (put_number((struct span){query.at + 3, query.n - 3}, 0, INT_MAX, "database", &uri->db, e) < 0)
            return -1;
    }
    path = rest.n > 0 ? memchr(rest.at, '/', rest.n) : NULL;
    login = (struct span){rest.at, path ? (size_t)(path - rest.at) : 0};
    rest = (struct span){rest.at + login.n, rest.n - login.n};
    if (login.n > 0 && login.at[login.n - 1] == '@') {
        login.n--;
        if (parse_login(login, uri, e) < 0)
            return -1;
    } else if (login.n > 0) {
        rest.n = 0;
    }
    if (rest.n < 2 || rest.at[0] != '/')
        return err_set(e, EXIT_USAGE, "bad URI: unix:// needs a whole path, as in unix:///run/redis.sock");
    return put(rest, &uri->socket, e);
}

int uri_parse(const char *text, struct uri *uri, struct err *e)
{
    struct span rest = {text, strlen(text)};

    *uri = (struct uri){.db = -1};
    if (starts_with(rest, "redis://") || starts_with(rest, "valkey://")) {
        rest.at = strchr(text, '/') + 2;
        rest.n = strlen(rest.at);
        return parse_tcp(rest, uri, e);
    }
    if (starts_with(rest, "unix://")) {
        rest = (struct span){rest.at + 7, rest.n - 7};
        return parse_unix(rest, uri, e);
    }
    return err_set(e, EXIT_USAGE, "bad URI: it must begin with redis://, valkey:// or unix://");
}

void uri_free(struct uri *uri)
{
    free(uri->host);
    free(uri->socket);
    free(uri->user);
    if (uri->password)
        explicit_bzero(uri->password, strlen(uri->password));
    free(uri->password);
    *uri = (struct uri){0};
}

void uri_hide_password(char *text)
{
    char *from = strstr(text, "://"), *end = from ? strrchr(from, '@') : NULL;

    if (end == NULL)
        return;
    from += 3;
    /* A user is no secret; but a lone word before the @ is the password. */
    if (memchr(from, ':', (size_t)(end - from)) != NULL)
        from = strchr(from, ':') + 1;
    memset(from, '*', (size_t)(end - from));
}
