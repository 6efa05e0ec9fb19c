#include "common/entry.h"

#include <stdlib.h>

#include "tests/unit/replies.h"
#include "tests/unit/unit.h"

/*
 * RESP from words parted by blanks: *2 and :7 and +OK as they are, -ERR_no_key with blanks for its
 * underscores, _ a nil string, *-1 a nil array, '' an empty string, anything else a string.
 */
static void encode(struct buf *to, const char *words)
{
    char copy[512], *rest;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        for (char *at = strchr(word, '_'); word[0] == '-' && at; at = strchr(at, '_'))
            *at = ' ';
        if (strchr("*:+-", word[0]))
            buf_printf(to, "%s\r\n", word);
        else if (strcmp(word, "_") == 0)
            buf_add_text(to, "$-1\r\n");
        else if (strcmp(word, "''") == 0)
            buf_add_text(to, "$0\r\n\r\n");
        else
            buf_printf(to, "$%zu\r\n%s\r\n", strlen(word), word);
    }
}

/* Decode in steps of 1 byte, of 7, and as a whole. */
static void expect_bytes(enum entry_reply kind, const char *bytes, size_t n, const char *log)
{
    static const size_t steps[] = {1, 7, 1024 * 1024};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct replies r;

        replies_open(&r, kind);
        for (size_t at = 0; at < n; at += steps[i])
            if (replies_feed(&r, bytes + at, n - at < steps[i] ? n - at : steps[i]) < 0)
                break;
        CHECK_SAME(r.log.data, r.log.len, log, strlen(log));
        replies_close(&r);
    }
}

static void expect(enum entry_reply kind, const char *words, const char *log)
{
    struct buf bytes = {0};

    unit_row = words;
    encode(&bytes, words);
    expect_bytes(kind, bytes.data, bytes.len, log);
    buf_free(&bytes);
}

static void reads_xread(void)
{
    expect(ENTRY_XREAD, "*1 *2 room *1 *2 1-1 *2 jhon hello",
        "room 1-1 jhon hello\n1-1 ends\n1 entries\n");
    expect(ENTRY_XREAD, "*1 *2 room *2 *2 1-1 *2 jhon hello *2 2-0 *2 marry hi",
        "room 1-1 jhon hello\n1-1 ends\nroom 2-0 marry hi\n2-0 ends\n2 entries\n");
}

static void reads_several_rooms(void)
{
    expect(ENTRY_XREAD, "*2 *2 a *1 *2 1-1 *2 jhon x *2 b *2 *2 1-1 *2 marry y *2 1-2 *2 jhon z",
        "a 1-1 jhon x\n1-1 ends\nb 1-1 marry y\n1-1 ends\nb 1-2 jhon z\n1-2 ends\n3 entries\n");
    expect(ENTRY_XREAD, "*2 *2 a *0 *2 b *1 *2 3-1 *2 n t", "b 3-1 n t\n3-1 ends\n1 entries\n");
}

static void reads_several_fields(void)
{
    expect(ENTRY_XREAD, "*1 *2 room *2 *2 1-1 *6 a x b y a z *2 2-1 *2 c w",
        "room 1-1 a x\nroom 1-1 b y\nroom 1-1 a z\n1-1 ends\nroom 2-1 c w\n2-1 ends\n2 entries\n");
}

static void reads_xrange(void)
{
    expect(ENTRY_XRANGE, "*2 *2 1-1 *2 jhon hello *2 2-0 *4 a x b y",
        " 1-1 jhon hello\n1-1 ends\n 2-0 a x\n 2-0 b y\n2-0 ends\n2 entries\n");
}

/* A pending entry that was deleted meanwhile has no fields: nil, or none. */
static void reads_entries_without_fields(void)
{
    expect(ENTRY_XREAD, "*1 *2 room *3 *2 1-1 *-1 *2 1-2 _ *2 1-3 *0",
        "1-1 ends\n1-2 ends\n1-3 ends\n3 entries\n");
    expect(ENTRY_XRANGE, "*2 *2 1-1 *-1 *2 1-2 *2 n t",
        "1-1 ends\n 1-2 n t\n1-2 ends\n2 entries\n");
}

static void reads_nothing(void)
{
    expect(ENTRY_XREAD, "*-1", "0 entries\n");
    expect(ENTRY_XREAD, "_", "0 entries\n");
    expect(ENTRY_XREAD, "*0", "0 entries\n");
    expect(ENTRY_XRANGE, "*0", "0 entries\n");
}

