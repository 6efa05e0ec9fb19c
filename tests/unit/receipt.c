/* receipt: names, lives, values, and what a value means. */
#include "cmd/send_receipt.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/outage.h"
#include "common/route.h"
#include "tests/unit/unit.h"

enum { HOUR = 3600 * 1000 };

static struct span bytes(const char *text)
{
    return (struct span){text, strlen(text)};
}

static struct receipt begin(struct span room, const char *user, int64_t retry, int64_t now)
{
    struct receipt r = {0};

    receipt_begin(&r, room, user, retry, now);
    CHECK_NUMBER(r.state, RECEIPT_BEGUN);
    CHECK_NUMBER(r.acked, 0);
    CHECK_SAME(r.room.data, r.room.len, room.at, room.len);
    return r;
}

/* The key is this, and 32 hexadecimal digits. */
static void check_key(const struct receipt *r, const char *want, size_t wanted)
{
    CHECK_NUMBER(r->key.len, wanted + 32);
    if (r->key.len != wanted + 32)
        return;
    CHECK_SAME(r->key.data, wanted, want, wanted);
    for (size_t i = wanted; i < r->key.len; i++)
        CHECK(isxdigit((unsigned char)r->key.data[i]) && !isupper((unsigned char)r->key.data[i]));
}

static const struct {
    const char *room, *user, *key;
} names[] = {
    {"room", "default", "{room}:chat-send:default:"},
    {"room", "bob", "{room}:chat-send:bob:"},
    {"room", "bob:2", "{room}:chat-send:bob%3A2:"}, /* bob's pattern must not take it in */
    {"room", "*", "{room}:chat-send:%2A:"},
    {"room", "b?[a-z]\\", "{room}:chat-send:b%3F%5Ba-z%5D%5C:"},
    {"room", "100%", "{room}:chat-send:100%25:"},
    {"room", "a b", "{room}:chat-send:a%20b:"},
    {"room", "Az09._-", "{room}:chat-send:Az09._-:"},
    {"room", "\xc3\xa9\x7f\x01~{}", "{room}:chat-send:%C3%A9%7F%01%7E%7B%7D:"},
    {"room", "", "{room}:chat-send::"},
    {"{tag}room", "bob", "{tag}room:chat-send:bob:"},
    {"a{tag}b", "bob", "a{tag}b:chat-send:bob:"},
    {"a{t{a}g}", "bob", "a{t{a}g}:chat-send:bob:"},
    {"{}room", "bob", "{{}room}:chat-send:bob:"}, /* an empty tag is none */
    {"{room", "bob", "{{room}:chat-send:bob:"},
    {"room}", "bob", "{room}}:chat-send:bob:"},
    {"a}b{c}", "bob", "a}b{c}:chat-send:bob:"},
    {"room:1", "bob", "{room:1}:chat-send:bob:"},
};

static void names_keys(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct receipt r;

        unit_row = names[i].key;
        r = begin(bytes(names[i].room), names[i].user, 0, 0);
        check_key(&r, names[i].key, strlen(names[i].key));
        receipt_free(&r);
    }
}

static void names_keys_after_rooms_of_any_bytes(void)
{
    static const char room[] = "a\0\xff\r\n", key[] = "{a\0\xff\r\n}:chat-send:u:";
    struct receipt r = begin((struct span){room, sizeof room - 1}, "u", 0, 0);

    check_key(&r, key, sizeof key - 1);
    CHECK(receipt_lies_beside(&r));
    receipt_free(&r);
    r = begin(bytes(""), "u", 0, 0);
    check_key(&r, "{}:chat-send:u:", strlen("{}:chat-send:u:"));
    CHECK(r.room.data != NULL);
    receipt_free(&r);
}

/* Each begin() makes another sender, also of the same struct. */
static void names_no_key_twice(void)
{
    struct receipt all[64] = {{0}};

    for (size_t i = 0; i < 64; i++) {
        all[i] = begin(bytes("room"), "bob", 0, 0);
        for (size_t other = 0; other < i; other++)
            CHECK(memcmp(all[i].key.data, all[other].key.data, all[i].key.len) != 0);
    }
    receipt_begin(&all[0], bytes("other"), "bob", 0, 0);
    check_key(&all[0], "{other}:chat-send:bob:", strlen("{other}:chat-send:bob:"));
    for (size_t i = 0; i < 64; i++)
        receipt_free(&all[i]);
}

