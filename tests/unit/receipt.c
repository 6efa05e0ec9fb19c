#include "cmd/send_wire.h"
#include "common/session.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct receipt begin(const char *room, int64_t retry, int64_t now)
{
    struct receipt r = {0};
    struct buf name = {0};
    struct err e;

    buf_add_text(&name, room);
    CHECK_NUMBER(receipt_begin(&r, &name, retry, now, &e), 0);
    buf_free(&name);
    return r;
}

static bool serves(const struct receipt *r, const char *room, int64_t now)
{
    struct buf name = {0};
    bool does;

    buf_add_text(&name, room);
    buf_reserve(&name, 1);
    does = receipt_serves(r, &name, now);
    buf_free(&name);
    return does;
}

/* What of a key decides on its slot: Redis Cluster specification, "Hash tags". */
static struct entry_bytes hashed(const char *key, size_t n)
{
    const char *open = memchr(key, '{', n), *close = NULL;

    if (open)
        close = memchr(open, '}', n - (size_t)(open - key));
    if (close && close > open + 1)
        return (struct entry_bytes){open + 1, (size_t)(close - open) - 1};
    return (struct entry_bytes){key, n};
}

static void is_named_for_its_room(void)
{
    static const struct {
        const char *room, *key;
    } rows[] = {
        {"room", "{room}:chat-send:"},
        {"a b", "{a b}:chat-send:"},
        {"ops:{db}", "ops:{db}:chat-send:"},
        {"{a}{b}", "{a}{b}:chat-send:"},
        {"a{b", "{a{b}:chat-send:"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct receipt r = begin(unit_row = rows[i].room, 60000, 0);
        size_t n = strlen(rows[i].key);
        struct entry_bytes a = hashed(rows[i].room, strlen(rows[i].room));
        struct entry_bytes b = hashed(r.key.data, r.key.len);

        CHECK_SAME(r.key.data, n, rows[i].key, n);
        CHECK_NUMBER(r.key.len, n + 32);
        CHECK_SAME(b.at, b.len, a.at, a.len);
        receipt_free(&r);
    }
}

static void is_another_one_each_time(void)
{
    struct receipt a = begin("room", 60000, 0), b = begin("room", 60000, 0);

    CHECK_NUMBER(a.key.len, b.key.len);
    CHECK(memcmp(a.key.data, b.key.data, a.key.len) != 0);
    receipt_free(&a);
    receipt_free(&b);
}

static void outlives_the_retries(void)
{
    enum { HOUR = 3600 * 1000 };
    static const struct {
        int64_t retry;
        uint64_t life;
    } rows[] = {
        {0, HOUR},
        {60000, HOUR},
        {HOUR / 4, HOUR},
        {HOUR, 4ULL * HOUR},
        {1000000000000, 4000000000000},
        {SESSION_FOREVER, 7ULL * 24 * HOUR},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct receipt r = begin("room", rows[i].retry, 0);

        CHECK_NUMBER(r.life, rows[i].life);
        receipt_free(&r);
    }
}

static void serves_its_room_while_it_is_young(void)
{
    enum { QUARTER = 900 * 1000 };
    struct receipt r = begin("room", 60000, 1000);
    struct receipt none = {0};

    CHECK(serves(&r, "room", 1000));
    CHECK(serves(&r, "room", 1000 + QUARTER - 1));
    CHECK(!serves(&r, "room", 1000 + QUARTER));
    CHECK(!serves(&r, "rooms", 1000));
    CHECK(!serves(&r, "", 1000));
    CHECK(!serves(&none, "", 0));
    r.used = 2000;
    CHECK(serves(&r, "room", 1000 + QUARTER));
    receipt_free(&r);
}

static void serves_a_room_without_a_name(void)
{
    struct receipt r = begin("", 60000, 0);

    CHECK(serves(&r, "", 0));
    CHECK_SAME(r.key.data, 13, "{}:chat-send:", 13);
    receipt_free(&r);
}

static void begins_anew(void)
{
    struct receipt r = begin("room", 60000, 0);
    struct buf other = {0};
    struct err e;

    r.open = r.stays = true;
    r.acked = r.sent = 5;
    r.last_id = (struct id){1, 1};
    buf_add_text(&other, "other");
    CHECK_NUMBER(receipt_begin(&r, &other, 60000, 7, &e), 0);
    CHECK(!r.open && !r.stays);
    CHECK_NUMBER(r.acked + r.sent, 0);
    CHECK_NUMBER(id_compare(r.last_id, ID_LEAST), 0);
    CHECK_NUMBER(r.used, 7);
    CHECK(serves(&r, "other", 7));
    CHECK(!receipt_end(&r, NULL)); /* nowhere to say so */
    CHECK(!serves(&r, "other", 7));
    buf_free(&other);
    receipt_free(&r);
}

UNIT_MAIN({"is named for its room, in the same hash slot", is_named_for_its_room},
    {"is another one each time", is_another_one_each_time},
    {"outlives the retries", outlives_the_retries},
    {"serves its room while it is young", serves_its_room_while_it_is_young},
    {"serves a room without a name", serves_a_room_without_a_name}, {"begins anew", begins_anew})
