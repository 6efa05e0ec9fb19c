/* batch: entries side by side, the rooms among them, the parts they travel in, and what is printed.
 */
#include "cmd/send_batch.h"

#include <stdlib.h>

#include "common/reply.h"
#include "common/route.h"
#include "tests/unit/unit.h"

static const struct send_settings plain = {.room = NULL};
static const struct batch_limit most = {2048, 1024 * 1024};

static struct span bytes(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* Add an entry of one field, `n` as its text and its line. */
static void add(struct send_batch *b, struct span room, size_t n, const struct send_settings *set)
{
    struct send_entry entry = {.room = room, .id = {n, 7}, .messages = 1, .line = n};
    char text[24];

    entry.bytes = (size_t)snprintf(text, sizeof text, "%zu", n);
    reply_text(&entry.fields, "jhon");
    reply_text(&entry.fields, text);
    batch_add(b, &entry, set);
    buf_free(&entry.fields);
}

/* --- rooms ----------------------------------------------------------------------------------- */

static struct span numbered(char to[32], size_t n)
{
    return (struct span){to, (size_t)snprintf(to, 32, "room %zu", n)};
}

/* Each name has one number, in the order in which they came; all entries know theirs. */
static void knows_rooms_again(void)
{
    enum { ROOMS = 5000, ENTRIES = 20000 };
    static size_t numbers[ROOMS], rooms[ENTRIES];
    struct send_batch b = {0};
    char name[32];

    for (int round = 0; round < 3; round++) {
        size_t known = 0;

        memset(numbers, 0, sizeof numbers);
        for (size_t i = 0; i < ENTRIES; i++) {
            rooms[i] = unit_random() % ROOMS;
            add(&b, numbered(name, rooms[i]), i + 1, &plain);
            if (numbers[rooms[i]] == 0)
                numbers[rooms[i]] = ++known;
        }
        CHECK_NUMBER(b.entries.n, ENTRIES);
        CHECK_NUMBER(b.rooms.n, known);
        for (size_t i = 0; i < ENTRIES; i++) {
            struct span got = batch_room(&b, i), want = numbered(name, rooms[i]);

            CHECK_SAME(got.at, got.len, want.at, want.len);
            CHECK_NUMBER(b.entries.at[i].room + 1, numbers[rooms[i]]);
        }
        batch_finish(&b, &plain, &(struct out){0},
            &(struct progress){0}); /* and once more, with its memory */
        CHECK_NUMBER(b.entries.n + b.rooms.n, 0);
    }
    batch_free(&b);
}

#define NAME(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

/* The first two of each are the same to FNV-1a, of 32 bits. */
static const struct span names[] = {NAME("costarring"), NAME("liquid"), NAME("declinate"),
    NAME("macallums"), NAME("altarage"), NAME("zinke"), NAME(""), NAME("a"), NAME("aa"),
    NAME("aaa"), NAME("\0"), NAME("\0\0"), NAME("a\0"), NAME("a\0b"), NAME("\r\n"),
    NAME("$1\r\na\r\n"), NAME("*"), NAME("\xff"), NAME("\xff\xfe"), NAME("A"), NAME(" ")};

enum { NAMES = sizeof names / sizeof *names };

static uint32_t fnv1a(struct span name)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.at[i]) * 16777619U;
    return hash;
}

static void tells_rooms_apart(void)
{
    struct send_batch b = {0};

    for (size_t i = 0; i < 6; i += 2)
        CHECK_NUMBER(fnv1a(names[i]), fnv1a(names[i + 1]));
    for (size_t i = 0; i < 10 * NAMES; i++)
        add(&b, names[i * 5 % NAMES], i, &plain); /* interleaved: 5 and 21 have no common factor */
    CHECK_NUMBER(b.rooms.n, NAMES);
    for (size_t i = 0; i < 10 * NAMES; i++) {
        struct span got = batch_room(&b, i), want = names[i * 5 % NAMES];

        CHECK_SAME(got.at, got.len, want.at, want.len);
        CHECK_NUMBER(b.entries.at[i].room, i % NAMES);
    }
    batch_free(&b);
}

