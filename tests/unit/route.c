#include "common/route.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static struct route route;

static void begin(const char *uri)
{
    struct err e;
    static struct uri parsed;

    uri_free(&parsed);
    CHECK_NUMBER(uri_parse(uri, &parsed, &e), 0);
    route_open(&route, &parsed, "unit", NULL);
}

/* Redis Cluster specification, "Key distribution model" and "Hash tags"; its reference vector. */
static void knows_the_slot_of_a_key(void)
{
    static const struct {
        const char *key;
        int slot;
    } rows[] = {
        {"123456789", 0x31c3},
        {"foo", 12182},
        {"{foo}bar", 12182},
        {"a{foo}", 12182},
        {"foo{}{bar}", 8363},
        {"{bar", 4015},
        {"", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i].key;
        CHECK_NUMBER(route_slot(rows[i].key, strlen(rows[i].key)), rows[i].slot);
    }
    CHECK_NUMBER(route_slot(NULL, 0), 0);
    CHECK_NUMBER(route_slot("{user1000}.following", 20), route_slot("{user1000}.followers", 20));
    CHECK_NUMBER(route_slot("foo{{bar}}zap", 13), route_slot("{bar", 4));
}

static void follows_redirects(void)
{
    struct endpoint from = {"10.0.0.1", 6379}, to;

    begin("redis://10.0.0.1:6379");
    CHECK(route_redirect(&route, "room: MOVED 3999 127.0.0.1:6381", &from, &to));
    CHECK_TEXT(to.host, "127.0.0.1");
    CHECK_NUMBER(to.port, 6381);
    CHECK(route_owner(&route, 3999) && route_same(route_owner(&route, 3999), &to));
    CHECK(route_redirect(&route, "MOVED 3999 :7000", &from, &to));
    CHECK_TEXT(to.host, "10.0.0.1");
    CHECK_NUMBER(route_owner(&route, 3999)->port, 7000);
    CHECK(route_redirect(&route, "my room: ASK 3999 ::1:6382", &from, &to));
    CHECK_TEXT(to.host, "::1");
    CHECK_NUMBER(route_owner(&route, 3999)->port, 7000);
    CHECK(route_owner(&route, 4000) == NULL);
    CHECK(route_owner(&route, -1) == NULL);
    CHECK_NUMBER(route.nodes.n, 3);
    route_free(&route);
}

static void follows_no_nonsense(void)
{
    static const char *const bad[] = {"", "MOVED", "MOVED 1", "MOVED 1 host", "MOVED 16384 h:1",
        "MOVED -1 h:1", "MOVED x h:1", "MOVED 1 h:0", "MOVED 1 h:65536", "MOVED 1 h:x",
        "MOVED 1 h:", " h:1", "h:1"};
    struct endpoint from = {"h", 1}, to;

    begin("redis://h:1");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unit_row = bad[i];
        CHECK(!route_redirect(&route, bad[i], &from, &to));
    }
    CHECK_NUMBER(route.nodes.n, 1);
    route_free(&route);
}

static void tell(struct route_slots *s, enum reply_type type, int depth, size_t index,
    const char *bytes, long long integer)
{
    route_slots_item(s, &(struct reply_item){.type = type,
                            .depth = depth,
                            .index = index,
                            .bytes = bytes,
                            .len = bytes ? strlen(bytes) : 0,
                            .integer = integer});
}

/* Two ranges; the master of the second has no host, so that it is the server's; and a replica. */
static void learns_the_slots(void)
{
    struct route_slots s = {.route = &route, .from = {"seed", 1}};

    begin("redis://seed:1");
    tell(&s, REPLY_ARRAY, 0, 0, NULL, 2);
    tell(&s, REPLY_ARRAY, 1, 0, NULL, 4);
    tell(&s, REPLY_INTEGER, 2, 0, NULL, 0);
    tell(&s, REPLY_INTEGER, 2, 1, NULL, 99);
    for (size_t place = 2; place < 4; place++) {
        tell(&s, REPLY_ARRAY, 2, place, NULL, 4);
        tell(&s, REPLY_STRING, 3, 0, place == 2 ? "master" : "replica", 0);
        tell(&s, REPLY_INTEGER, 3, 1, NULL, 7);
        tell(&s, REPLY_STRING, 3, 2, "id", 0);
        tell(&s, REPLY_ARRAY, 3, 3, NULL, 0);
    }
    tell(&s, REPLY_ARRAY, 1, 1, NULL, 3);
    tell(&s, REPLY_INTEGER, 2, 0, NULL, 100);
    tell(&s, REPLY_INTEGER, 2, 1, NULL, 99999);
    tell(&s, REPLY_ARRAY, 2, 2, NULL, 2);
    tell(&s, REPLY_NIL, 3, 0, NULL, 0);
    tell(&s, REPLY_INTEGER, 3, 1, NULL, 8);
    CHECK_NUMBER(route.nodes.n, 4);
    CHECK_TEXT(route_owner(&route, 0)->host, "master");
    CHECK_TEXT(route_owner(&route, 99)->host, "master");
    CHECK_TEXT(route_owner(&route, 100)->host, "seed");
    CHECK_NUMBER(route_owner(&route, ROUTE_SLOTS - 1)->port, 8);
    route_free(&route);
}

/* What is no port, above all 0, which would be a unix socket, is no node; nor are there too many.
 */
static void learns_no_nonsense(void)
{
    static const long long bad[] = {0, -1, 65536, INT64_MAX, INT64_MIN};
    struct route_slots s = {.route = &route, .from = {"seed", 1}};

    begin("redis://seed:1");
    tell(&s, REPLY_INTEGER, 2, 0, NULL, 0);
    tell(&s, REPLY_INTEGER, 2, 1, NULL, 99);
    tell(&s, REPLY_ARRAY, 2, 2, NULL, 2);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tell(&s, REPLY_STRING, 3, 0, "/path", 0);
        tell(&s, REPLY_INTEGER, 3, 1, NULL, bad[i]);
    }
    CHECK_NUMBER(route.nodes.n, 1);
    CHECK(route_owner(&route, 0) == NULL);
    for (int port = 1; port <= 65535; port += 7) {
        tell(&s, REPLY_STRING, 3, 0, "host", 0);
        tell(&s, REPLY_INTEGER, 3, 1, NULL, port);
    }
    CHECK(route.nodes.n < 5000);
    route_free(&route);
}

UNIT_MAIN({"knows the slot of a key", knows_the_slot_of_a_key},
    {"follows redirects", follows_redirects}, {"follows no nonsense", follows_no_nonsense},
    {"learns the slots of a cluster", learns_the_slots}, {"learns no nonsense", learns_no_nonsense})