/* What was acknowledged under the old name can be asked about as long as it is the last. */
static void begins_again(void)
{
    struct receipt r = begin(bytes("room"), "bob", 0, 5);

    r.state = RECEIPT_OPEN;
    r.acked = 7;
    r.first = 1;
    r.last_id = (struct id){5, 6};
    buf_add_text(&r.last_room, "room");
    receipt_begin(&r, bytes("b"), "ann", 2 * HOUR, 77);
    check_key(&r, "{b}:chat-send:ann:", strlen("{b}:chat-send:ann:"));
    CHECK_NUMBER(r.state, RECEIPT_BEGUN);
    CHECK_NUMBER(r.acked + r.first, 0);
    CHECK_NUMBER(r.used, 77);
    CHECK_NUMBER(r.life, 8 * HOUR);
    CHECK_BYTES(r.room.data, r.room.len, "b");
    CHECK_BYTES(r.last_room.data, r.last_room.len, "room");
    CHECK_NUMBER(id_compare(r.last_id, (struct id){5, 6}), 0);
    receipt_free(&r);
}

static const struct {
    const char *room;
    bool beside;
} slots[] = {{"room", true}, {"{tag}room", true}, {"a{tag}b{c}", true}, {"{", true},
    {"{room", true}, {"room{", true}, {"{a{b}", true}, {"a{b", true}, {"x{}", false},
    {"{}room", false}, {"a}b", false}, {"}", false}, {"a}b{c}", true}};

static void lies_in_the_slot_of_the_room(void)
{
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        struct receipt r;
        bool same;

        unit_row = slots[i].room;
        r = begin(bytes(slots[i].room), "bob", 0, 0);
        same = route_slot(r.key.data, r.key.len)
               == route_slot(slots[i].room, strlen(slots[i].room));
        CHECK_NUMBER(receipt_lies_beside(&r), same);
        CHECK_NUMBER(receipt_lies_beside(&r), slots[i].beside);
        receipt_free(&r);
    }
}

static const struct {
    int64_t retry;
    uint64_t life;
} lives[] = {{0, HOUR}, {1, HOUR}, {60 * 1000, HOUR}, {HOUR / 4 - 1, HOUR}, {HOUR / 4, HOUR},
    {HOUR / 4 + 1, HOUR + 4}, {HOUR, 4 * HOUR}, {INT64_C(24) * HOUR, UINT64_C(96) * HOUR},
    {SESSION_FOREVER, UINT64_C(7) * 24 * HOUR}};

static void lives_for_an_hour_or_four_times_as_long_as_an_outage(void)
{
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        struct receipt r = begin(bytes("room"), "bob", lives[i].retry, 1000);

        CHECK_NUMBER(r.life, lives[i].life);
        CHECK(!receipt_is_old(&r, 1000));
        CHECK(!receipt_is_old(&r, 1000 + (int64_t)(lives[i].life / 4) - 1));
        CHECK(receipt_is_old(&r, 1000 + (int64_t)(lives[i].life / 4)));
        CHECK(receipt_is_old(&r, 1000 + (int64_t)lives[i].life));
        receipt_free(&r);
    }
}

/* --- values ---------------------------------------------------------------------------------- */

static void writes_values(void)
{
    struct receipt r = {0};
    struct buf to = {0};

    receipt_value(&r, 0, 0, &to);
    CHECK_BYTES(to.data, to.len, "0 0");
    r.acked = 41;
    receipt_value(&r, 1, 7, &to);
    CHECK_BYTES(to.data, to.len, "42 7");
    r.acked = UINT64_MAX - 1;
    receipt_value(&r, 1, SIZE_MAX, &to);
    CHECK_BYTES(to.data, to.len, "18446744073709551615 18446744073709551615");
    CHECK_NUMBER(r.acked, UINT64_MAX - 1);
    buf_free(&to);
}