/* --- commands -------------------------------------------------------------------------------- */

static void check_command(const struct send_batch *b, size_t n, const char *want, size_t wanted)
{
    struct span got = batch_command(b, n), fields = batch_fields(b, n);

    CHECK_SAME(got.at, got.len, want, wanted);
    CHECK(fields.at > got.at && fields.at + fields.len == got.at + got.len);
}

#define CHECK_COMMAND(b, n, literal) check_command(b, n, literal, sizeof(literal) - 1)

static void add_fields(
    struct send_batch *b, const char *room, size_t messages, const struct send_settings *set)
{
    struct send_entry entry = {.room = bytes(room), .id = {17, 3}, .messages = messages, .line = 1};

    for (size_t i = 0; i < 2 * messages; i++)
        reply_text(&entry.fields, i % 2 ? "t\r\n" : "n");
    batch_add(b, &entry, set);
    CHECK_SAME(batch_fields(b, b->entries.n - 1).at, batch_fields(b, b->entries.n - 1).len, entry.fields.data,
        entry.fields.len);
    buf_free(&entry.fields);
}

static void adds_commands(void)
{
    struct send_batch b = {0};

    add_fields(&b, "r", 1, &plain);
    add_fields(&b, "r", 1, &plain); /* the same head */
    add_fields(&b, "r", 2, &plain); /* more fields */
    add_fields(&b, "r", 1, &plain);
    add_fields(&b, "other", 1, &plain);
    add_fields(&b, "r", 1, &plain); /* again, though not the last one */
    CHECK_COMMAND(&b, 0, "*5\r\n$4\r\nXADD\r\n$1\r\nr\r\n$1\r\n*\r\n$1\r\nn\r\n$3\r\nt\r\n\r\n");
    CHECK_COMMAND(&b, 1, "*5\r\n$4\r\nXADD\r\n$1\r\nr\r\n$1\r\n*\r\n$1\r\nn\r\n$3\r\nt\r\n\r\n");
    CHECK_COMMAND(&b, 2,
        "*7\r\n$4\r\nXADD\r\n$1\r\nr\r\n$1\r\n*\r\n$1\r\nn\r\n$3\r\nt\r\n\r\n$1\r\nn\r\n$"
        "3\r\nt\r\n\r\n");
    CHECK_COMMAND(&b, 3, "*5\r\n$4\r\nXADD\r\n$1\r\nr\r\n$1\r\n*\r\n$1\r\nn\r\n$3\r\nt\r\n\r\n");
    CHECK_COMMAND(
        &b, 4, "*5\r\n$4\r\nXADD\r\n$5\r\nother\r\n$1\r\n*\r\n$1\r\nn\r\n$3\r\nt\r\n\r\n");
    CHECK_COMMAND(&b, 5, "*5\r\n$4\r\nXADD\r\n$1\r\nr\r\n$1\r\n*\r\n$1\r\nn\r\n$3\r\nt\r\n\r\n");
    CHECK_NUMBER(b.rooms.n, 2);
    batch_free(&b);
}

static void adds_commands_that_trim(void)
{
    struct send_settings set = {.maxlen = 1000};
    struct send_batch b = {0};

    add_fields(&b, "r", 1, &set);
    CHECK_COMMAND(&b, 0,
        "*8\r\n$4\r\nXADD\r\n$1\r\nr\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$4\r\n1000\r\n$1\r\n*\r\n$"
        "1\r\nn\r\n$3\r\nt\r\n\r\n");
    CHECK_NUMBER(id_compare(b.entries.at[0].id, ID_LEAST), 0);
    batch_free(&b);
}

