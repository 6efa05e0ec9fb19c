#include "common/uri.h"

#include <stdlib.h>

#include "common/buf.h"

#include "tests/unit/unit.h"

static void parses(void)
{
    static const struct {
        const char *text, *host, *socket, *user, *password;
        int port, db;
    } rows[] = {
        {"redis://", NULL, NULL, NULL, NULL, 0, -1},
        {"redis://h", "h", NULL, NULL, NULL, 0, -1},
        {"valkey://h", "h", NULL, NULL, NULL, 0, -1},
        {"redis://h:", "h", NULL, NULL, NULL, 0, -1},
        {"redis://h/", "h", NULL, NULL, NULL, 0, -1},
        {"redis://chat.example.org:6380/3", "chat.example.org", NULL, NULL, NULL, 6380, 3},
        {"redis://:7000", NULL, NULL, NULL, NULL, 7000, -1},
        {"redis:///2", NULL, NULL, NULL, NULL, 0, 2},
        {"redis://h:1/2147483647", "h", NULL, NULL, NULL, 1, 2147483647},
        {"redis://h:65535", "h", NULL, NULL, NULL, 65535, -1},
        {"redis://127.0.0.1:6379/0", "127.0.0.1", NULL, NULL, NULL, 6379, 0},
        {"redis://[::1]", "::1", NULL, NULL, NULL, 0, -1},
        {"redis://[2001:db8::7]:6380/1", "2001:db8::7", NULL, NULL, NULL, 6380, 1},
        {"redis://u:p@[fe80::1%25eth0]:7", "fe80::1%eth0", NULL, "u", "p", 7, -1},
        {"redis://pass@h", "h", NULL, NULL, "pass", 0, -1},
        {"redis://:pass@h", "h", NULL, NULL, "pass", 0, -1},
        {"redis://user:pass@h:1/2", "h", NULL, "user", "pass", 1, 2},
        {"redis://user:@h", "h", NULL, "user", "", 0, -1},
        {"redis://@h", "h", NULL, NULL, "", 0, -1},
        {"redis://user:pass@", NULL, NULL, "user", "pass", 0, -1},
        {"redis://u:a:b:c@h", "h", NULL, "u", "a:b:c", 0, -1},
        {"redis://u:a@b@h", "h", NULL, "u", "a@b", 0, -1},
        {"redis://u:%40%3a%2F%3F%25%20@h", "h", NULL, "u", "@:/?% ", 0, -1},
        {"redis://%75%3as:%c3%a9\xff@h%6fst", "host", NULL, "u:s", "\u00e9\xff", 0, -1},
        {"redis://u:p?q#r&s=t[]@h", "h", NULL, "u", "p?q#r&s=t[]", 0, -1},
        {"redis://h/0?protocol=3", "h", NULL, NULL, NULL, 0, 0},
        {"redis://u:p@h:1?protocol=3&db=4&x", "h", NULL, "u", "p", 1, 4},
        {"redis://u:p?q@h/2?db=3", "h", NULL, "u", "p?q", 0, 3},
        {"redis://u:p@h/2?x=a@b/c", "h", NULL, "u", "p", 0, 2},
        {"redis://h/1?", "h", NULL, NULL, NULL, 0, 1},
        {"unix://u:p@/a?protocol=3&db=5", NULL, "/a", "u", "p", 0, 5},
        {"unix://u:p?@/a", NULL, "/a", "u", "p?", 0, -1},
        {"unix:///run/redis.sock", NULL, "/run/redis.sock", NULL, NULL, 0, -1},
        {"unix:///run/redis.sock?db=4", NULL, "/run/redis.sock", NULL, NULL, 0, 4},
        {"unix://u:p@/a/b?db=0", NULL, "/a/b", "u", "p", 0, 0},
        {"unix://p@/a", NULL, "/a", NULL, "p", 0, -1},
        {"unix://:p@/a", NULL, "/a", NULL, "p", 0, -1},
        {"unix://u:p@q@/a@b/c:d", NULL, "/a@b/c:d", "u", "p@q", 0, -1},
        {"unix:///a%20b%3F", NULL, "/a b?", NULL, NULL, 0, -1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct uri uri;
        struct err e = {0};

        unit_row = rows[i].text;
        CHECK_NUMBER(uri_parse(rows[i].text, &uri, &e), 0);
        CHECK_TEXT(uri.host, rows[i].host);
        CHECK_TEXT(uri.socket, rows[i].socket);
        CHECK_TEXT(uri.user, rows[i].user);
        CHECK_TEXT(uri.password, rows[i].password);
        CHECK_NUMBER(uri.port, rows[i].port);
        CHECK_NUMBER(uri.db, rows[i].db);
        uri_free(&uri);
        CHECK(uri.storage == NULL);
    }
}

static void parses_sentinels(void)
{
    static const struct {
        const char *text, *endpoints, *master, *user, *password;
        int db, tls;
    } rows[] = {
        {"redis+sentinel://a/m", "a:26379 ", "m", NULL, NULL, -1, 0},
        {"valkey+sentinel://u:p%2f@a:1,b,[::1]:3,[::2]/my%20m/2",
            "a:1 b:26379 [::1]:3 [::2]:26379 ", "my m", "u", "p/", 2, 0},
        {"rediss+sentinel://p@a,/m/", "a:26379 ", "m", NULL, "p", -1, 1},
        {"redis+sentinel://u:p@a/m?protocol=3&db=7", "a:26379 ", "m", "u", "p", 7, 0},
        {"valkeys+sentinel://:@a:1/m", "a:1 ", "m", NULL, "", -1, 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct uri uri;
        struct endpoint e;
        struct err why;
        char text[ENDPOINT_TEXT];
        struct buf all = {0};

        unit_row = rows[i].text;
        CHECK_NUMBER(uri_parse(rows[i].text, &uri, &why), 0);
        for (const char *list = uri.sentinels; uri_next_endpoint(&list, 26379, &e);)
            buf_printf(&all, "%s ", uri_endpoint_text(&e, text));
        CHECK_TEXT(all.data, rows[i].endpoints);
        CHECK_TEXT(uri.master, rows[i].master);
        CHECK_TEXT(uri.user, rows[i].user);
        CHECK_TEXT(uri.password, rows[i].password);
        CHECK_NUMBER(uri.db, rows[i].db);
        CHECK_NUMBER(uri.tls, rows[i].tls);
        buf_free(&all);
        uri_free(&uri);
    }
}

/* Letters that stand in no error's text, so that any part of a secret would be seen in one. */
#define SECRET "ZQ%58JK"
static const char secret_letters[] = "ZQXJK";

static void refuses(void)
{
    static const char *const bad[] = {"", SECRET, "h:6379", "://" SECRET "@h",
        "http://" SECRET "@h", "redisss://" SECRET "@h", "sentinel://" SECRET "@h/m",
        "Redis://" SECRET "@h", "redis:/" SECRET "@h", "redis:" SECRET "@h",
        " redis://" SECRET "@h", "redis://" SECRET "@h:0", "redis://" SECRET "@h:65536",
        "redis://" SECRET "@h:6379x", "redis://" SECRET "@h:-1", "redis://" SECRET "@h:+1",
        "redis://" SECRET "@h: 1", "redis://" SECRET "@h:99999999999999999999",
        "redis://" SECRET "@h/x", "redis://" SECRET "@h/-1", "redis://" SECRET "@h/2147483648",
        "redis://" SECRET "@h/1/2", "redis://" SECRET "@h?db=x", "redis://" SECRET "@h/1?x&db=-1",
        "redis://u:" SECRET "@h?x=a@b", "unix://u:" SECRET "@?a@/a", "redis://" SECRET "@::1",
        "redis://" SECRET "@[::1", "redis://" SECRET "@[::1]x", "redis://" SECRET "@[::1]6379",
        "redis://" SECRET "/" SECRET "@h", "redis://u:" SECRET "/" SECRET "@h", "redis://h:" SECRET,
        "redis://" SECRET "%@h", "redis://" SECRET "%4@h", "redis://" SECRET "%4x@h",
        "redis://" SECRET "%x4@h", "redis://" SECRET "%00@h", "redis://u%:" SECRET "@h",
        "redis://u%00:" SECRET "@h", "redis://" SECRET "@h%", "redis://" SECRET "@h%00", "unix://",
        "unix://" SECRET, "unix:///", "unix://" SECRET "@", "unix://" SECRET "@/",
        "unix://" SECRET "@h/a", "unix://" SECRET "/a", "unix://" SECRET "@run/a",
        "unix://" SECRET "@/a?db=", "unix://" SECRET "@/a?db=x", "unix://" SECRET "@/a?db=-1",
        "unix://u:" SECRET "%@/a", "unix://" SECRET "@/a%", "unix://u:" SECRET "/" SECRET "@/a",
        "redis+sentinel://" SECRET "@h", "redis+sentinel://" SECRET "@h/",
        "redis+sentinel://" SECRET "@/m", "redis+sentinel://" SECRET "@h//1",
        "redis+sentinel://" SECRET "@h:0/m", "redis+sentinel://" SECRET "@h:65536/m",
        "redis+sentinel://" SECRET "@a,:1/m", "redis+sentinel://" SECRET "@a,,b/m",
        "redis+sentinel://" SECRET "@[::1/m", "redis+sentinel://" SECRET "@[::1]x/m",
        "redis+sentinel://" SECRET "@a/m/x", "redis+sentinel://" SECRET "@a/m%",
        "redis+sentinel://" SECRET "/" SECRET "@a/m"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct uri uri;
        struct err e = {0};

        unit_row = bad[i];
        CHECK_NUMBER(uri_parse(bad[i], &uri, &e), -1);
        CHECK_NUMBER(e.code, EXIT_USAGE);
        CHECK(strncmp(e.text, "bad URI: ", 9) == 0);
        if (!CHECK(strpbrk(e.text, secret_letters) == NULL))
            unit_print("text", e.text, strlen(e.text));
        uri_free(&uri);
    }
}

static void hides_passwords(void)
{
    static const char *const rows[][2] = {
        {"redis://user:pass@h:1/2", "redis://user:****@h:1/2"},
        {"redis://pass@h", "redis://****@h"},
        {"redis://:pass@h", "redis://:****@h"},
        {"redis://u:a:b@h", "redis://u:***@h"},
        {"redis://u:a@b@h", "redis://u:***@h"},
        {"redis://u:%40%41@h", "redis://u:******@h"},
        {"redis://u:@h", "redis://u:@h"},
        {"redis://@h", "redis://@h"},
        {"redis://h:6379/0", "redis://h:6379/0"},
        {"redis://[::1]:6379", "redis://[::1]:6379"},
        {"unix://u:pass@/run/x", "unix://u:****@/run/x"},
        {"unix://pass@/run/x", "unix://****@/run/x"},
        {"unix:///run/x", "unix:///run/x"},
        {"rediss://u:pass@h", "rediss://u:****@h"}, /* unknown, but a secret */
        {"http://u:pa/ss@h", "http://u:*****@h"},
        {"", ""},
        {"redis", "redis"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];

        unit_row = rows[i][0];
        snprintf(text, sizeof text, "%s", rows[i][0]);
        uri_hide_password(text);
        CHECK_TEXT(text, rows[i][1]);
    }
}

/* Odd places for @ and : must not lead the hiding astray; that it hides too much does no harm. */
static void hides_passwords_however_odd(void)
{
    static const char *const rows[] = {"unix://ZQX@/a:b@c", "unix://ZQX@/a@b:c",
        "unix://u:ZQX@/a@b", "unix://u:ZQX@/a:b@c", "redis://ZQX/ZQX@h", "redis://u:ZQX/Z@Q:X@h",
        "redis://u:ZQX?Z@h"};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];

        unit_row = rows[i];
        snprintf(text, sizeof text, "%s", rows[i]);
        uri_hide_password(text);
        if (!CHECK(strpbrk(text, secret_letters) == NULL))
            unit_print("text", text, strlen(text));
        CHECK_NUMBER(strlen(text), strlen(rows[i]));
    }
}

UNIT_MAIN({"parses the Sentinels' form", parses_sentinels}, {"parses every form", parses},
    {"refuses bad ones without telling a secret", refuses},
    {"hides passwords in an argument list", hides_passwords},
    {"hides passwords however odd", hides_passwords_however_odd})