static void reads_what_it_writes(void)
{
    struct receipt_content content;
    struct buf text = {0};

    for (int i = 0; i < 2000; i++) {
        struct receipt r = {.acked = unit_random() >> unit_random() % 32};
        uint64_t count = unit_random() % 5000;
        size_t line = unit_random() >> unit_random() % 32;

        receipt_value(&r, count, line, &text);
        CHECK(receipt_parse(text.data, text.len, &content));
        CHECK(content.there);
        CHECK_NUMBER(content.entries, r.acked + count);
        CHECK_NUMBER(content.line, line);
        CHECK_NUMBER(id_compare(content.id, ID_LEAST), 0);
        buf_add_text(&text, " 1700000000000-3"); /* as -i notes it */
        CHECK(receipt_parse(text.data, text.len, &content));
        CHECK_NUMBER(content.entries, r.acked + count);
        CHECK_NUMBER(content.line, line);
        CHECK_NUMBER(id_compare(content.id, (struct id){1700000000000, 3}), 0);
    }
    buf_free(&text);
}

static const char *const no_values[] = {"", " ", "1", "1 ", " 1", "1  2", "a 1", "1 a", "-1 1",
    "1 -1", "+1 1", "1.0 1", "1 2 ", "1 2 3", "1 2 3-", "1 2 -3", "1 2 3-4 ", "1 2 3-4 5",
    "1 2  3-4", "1\t2", "1 2\n", "18446744073709551616 1", "1 18446744073709551616", "3 3 666-1 -",
    "0x1 1", "OK"};

static void refuses_what_is_no_value(void)
{
    struct receipt_content content;

    for (size_t i = 0; i < sizeof no_values / sizeof *no_values; i++) {
        unit_row = no_values[i];
        CHECK(!receipt_parse(no_values[i], strlen(no_values[i]), &content));
    }
    unit_row = NULL;
    CHECK(!receipt_parse(NULL, 0, &content));
    CHECK(!receipt_parse("1 2\0", 4, &content));
    CHECK(receipt_parse("1 23", 3, &content)); /* no NUL follows */
    CHECK_NUMBER(content.line, 2);
}

/* --- verdicts -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool there;
    uint64_t entries, acked, in_doubt;
    enum receipt_verdict want;
} verdicts[] = {
    {"as it was opened", true, 0, 0, 0, RECEIPT_AGREES},
    {"the first did not run", true, 0, 0, 5, RECEIPT_AGREES},
    {"the first ran", true, 5, 0, 5, RECEIPT_RAN},
    {"some of the first ran", true, 1, 0, 5, RECEIPT_RAN},
    {"more than was ever sent", true, 6, 0, 5, RECEIPT_FOREIGN},
    {"more, and nothing was sent", true, 1, 0, 0, RECEIPT_FOREIGN},
    {"what was acknowledged", true, 10, 10, 0, RECEIPT_AGREES},
    {"that, and what was sent did not run", true, 10, 10, 3, RECEIPT_AGREES},
    {"one of three in doubt", true, 11, 10, 3, RECEIPT_RAN},
    {"two of three in doubt", true, 12, 10, 3, RECEIPT_RAN},
    {"three of three in doubt", true, 13, 10, 3, RECEIPT_RAN},
    {"four of three in doubt", true, 14, 10, 3, RECEIPT_FOREIGN},
    {"one less than acknowledged", true, 9, 10, 3, RECEIPT_BEHIND},
    {"nothing of what was acknowledged", true, 0, 10, 3, RECEIPT_BEHIND},
    {"the same with nothing in doubt", true, 0, 10, 0, RECEIPT_BEHIND},
    {"none", false, 0, 10, 3, RECEIPT_GONE},
    {"none, and nothing in doubt", false, 0, 10, 0, RECEIPT_GONE},
    {"none, and nothing acknowledged", false, 0, 0, 0, RECEIPT_GONE},
    {"none, with the first in doubt", false, 0, 0, 5, RECEIPT_GONE},
    {"a forged one", true, UINT64_MAX, 10, 3, RECEIPT_FOREIGN},
    {"a forged one at the start", true, UINT64_MAX, 0, 16384, RECEIPT_FOREIGN},
    {"the largest", true, UINT64_MAX, UINT64_MAX, 3, RECEIPT_AGREES},
    {"one before the largest", true, UINT64_MAX - 1, UINT64_MAX, 3, RECEIPT_BEHIND},
    {"up to the largest", true, UINT64_MAX, UINT64_MAX - 3, 3, RECEIPT_RAN},
    {"more in doubt than there are numbers", true, UINT64_MAX, UINT64_MAX - 3, 5, RECEIPT_RAN},
    {"one too many at the largest", true, UINT64_MAX, UINT64_MAX - 3, 2, RECEIPT_FOREIGN},
};

static void judges(void)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        struct receipt r = {.acked = verdicts[i].acked};
        struct receipt_content content = {.there = verdicts[i].there, .entries = verdicts[i].entries};

        unit_row = verdicts[i].name;
        CHECK_NUMBER(receipt_judge(&r, verdicts[i].in_doubt, &content), verdicts[i].want);
    }
}

/* --- acknowledging --------------------------------------------------------------------------- */