static void adds_commands_that_keep_ids(void)
{
    struct send_settings set = {.keep_ids = true, .maxlen = 5};
    struct send_batch b = {0};

    add(&b, bytes("r"), 1, &set);
    add(&b, bytes("r"), 12, &set); /* of the same room, but not the same head */
    CHECK_COMMAND(&b, 0,
        "*8\r\n$4\r\nXADD\r\n$1\r\nr\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$1\r\n5\r\n$3\r\n1-7\r\n$"
        "4\r\njhon\r\n$1\r\n1\r\n");
    CHECK_COMMAND(&b, 1,
        "*8\r\n$4\r\nXADD\r\n$1\r\nr\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$1\r\n5\r\n$4\r\n12-7\r\n$"
        "4\r\njhon\r\n$2\r\n12\r\n");
    CHECK_NUMBER(id_compare(b.entries.at[1].id, (struct id){12, 7}), 0);
    batch_free(&b);
}

static void begins_anew(void)
{
    struct send_settings set = {.maxlen = 5};
    struct send_batch b = {0};

    add_fields(&b, "r", 1, &plain);
    batch_finish(&b, &plain, &(struct out){0}, &(struct progress){0});
    add_fields(&b, "r", 1, &set);
    CHECK_COMMAND(&b, 0,
        "*8\r\n$4\r\nXADD\r\n$1\r\nr\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$1\r\n5\r\n$1\r\n*\r\n$"
        "1\r\nn\r\n$3\r\nt\r\n\r\n");
    CHECK_NUMBER(b.rooms.n, 1);
    batch_free(&b);
}

static void takes_what_fits(void)
{
    struct batch_limit small = {3, 200};
    struct send_entry large = {.messages = 1}, little = {.messages = 1};
    struct send_batch b = {0};

    buf_reserve(&large.fields, 201);
    large.fields.len = 201;
    buf_reserve(&little.fields, 20);
    little.fields.len = 20;
    CHECK(!batch_full(&b, small));
    CHECK(batch_takes(&b, &large, small)); /* alone */
    add(&b, bytes("r"), 1, &plain);
    CHECK(!batch_takes(&b, &large, small));
    CHECK(batch_takes(&b, &little, small));
    little.fields.len = 200 - b.commands.len + 1;
    CHECK(!batch_takes(&b, &little, small));
    little.fields.len--;
    CHECK(batch_takes(&b, &little, small));
    add(&b, bytes("r"), 2, &plain);
    CHECK(!batch_full(&b, small));
    add(&b, bytes("r"), 3, &plain);
    CHECK(batch_full(&b, small));
    CHECK(batch_full(&b, (struct batch_limit){9, b.commands.len}));
    CHECK(!batch_full(&b, (struct batch_limit){9, b.commands.len + 1}));
    CHECK(!batch_takes(&b, &little, (struct batch_limit){3, 9999}));
    buf_free(&large.fields);
    buf_free(&little.fields);
    batch_free(&b);
}

/* --- parts ----------------------------------------------------------------------------------- */

/* Rooms whose hash slots are shared by some: {a}1, {a}2, ..., {b}1, ... */
static struct span tagged(char to[32], size_t n)
{
    return (struct span){to, (size_t)snprintf(to, 32, "{%c}%zu", (char)('a' + n % 5), n / 5)};
}

static int part_key(
    enum batch_division how, struct span room, const struct send_batch *b, uint32_t entry)
{
    return how == DIVIDE_NOT       ? 0
           : how == DIVIDE_BY_SLOT ? route_slot(room.at, room.len)
                                   : (int)b->entries.at[entry].room;
}

/* Each entry is in exactly one part, with those of its key, in the order of the input; the parts
 * are in the order of their first entries. */
