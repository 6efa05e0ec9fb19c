#include "common/server.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static struct err e;

/* The address that these settings and this environment give, written as one line; or the error. */
static const char *address(struct server_settings s, const char *uri, const char *redis_url,
    const char *auth)
{
    static char text[600];
    struct uri a;

    e = (struct err){0};
    if (s.db == 0)
        s.db = -1; /* as SERVER_SETTINGS has it */
    setenv("REDIS_URL", redis_url, 1);
    setenv("REDISCLI_AUTH", auth, 1);
    if (*uri && uri_parse(uri, &s.uri, &e) < 0)
        return "bad URI in the test";
    if (server_address(&s, &a, &e) < 0)
        snprintf(text, sizeof text, "%d %s", (int)e.code, e.text);
    else if (a.socket)
        snprintf(text, sizeof text, "%s %s:%s /%d", a.socket, a.user, a.password,
            a.db > 0 ? a.db : 0);
    else
        snprintf(text, sizeof text, "%s:%d %s:%s /%d", a.host, a.port, a.user ? a.user : "-",
            a.password ? a.password : "-", a.db > 0 ? a.db : 0);
    server_free(&s);
    return text;
}

#define ADDRESS(uri, redis_url, auth, ...) \
    address((struct server_settings){__VA_ARGS__}, uri, redis_url, auth)

static void fills_in_what_is_not_given(void)
{
    CHECK_TEXT(ADDRESS("", "", "", 0), "127.0.0.1:6379 -:- /0");
    CHECK_TEXT(ADDRESS("", "", "", .host = "h"), "h:6379 -:- /0");
    CHECK_TEXT(ADDRESS("", "", "", .port = 7), "127.0.0.1:7 -:- /0");
    CHECK_TEXT(ADDRESS("redis://u:p@/3", "", "", 0), "127.0.0.1:6379 u:p /3");
    CHECK_TEXT(ADDRESS("unix://u:p@/run/s", "", "", 0), "/run/s u:p /0");
}

static void reads_the_variable(void)
{
    CHECK_TEXT(ADDRESS("", "redis://u:p@h:7/3", "", 0), "h:7 u:p /3");
    CHECK_TEXT(ADDRESS("redis://other", "redis://u:p@h:7/3", "", 0), "other:6379 -:- /0");
    CHECK_TEXT(ADDRESS("", "http://u:secret@h", "", 0),
        "2 $REDIS_URL: bad URI: it must begin with redis://, rediss://, valkey://, unix:// or redis+sentinel://");
}

/* A server named by hand must not get the variable's password, nor anything else of it. */
static void sets_the_variable_aside(void)
{
    CHECK_TEXT(ADDRESS("", "redis://u:p@h:7/3", "", .host = "o"), "o:6379 -:- /0");
    CHECK_TEXT(ADDRESS("", "redis://u:p@h:7/3", "", .port = 9), "127.0.0.1:9 -:- /0");
    CHECK_TEXT(ADDRESS("", "unix://u:p@/s", "", .host = "o", .user = "me"), "o:6379 me: /0");
    CHECK_TEXT(ADDRESS("", "redis://u:p@h:7/3", "auth", .socket = "/s", .user = "x"),
        "/s x:auth /0");
    CHECK_TEXT(ADDRESS("", "not even a URI", "", .host = "o"), "o:6379 -:- /0");
}

static void lets_options_win(void)
{
    CHECK_TEXT(ADDRESS("redis://u:p@h/3", "", "", .db = 5, .user = "me"), "h:6379 me:p /5");
    CHECK_TEXT(ADDRESS("", "redis://u:p@h/3", "", .db = 5, .user = "me"), "h:6379 me:p /5");
}

static void finds_the_password(void)
{
    CHECK_TEXT(ADDRESS("", "", "auth", 0), "127.0.0.1:6379 -:auth /0");
    CHECK_TEXT(ADDRESS("redis://h", "", "auth", 0), "h:6379 -:auth /0");
    CHECK_TEXT(ADDRESS("redis://p@h", "", "auth", 0), "h:6379 -:p /0");
    CHECK_TEXT(ADDRESS("redis://u:@h", "", "auth", 0), "h:6379 u: /0");
    CHECK_TEXT(ADDRESS("", "", "", .user = "me"), "127.0.0.1:6379 me: /0");
}

static void reads_the_password_file(void)
{
    static const char *const files[][2] = {{"secret\nmore\n", "h:6379 u:secret /0"},
        {"secret", "h:6379 u:secret /0"}, {"a b:@/%41\r\n", "h:6379 u:a b:@/%41 /0"}};
    const char *dir = getenv("TMPDIR");
    char path[256], want[400];

    snprintf(path, sizeof path, "%s/chat-unit.%d", dir ? dir : "/tmp", (int)getpid());
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *out = fopen(path, "w");

        unit_row = files[i][0];
        CHECK(out && fputs(files[i][0], out) >= 0 && fclose(out) == 0);
        CHECK_TEXT(ADDRESS("redis://u:p@h", "", "auth", .pass_file = path), files[i][1]);
    }
    snprintf(want, sizeof want, "2 --pass-file: the first line of %s is empty", path);
    CHECK(truncate(path, 0) == 0);
    CHECK_TEXT(ADDRESS("redis://u:p@h", "", "auth", .pass_file = path), want);
    unlink(path);
    snprintf(want, sizeof want, "2 --pass-file: cannot read %s: No such file or directory", path);
    CHECK_TEXT(ADDRESS("redis://u:p@h", "", "auth", .pass_file = path), want);
}

UNIT_MAIN({"fills in what is not given", fills_in_what_is_not_given},
    {"reads $REDIS_URL", reads_the_variable},
    {"sets $REDIS_URL aside for a server named by hand", sets_the_variable_aside},
    {"lets options win over the URI", lets_options_win},
    {"finds the password", finds_the_password},
    {"reads the password file", reads_the_password_file})