static void reads_empty_names_and_texts(void)
{
    expect(ENTRY_XREAD, "*1 *2 '' *1 *2 0-1 *4 '' '' n ''",
        " 0-1  \n 0-1 n \n0-1 ends\n1 entries\n");
}

static void reads_any_bytes(void)
{
    static const char bytes[] = "*1\r\n*2\r\n$4\r\nr\0\r\n\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n"
        "$3\r\n\r\n$\r\n$2\r\n\xff\0\r\n";

    unit_row = "binary";
    expect_bytes(ENTRY_XREAD, bytes, sizeof bytes - 1,
        "r\\x00\\r\\n 1-1 \\r\\n$ \\xff\\x00\n1-1 ends\n1 entries\n");
}

static void gives_errors_in_their_words(void)
{
    expect(ENTRY_XREAD, "-WRONGTYPE_Operation_against_a_key",
        "problem 4: WRONGTYPE Operation against a key\n");
    expect(ENTRY_XREAD, "-LOADING_Redis", "problem 1: LOADING Redis\n");
    expect(ENTRY_XRANGE, "-NOPERM_no", "problem 4: NOPERM no\n");
    expect(ENTRY_XREAD, "*1 *2 room -ERR_within", "problem 4: ERR within\n");
    expect(ENTRY_XRANGE, "*2 *2 1-1 *2 n t -ERR_later",
        " 1-1 n t\n1-1 ends\nproblem 4: ERR later\n");
}

static void says_what_errors_are_about(void)
{
    static const char error[] = "-WRONGTYPE Operation\r\n";
    struct replies r;

    replies_open(&r, ENTRY_XRANGE);
    r.decoder.about = "room";
    replies_feed(&r, error, sizeof error - 1);
    CHECK_BYTES(r.log.data, r.log.len, "problem 4: room: WRONGTYPE Operation\n");
    replies_close(&r);
}

#define SHAPE "problem 4: protocol error: the reply does not hold stream entries\n"

static void refuses_other_shapes(void)
{
    static const char *const xread[] = {"+OK", ":1", "word", "*1 word", "*1 :1", "*1 _", "*1 *-1",
        "*1 *2 :1 *0", "*1 *2 _ *0", "*1 *2 *0 *0", "*1 *2 *1 room *0", "*1 *2 room word",
        "*1 *2 room _", "*1 *2 room *1 word", "*1 *2 room *1 _", "*1 *2 room *1 *0",
        "*1 *2 room *1 *1 1-1", "*1 *2 room *1 *3 1-1 *0 *0", "*1 *2 room *1 *2 1 *0",
        "*1 *2 room *1 *2 x-y *0", "*1 *2 room *1 *2 '' *0", "*1 *2 room *1 *2 :1 *0",
        "*1 *2 room *1 *2 _ *0", "*1 *2 room *1 *2 *0 *0", "*1 *2 room *1 *2 1-1 word",
        "*1 *2 room *1 *2 1-1 :2", "*1 *2 room *1 *2 1-1 *1 n", "*1 *2 room *1 *2 1-1 *3 n t n",
        "*1 *2 room *1 *2 1-1 *2 _ t", "*1 *2 room *1 *2 1-1 *2 n _",
        "*1 *2 room *1 *2 1-1 *2 n :1",
        "*1 *2 room *1 *2 1-1 *2 n +t", "*1 *2 room *1 *2 1-1 *2 *0 t",
        "*1 *2 room *1 *2 1-1 *2 n *1 *1 t",
        "*1 *2 room *1 *2 018446744073709551615-18446744073709551615 *0"};
    static const char *const xrange[] = {"+OK", ":1", "word", "*1 word", "*1 _", "*1 *0",
        "*1 *1 1-1", "*1 *2 room *1 *2 1-1 *2 n t", "*1 *2 1-1 *1 n", "*1 *2 1-1 *2 n _"};

    for (size_t i = 0; i < sizeof xread / sizeof *xread; i++)
        expect(ENTRY_XREAD, xread[i], SHAPE);
    for (size_t i = 0; i < sizeof xrange / sizeof *xrange; i++)
        expect(ENTRY_XRANGE, xrange[i], SHAPE);
}

