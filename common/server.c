#include "common/server.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"

enum { ASKPASS = 256, PASS_FILE, USER, DB, PROGRESS };

static int set_uri(void *field, char *value, const struct option_row *row, struct err *e)
{
    char **uri = field;

    (void)row, (void)e;
    free(*uri);
    *uri = strdup(value);
    if (*uri == NULL)
        err_no_memory();
    uri_hide_password(value);
    return 0;
}

#define AT(member) offsetof(struct server_settings, member)

const struct option_row server_options[] = {
    {'h', "host", "HOST", "default 127.0.0.1", option_word, AT(host), 0, 0},
    {'p', "port", "PORT", "default 6379", option_number, AT(port), 1, 65535},
    {'s', "socket", "PATH", "unix socket, instead of host and port", option_word, AT(socket), 0, 0},
    {'u', "uri", "URI", "as redis://user:pass@host:6379/0 or unix:///path; default $REDIS_URL",
        set_uri, AT(uri), 0, 0},
    {USER, "user", "NAME", "user to log in as", option_word, AT(user), 0, 0},
    {ASKPASS, "askpass", NULL, "ask for the password; default the URI's, else $REDISCLI_AUTH", option_flag,
        AT(askpass), 0, 0},
    {PASS_FILE, "pass-file", "FILE", "the password is FILE's first line", option_word, AT(pass_file), 0, 0},
    {DB, "db", "N", "database number", option_number, AT(db), 0, INT_MAX},
    {'q', "quiet", NULL, "no notices, only errors", option_flag, AT(quiet), 0, 0},
    {'v', "verbose", NULL, "say more, and sum up at the end", option_flag, AT(verbose), 0, 0},
    {PROGRESS, "progress", NULL, "show count and rate on standard error", option_flag, AT(progress), 0, 0},
    {0},
};

static char *copy(const char *text)
{
    char *s = strdup(text);

    if (s == NULL)
        err_no_memory();
    return s;
}

static void replace(char **string, char *by)
{
    free(*string);
    *string = by;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

/* -u, else -h -p -s, else $REDIS_URL, else nothing. Naming a server by hand sets the variable aside, password and all. */
static int choose_server(struct server_settings *s, struct uri *address, struct err *e)
{
    const char *url = environment("REDIS_URL");
    struct err why;

    *address = (struct uri){.db = -1};
    if (s->uri) {
        int done = uri_parse(s->uri, address, &why);

        explicit_bzero(s->uri, strlen(s->uri));
        replace(&s->uri, NULL);
        return done < 0 ? err_set(e, EXIT_USAGE, "-u: %.400s", why.text) : 0;
    }
    if (s->host || s->port || s->socket) {
        if (s->host)
            address->host = copy(s->host);
        if (s->socket)
            address->socket = copy(s->socket);
        address->port = (int)s->port;
        return 0;
    }
    if (url && uri_parse(url, address, &why) < 0)
        return err_set(e, EXIT_USAGE, "$REDIS_URL: %.400s", why.text);
    return 0;
}

static int choose_password(const struct server_settings *s, struct uri *address, struct err *e)
{
    if (s->askpass || s->pass_file) {
        char *password = s->askpass ? secret_ask(e) : secret_from_file(s->pass_file, e);

        if (password == NULL)
            return -1;
        replace(&address->password, password);
    }
    if (address->password == NULL && environment("REDISCLI_AUTH"))
        address->password = copy(environment("REDISCLI_AUTH"));
    return 0;
}

int server_address(struct server_settings *s, struct uri *address, struct err *e)
{
    err_set_level(s->verbose ? ERR_DETAIL : s->quiet ? ERR_ALWAYS : ERR_NOTICE);
    if (choose_server(s, address, e) < 0 || choose_password(s, address, e) < 0)
        return -1;
    if (address->host == NULL && address->socket == NULL)
        address->host = copy("127.0.0.1");
    if (address->port == 0)
        address->port = 6379;
    if (s->user)
        replace(&address->user, copy(s->user));
    if (s->db >= 0)
        address->db = (int)s->db;
    if (address->user && address->password == NULL)
        address->password = copy(""); /* any password does for a user that needs none */
    return 0;
}