static void check_parts(struct send_batch *b, enum batch_division how)
{
    bool *seen = calloc(b->entries.n, sizeof *seen);
    size_t count = 0;

    for (size_t i = 0; i < b->parts.n; i++) {
        const struct batch_part *part = &b->parts.at[i];
        uint32_t last = part->first, key_of = part->first;
        int key = part_key(how, batch_room(b, key_of), b, key_of);

        CHECK_NUMBER(part->state, PART_READY);
        CHECK_NUMBER(part->refused, BATCH_NO_ENTRY);
        CHECK_NUMBER(part->count + part->in_doubt + part->deaths + part->plain, 0);
        CHECK(i == 0 || part->first > b->parts.at[i - 1].first);
        CHECK_NUMBER(part->slot,
            how == DIVIDE_NOT ? -1
                              : route_slot(batch_room(b, key_of).at, batch_room(b, key_of).len));
        for (uint32_t at = part->first; at != BATCH_NO_ENTRY; at = b->entries.at[at].next) {
            CHECK(!seen[at]);
            CHECK(at >= last);
            CHECK_NUMBER(part_key(how, batch_room(b, at), b, at), key);
            CHECK_NUMBER(b->rooms.at[b->entries.at[at].room].part, i);
            seen[at] = true;
            last = at;
            count++;
        }
        CHECK_NUMBER(part->last, last);
        for (size_t other = 0; other < i; other++) {
            uint32_t first = b->parts.at[other].first;

            CHECK(part_key(how, batch_room(b, first), b, first) != key);
        }
    }
    CHECK_NUMBER(count, b->entries.n);
    CHECK_NUMBER(b->at, 0);
    free(seen);
}

static void divides(void)
{
    struct send_batch b = {0};
    char name[32];

    for (int round = 0; round < 60; round++) {
        size_t rooms = 1 + unit_random() % 40, entries = 1 + unit_random() % 300;

        for (size_t i = 0; i < entries; i++)
            add(&b, tagged(name, unit_random() % rooms), i, &plain);
        for (int again = 0; again < 2; again++) { /* a batch can be divided once more */
            batch_divide(&b, DIVIDE_NOT);
            check_parts(&b, DIVIDE_NOT);
            CHECK_NUMBER(b.parts.n, 1);
            batch_divide(&b, DIVIDE_BY_SLOT);
            check_parts(&b, DIVIDE_BY_SLOT);
            CHECK(b.parts.n <= 5);
            batch_divide(&b, DIVIDE_BY_ROOM);
            check_parts(&b, DIVIDE_BY_ROOM);
            CHECK_NUMBER(b.parts.n, b.rooms.n);
        }
        batch_finish(&b, &plain, &(struct out){0}, &(struct progress){0});
    }
    batch_free(&b);
}

/* A batch of one room in one part, of so many entries. */
static struct batch_part *one_part(struct send_batch *b, size_t n)
{
    *b = (struct send_batch){0};
    for (size_t i = 0; i < n; i++)
        add(b, bytes("room"), i, &plain);
    batch_divide(b, DIVIDE_NOT);
    return b->parts.at;
}

static void check_chosen(
    const struct batch_part *part, uint32_t first, uint32_t end, uint32_t count, bool whole)
{
    CHECK_NUMBER(part->first, first);
    CHECK_NUMBER(part->end, end);
    CHECK_NUMBER(part->count, count);
    CHECK_NUMBER(part->whole, whole);
}

static void chooses_transactions(void)
{
    struct send_batch b;
    struct batch_part *part = one_part(&b, 5);

    part_choose(part, 10);
    check_chosen(part, 0, 4, 5, true);
    part_choose(part, 5);
    check_chosen(part, 0, 4, 5, true);
    part_choose(part, 4);
    check_chosen(part, 0, 3, 4, false);
    part_choose(part, 1);
    check_chosen(part, 0, 0, 1, false);
    b.entries.at[0].state = b.entries.at[2].state = ENTRY_IN; /* what is in is passed over */
    part_choose(part, 2);
    check_chosen(part, 1, 3, 2, false);
    part_choose(part, 3);
    check_chosen(part, 1, 4, 3, true);
    b.entries.at[4].state = ENTRY_TOO_OLD; /* and so is what is not out */
    part_choose(part, 2);
    check_chosen(part, 1, 3, 2, true);
    batch_free(&b);
}