static void acknowledges(void)
{
    char commands[] = "roomother";
    struct batch_room rooms[] = {{.at = 0, .len = 4}, {.at = 4, .len = 5}};
    struct batch_entry entries[] = {{.room = 0, .line = 3, .id = {7, 1}},
        {.room = 1, .line = 5, .id = {8, 0}}, {.room = 0, .line = 6, .id = ID_LEAST}};
    struct send_batch b = {.commands = {commands, sizeof commands - 1, 0},
        .rooms = {rooms, 2, 2},
        .entries = {entries, 3, 3}};
    struct batch_part part = {.batch = &b, .first = 0, .end = 0, .count = 1};
    struct receipt r = begin(bytes("room"), "bob", 0, 0);

    receipt_acknowledge(&r, &part);
    CHECK_NUMBER(r.acked, 1);
    CHECK_NUMBER(r.first, 3);
    CHECK_NUMBER(r.last, 3);
    CHECK(r.checked);
    CHECK_BYTES(r.last_room.data, r.last_room.len, "room");
    CHECK_NUMBER(id_compare(r.last_id, (struct id){7, 1}), 0);
    part = (struct batch_part){.batch = &b, .first = 0, .end = 1, .count = 4};
    receipt_acknowledge(&r, &part);
    CHECK_NUMBER(r.acked, 5);
    CHECK_NUMBER(r.first, 3); /* of all, not of these */
    CHECK_NUMBER(r.last, 5);
    CHECK_BYTES(r.last_room.data, r.last_room.len, "other");
    CHECK_NUMBER(id_compare(r.last_id, (struct id){8, 0}), 0);
    r.checked = false;
    part = (struct batch_part){.batch = &b, .first = 2, .end = 2, .count = 1};
    receipt_acknowledge(&r, &part); /* its ID is not known: the last that is known stays */
    CHECK_NUMBER(r.acked, 6);
    CHECK_NUMBER(r.last, 6);
    CHECK(!r.checked);
    CHECK_BYTES(r.last_room.data, r.last_room.len, "other");
    CHECK_NUMBER(id_compare(r.last_id, (struct id){8, 0}), 0);
    receipt_free(&r);
}

/* Larger than a buffer that is kept for its next use. */
static void begins_again_for_a_giant_room(void)
{
    static char room[3 * 1024 * 1024];
    struct receipt r;

    memset(room, 'r', sizeof room);
    r = begin((struct span){room, sizeof room}, "bob", 0, 0);
    receipt_begin(&r, (struct span){r.room.data, r.room.len}, "bob", 0, 0);
    CHECK_SAME(r.room.data, r.room.len, room, sizeof room);
    CHECK_SAME(r.key.data + 1, sizeof room, room, sizeof room);
    receipt_free(&r);
}

UNIT_MAIN({"names keys after the room and the user", names_keys},
    {"names keys after rooms of any bytes", names_keys_after_rooms_of_any_bytes},
    {"names no key twice", names_no_key_twice}, {"begins again", begins_again},
    {"begins again for a giant room", begins_again_for_a_giant_room},
    {"lies in the hash slot of the room, or says that it does not", lies_in_the_slot_of_the_room},
    {"lives for an hour, or four times as long as an outage may last",
        lives_for_an_hour_or_four_times_as_long_as_an_outage},
    {"writes values", writes_values}, {"reads what it writes", reads_what_it_writes},
    {"refuses what is no value", refuses_what_is_no_value}, {"judges", judges},
    {"acknowledges", acknowledges})