/* What came before the fault is told, nothing after it. */
static void stops_at_the_fault(void)
{
    expect(ENTRY_XREAD, "*1 *2 room *3 *2 1-1 *2 n t *2 bad *2 n t *2 3-1 *2 n t",
        "room 1-1 n t\n1-1 ends\n" SHAPE);
    expect(ENTRY_XRANGE, "*1 *2 1-1 *6 n t _ t n t", " 1-1 n t\n" SHAPE);
}

static void begins_anew_with_each_reply(void)
{
    expect(ENTRY_XRANGE, "*1 *2 1-1 *2 n t -ERR_x *-1 *1 *2 1-2 *2 n u +OK *0",
        " 1-1 n t\n1-1 ends\n1 entries\nproblem 4: ERR x\n0 entries\n"
        " 1-2 n u\n1-2 ends\n1 entries\n" SHAPE "0 entries\n");
}

static void tells_no_resp(void)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\n";

    unit_row = http;
    expect_bytes(ENTRY_XREAD, http, sizeof http - 1,
        "no reply: Protocol error, got \"H\" as reply type byte\n");
}

/* A name that came long before its text, when the reader has let go of its bytes. */
static void keeps_names(void)
{
    enum { SIZE = 5000 };
    struct buf bytes = {0}, log = {0};
    char name[SIZE + 1], text[SIZE + 1];

    memset(name, 'n', SIZE);
    memset(text, 't', SIZE);
    name[SIZE] = text[SIZE] = 0;
    buf_printf(&bytes, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", SIZE, name,
        SIZE, text);
    buf_printf(&log, " 1-1 %s %s\n1-1 ends\n1 entries\n", name, text);
    unit_row = "a long name";
    expect_bytes(ENTRY_XRANGE, bytes.data, bytes.len, log.data);
    buf_free(&bytes);
    buf_free(&log);
}

static void counts(void)
{
    struct replies r;
    struct buf bytes = {0};

    encode(&bytes, "*2 *2 1-1 *4 jhon hello a bc *2 1-2 *2 '' ''");
    replies_open(&r, ENTRY_XRANGE);
    replies_feed(&r, bytes.data, bytes.len);
    CHECK_NUMBER(r.entries, 2);
    CHECK_NUMBER(r.fields, 3);
    CHECK_NUMBER(r.bytes, 12);
    replies_feed(&r, bytes.data, bytes.len);
    CHECK_NUMBER(r.entries, 4);
    CHECK_NUMBER(r.fields, 6);
    CHECK_NUMBER(r.bytes, 24);
    replies_close(&r);
    buf_free(&bytes);
}

/* One text of many megabytes, in pieces as a socket gives them. */
static void reads_giants(void)
{
    enum { SIZE = 8 * 1024 * 1024, STEP = 16 * 1024 };
    struct replies r;
    struct buf bytes = {0};

    buf_printf(&bytes, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nn\r\n$%d\r\n", SIZE);
    memset(buf_reserve(&bytes, SIZE), 'x', SIZE);
    bytes.len += SIZE;
    buf_add_text(&bytes, "\r\n");
    replies_open(&r, ENTRY_XRANGE);
    for (size_t at = 0; at < bytes.len; at += STEP)
        replies_feed(&r, bytes.data + at, bytes.len - at < STEP ? bytes.len - at : STEP);
    CHECK_NUMBER(r.entries, 1);
    CHECK_NUMBER(r.bytes, SIZE + 1);
    replies_close(&r);
    buf_free(&bytes);
}

UNIT_MAIN({"reads XREAD", reads_xread}, {"reads several rooms", reads_several_rooms},
    {"reads several fields", reads_several_fields}, {"reads XRANGE", reads_xrange},
    {"reads entries without fields", reads_entries_without_fields},
    {"reads nothing", reads_nothing},
    {"reads empty names and texts", reads_empty_names_and_texts},
    {"reads any bytes", reads_any_bytes},
    {"gives errors in their words", gives_errors_in_their_words},
    {"says what errors are about", says_what_errors_are_about},
    {"refuses other shapes", refuses_other_shapes}, {"stops at the fault", stops_at_the_fault},
    {"begins anew with each reply", begins_anew_with_each_reply},
    {"tells what is no reply", tells_no_resp}, {"keeps names until their texts come", keeps_names},
    {"counts entries and bytes", counts},
    {"reads giants", reads_giants})