static void chooses_what_was_refused_alone(void)
{
    struct send_batch b;
    struct batch_part *part = one_part(&b, 5);

    part->refused = 2;
    part_choose(part, 10); /* what is before it */
    check_chosen(part, 0, 1, 2, false);
    b.entries.at[0].state = b.entries.at[1].state = ENTRY_IN;
    part_choose(part, 10); /* that alone */
    check_chosen(part, 2, 2, 1, false);
    b.entries.at[2].state = ENTRY_IN;
    part_choose(part, 10); /* what is behind it */
    check_chosen(part, 3, 4, 2, true);
    batch_free(&b);
    part = one_part(&b, 3);
    part->refused = 0;
    part_choose(part, 10);
    check_chosen(part, 0, 0, 1, false);
    part->refused = 2;
    part_choose(part, 2);
    check_chosen(part, 0, 1, 2, false);
    b.entries.at[0].state = b.entries.at[1].state = ENTRY_IN;
    part_choose(part, 2);
    check_chosen(part, 2, 2, 1, true);
    batch_free(&b);
}

/* Of a part among others, in transactions of so many: all of it, each entry once, in order. */
static void chooses_all_of_a_part(void)
{
    for (size_t size = 1; size < 20; size++) {
        struct send_batch b = {0};
        char name[32];

        for (size_t i = 0; i < 100; i++)
            add(&b, tagged(name, unit_random() % 12), i, &plain);
        batch_divide(&b, DIVIDE_BY_SLOT);
        for (size_t i = 0; i < b.parts.n; i++) {
            struct batch_part *part = &b.parts.at[i];
            uint32_t want = part->first;

            part->refused = unit_random() % 3 ? want : b.entries.at[want].next;
            do {
                uint32_t n = 0, at;

                part_choose(part, size);
                CHECK_NUMBER(part->first, want);
                CHECK(part->count >= 1 && part->count <= size);
                for (at = part->first; n < part->count; n++) {
                    CHECK(part->count == 1 || at != part->refused);
                    b.entries.at[at].state = ENTRY_IN;
                    want = b.entries.at[at].next;
                    CHECK(n + 1 < part->count || at == part->end);
                    at = want;
                }
                CHECK_NUMBER(part->whole, want == BATCH_NO_ENTRY);
            } while (want != BATCH_NO_ENTRY);
        }
        CHECK_NUMBER(batch_undelivered(&b), b.entries.n);
        batch_free(&b);
    }
}

static void marks_a_transaction_out(void)
{
    struct send_batch b;
    struct batch_part *part = one_part(&b, 5);

    for (uint32_t i = 0; i < 5; i++) {
        b.entries.at[i].state = i == 3 ? ENTRY_TOO_OLD : ENTRY_IN;
        b.entries.at[i].id = (struct id){9, i};
    }
    part->first = 1;
    part->end = 3;
    part_mark_out(part, false);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_NUMBER(b.entries.at[i].state, i >= 1 && i <= 3 ? ENTRY_OUT : ENTRY_IN);
        CHECK_NUMBER(b.entries.at[i].id.ms, 9);
    }
    CHECK_NUMBER(batch_undelivered(&b), 1);
    CHECK_NUMBER(part_find(part, ENTRY_OUT), 1);
    CHECK_NUMBER(part_find(part, ENTRY_IN), 4);
    CHECK_NUMBER(part_find(part, ENTRY_TOO_OLD), BATCH_NO_ENTRY);
    CHECK_NUMBER(part_find_next(part, 1, ENTRY_OUT), 2);
    CHECK_NUMBER(part_find_next(part, 3, ENTRY_OUT), BATCH_NO_ENTRY);
    CHECK_NUMBER(part_find_next(part, 4, ENTRY_IN), BATCH_NO_ENTRY);
    part->first = BATCH_NO_ENTRY;
    CHECK_NUMBER(part_find(part, ENTRY_IN), BATCH_NO_ENTRY);
    part->first = 1;
    part_mark_out(part, true);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_NUMBER(b.entries.at[i].id.ms, i >= 1 && i <= 3 ? 0 : 9);
    batch_free(&b);
}

/* What a transaction of the rooms a, b, a, c, b, a, of which the first is in, says of them. */
static void verifies_by_room(void)
{
    static const char *const rooms[] = {"a", "b", "a", "c", "b", "a"};
    struct send_batch b = {0};
    struct batch_part *part;
    size_t line = 0;

    for (size_t i = 0; i < 6; i++)
        add(&b, bytes(rooms[i]), i + 1, &plain);
    batch_divide(&b, DIVIDE_NOT);
    part = b.parts.at;
    b.entries.at[0].state = ENTRY_IN;
    b.rooms.at[2].entry = 3; /* of another transaction */
    part_choose(part, 2); /* b and a */
    part_mark_rooms(part);
    CHECK_NUMBER(b.rooms.at[0].entry, 2);
    CHECK_NUMBER(b.rooms.at[1].entry, 1);
    CHECK_NUMBER(b.rooms.at[2].entry, BATCH_NO_ENTRY);
    b.rooms.at[1].entry = BATCH_NO_ENTRY; /* b takes entries, a was refused */
    CHECK_NUMBER(part_mark_verified(part, &line), 1);
    CHECK_NUMBER(line, 2);
    CHECK_NUMBER(b.entries.at[1].state, ENTRY_IN);
    CHECK_NUMBER(b.entries.at[2].state, ENTRY_OUT);
    CHECK_NUMBER(b.entries.at[4].state, ENTRY_OUT);
    part_choose(part, 9);
    CHECK_NUMBER(part->count, 4);
    part_mark_rooms(part);
    CHECK_NUMBER(b.rooms.at[0].entry, 2); /* the first: its line is named */
    CHECK_NUMBER(b.rooms.at[1].entry, 4);
    CHECK_NUMBER(b.rooms.at[2].entry, 3);
    for (size_t i = 0; i < 3; i++)
        b.rooms.at[i].entry = BATCH_NO_ENTRY;
    b.entries.at[2].id = b.entries.at[4].id = b.entries.at[5].id = (struct id){9, 9};
    CHECK_NUMBER(part_mark_verified(part, &line), 1);
    CHECK_NUMBER(line, 4);
    CHECK_NUMBER(batch_undelivered(&b), 6);
    batch_free(&b);
}

static void says_what_is_in_doubt(void)
{
    struct send_batch b;
    struct batch_part *part = one_part(&b, 3);

    CHECK(!batch_in_doubt(&b, 0));
    part->in_doubt = 2;
    CHECK(batch_in_doubt(&b, 0));
    b.at = 1; /* it is in */
    CHECK(!batch_in_doubt(&b, 0));
    batch_free(&b);
}

/* --- output ---------------------------------------------------------------------------------- */

enum { IN = 1, NOT = 0 };

/* Settle entries of one field, or two, each with its echo, of which some are in. */
static void settle(const struct send_settings *set, struct buf *printed, struct progress *done,
    const bool in[3], const char *behind)
{
    static const char *const echoes[] = {"\none\n", "two\r\n", "r\t2-1+\ta\tx\nr\t2-1\tb\ty\n"};
    struct send_batch b = {0};
    struct out out = {0};

    for (size_t i = 0; i < 3; i++) {
        struct send_entry entry = {
            .room = bytes("r"), .messages = i == 2 ? 2 : 1, .bytes = 3 + i, .line = i + 1};

        reply_text(&entry.fields, "field");
        batch_add(&b, &entry, set);
        buf_free(&entry.fields);
        if (set->tee)
            batch_echo(&b, echoes[i], strlen(echoes[i]));
        b.entries.at[i].state = in[i] ? ENTRY_IN : ENTRY_OUT;
        b.entries.at[i].id = i == 1 ? ID_LEAST : (struct id){i + 10, 1};
    }
    if (set->tee)
        batch_echo(&b, behind, strlen(behind));
    *done = (struct progress){0};
    batch_finish(&b, set, &out, done);
    CHECK_NUMBER(out.whole, out.buf.len);
    CHECK_NUMBER(b.entries.n + b.rooms.n + b.parts.n + b.commands.len + b.echo.len, 0);
    buf_clear(printed);
    buf_add(printed, out.buf.data, out.buf.len);
    out_free(&out);
    batch_free(&b);
}

static const struct {
    const char *name;
    bool tee, ids;
    bool in[3];
    const char *behind; /* input that was skipped */
    const char *want;
} outputs[] = {
    {"nothing", false, false, {IN, IN, IN}, "", ""},
    {"-T", true, false, {IN, IN, IN}, "", "\none\ntwo\r\nr\t2-1+\ta\tx\nr\t2-1\tb\ty\n"},
    {"-T with skipped lines at its end", true, false, {IN, IN, IN}, "\n\n",
        "\none\ntwo\r\nr\t2-1+\ta\tx\nr\t2-1\tb\ty\n\n\n"},
    {"-T, the last is not in", true, false, {IN, IN, NOT}, "", "\none\ntwo\r\n"},
    {"-T, the first is not in", true, false, {NOT, IN, IN}, "",
        "two\r\nr\t2-1+\ta\tx\nr\t2-1\tb\ty\n"},
    {"-T, none is in", true, false, {NOT, NOT, NOT}, "\n", ""},
    {"-i", false, true, {IN, IN, IN}, "", "10-1\n-\n12-1\n12-1\n"},
    {"-i, one is not in", false, true, {IN, NOT, IN}, "", "10-1\n12-1\n12-1\n"},
    {"-T -i", true, true, {IN, IN, IN}, "",
        "10-1\t\none\n-\ttwo\r\n12-1\tr\t2-1+\ta\tx\n12-1\tr\t2-1\tb\ty\n"},
    {"-T -i, the first is not in", true, true, {NOT, NOT, IN}, "",
        "12-1\tr\t2-1+\ta\tx\n12-1\tr\t2-1\tb\ty\n"},
};

static void prints_what_is_in(void)
{
    struct buf printed = {0};

    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        struct send_settings set = {.tee = outputs[i].tee, .ids = outputs[i].ids};
        const bool *in = outputs[i].in;
        struct progress done;

        unit_row = outputs[i].name;
        settle(&set, &printed, &done, in, outputs[i].behind);
        CHECK_SAME(printed.data, printed.len, outputs[i].want, strlen(outputs[i].want));
        CHECK_NUMBER(done.messages, (size_t)in[0] + in[1] + 2 * (size_t)in[2]);
        CHECK_NUMBER(done.bytes, 3 * (size_t)in[0] + 4 * (size_t)in[1] + 5 * (size_t)in[2]);
    }
    buf_free(&printed);
}

static void prints_skipped_lines_of_an_empty_batch(void)
{
    struct send_settings set = {.tee = true};
    struct send_batch b = {0};
    struct out out = {0};

    batch_echo(&b, "\n\n", 2);
    CHECK(!batch_full(&b, most));
    batch_finish(&b, &set, &out, &(struct progress){0});
    CHECK_BYTES(out.buf.data, out.buf.len, "\n\n");
    out_free(&out);
    batch_free(&b);
}

UNIT_MAIN({"knows rooms again", knows_rooms_again}, {"tells rooms apart", tells_rooms_apart},
    {"adds commands", adds_commands}, {"adds commands that trim", adds_commands_that_trim},
    {"adds commands that keep IDs", adds_commands_that_keep_ids}, {"begins anew", begins_anew},
    {"takes what fits", takes_what_fits}, {"divides by slot, by room, or not", divides},
    {"chooses transactions", chooses_transactions},
    {"chooses what was refused alone", chooses_what_was_refused_alone},
    {"chooses all of a part", chooses_all_of_a_part},
    {"marks a transaction out", marks_a_transaction_out},
    {"verifies a transaction by its rooms", verifies_by_room},
    {"says what is in doubt", says_what_is_in_doubt}, {"prints what is in", prints_what_is_in},
    {"prints skipped lines of an empty batch", prints_skipped_lines_of_an_empty_batch})
