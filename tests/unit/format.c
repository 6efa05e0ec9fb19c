#include "common/format.h"

#include <stdlib.h>
#include <time.h>

#include "common/text.h"
#include "tests/unit/unit.h"
#include "tests/unit/utf8.h"

static struct span bytes(const char *text)
{
    return (struct span){text, strlen(text)};
}

static struct entry_message message(const char *room, uint64_t ms, const char *name,
    const char *text)
{
    static char id[ID_TEXT];
    struct entry_message m = {.room = bytes(room), .key = {ms, 3}, .name = bytes(name),
        .text = bytes(text)};

    m.id = (struct span){id, id_print(id, m.key)};
    return m;
}

/* 2026-11-23T17:22:00.123Z */
#define MS 1795454520123
#define ID "1795454520123-3"

static struct entry_message hello(void)
{
    return message("room", MS, "jhon", "hello world");
}

/* Something hidden in each part, a NUL among it. */
static struct entry_message hostile(void)
{
    static const char text[] = "a\tb\n\0\\\xff\"";
    struct entry_message m = message("r [\n", MS, "j]\033[m\xe2\x80\xae\u2028", "");

    m.text = (struct span){text, sizeof text - 1};
    return m;
}

static void expect(struct format f, struct entry_message m, const char *want, size_t wanted,
    int line)
{
    struct buf out = {0};

    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    buf_add_text(&out, "<"); /* it appends */
    format_message(&f, &out, &m);
    unit_bytes(out.data + 1, out.len - 1, want, wanted, __FILE__, line, "format_message");
    format_free(&f);
    buf_free(&out);
}

/* `fields` are those of a struct format. */
#define EXPECT(message, literal, ...) \
    expect((struct format){__VA_ARGS__}, (message), (literal), sizeof(literal) - 1, __LINE__)

static void prints_plain(void)
{
    EXPECT(hello(), "[jhon]: hello world\n", 0);
    EXPECT(hello(), "room [jhon]: hello world\n", .rooms = true);
    EXPECT(message("", 0, "", ""), "[]: \n", 0);
    EXPECT(hostile(), "[j\\x5d\\x1b\\x5bm\\xe2\\x80\\xae\\xe2\\x80\\xa8]: a\tb\\n\\x00\\\\xff\"\n", 0);
    EXPECT(hostile(), "r\\x20\\x5b\\n [j\\x5d\\x1b\\x5bm\\xe2\\x80\\xae\\xe2\\x80\\xa8]: a\tb\\n\\x00\\\\xff\"\n",
        .rooms = true);
}

/* On a terminal a text is shown in its lines, nothing of which looks like a message of its own. */
static void shows_lines(void)
{
    static const char *const rows[][2] = {{"", ""}, {"one", "one"}, {"one\ntwo", "one\n    two"},
        {"one\ntwo\n", "one\n    two"}, {"one\n", "one"}, {"\n", ""}, {"\n\n", "\n    "},
        {"one\n\ntwo\n\n", "one\n    \n    two\n    "}, {"\none", "\n    one"},
        {"one\r\n[marry]: two", "one\\r\n    [marry]: two"},
        {"one\n\ttwo\n\033[2J\\n", "one\n    \ttwo\n    \\x1b[2J\\n"},
        {"a\u2028b\xc2\x85\v\f", "a\\xe2\\x80\\xa8b\\xc2\\x85\\x0b\\x0c"}};
    struct buf want = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i][0];
        buf_clear(&want);
        buf_printf(&want, "[jhon]: %s\n", rows[i][1]);
        expect((struct format){.shown = true}, message("r", 0, "jhon", rows[i][0]), want.data,
            want.len, __LINE__);
    }
    unit_row = NULL;
    buf_free(&want);
    EXPECT(message("r\nr", 0, "n\nn", "t\nt"), "r\\nr [n\\nn]: t\n    t\n", .shown = true,
        .rooms = true);
    EXPECT(message("r", 0, "n", "t\nt\n"), "[n]: t\\nt\\n\n", 0);
    EXPECT(message("r", 0, "n", "t\nt\n"), "[n]: t\nt\n\n", .shown = true, .kind = FORMAT_RAW);
    EXPECT(message("r", 0, "n", "t\nt\n"), "r\t0-3\tn\tt\\nt\\n\n", .shown = true,
        .kind = FORMAT_TSV);
    EXPECT(message("r", 0, "n", "t\nt\n"), "t\\nt\\n", .shown = true, .kind = FORMAT_CUSTOM,
        .custom = "%t");
}

static void prints_raw(void)
{
    EXPECT(hello(), "[jhon]: hello world\n", .kind = FORMAT_RAW);
    EXPECT(hello(), "room [jhon]: hello world\n", .kind = FORMAT_RAW, .rooms = true);
    EXPECT(hostile(), "r [\n [j]\033[m\xe2\x80\xae\u2028]: a\tb\n\0\\\xff\"\n", .kind = FORMAT_RAW,
        .rooms = true);
}

static void prints_null(void)
{
    EXPECT(hello(), "hello world\0", .kind = FORMAT_NULL);
    EXPECT(hostile(), "a\tb\n\0\\\xff\"\0", .kind = FORMAT_NULL);
    EXPECT(message("", 0, "", ""), "\0", .kind = FORMAT_NULL);
}

static void prints_tsv(void)
{
    EXPECT(hello(), "room\t" ID "\tjhon\thello world\n", .kind = FORMAT_TSV);
    EXPECT(message("", 0, "", ""), "\t0-3\t\t\n", .kind = FORMAT_TSV);
    EXPECT(message("a\t\\", 0, "b\t\\", "c\t\\"), "a\\t\\\\\t0-3\tb\\t\\\\\tc\\t\\\\\n",
        .kind = FORMAT_TSV);
    EXPECT(hostile(),
        "r [\\n\t" ID "\tj]\\x1b[m\\xe2\\x80\\xae\\xe2\\x80\\xa8\ta\\tb\\n\\x00\\\\\\xff\"\n",
        .kind = FORMAT_TSV);
}

/* What begins with a row never begins with what looks like a byte order mark. */
static void hides_marks(void)
{
    EXPECT(message("\ufeff", 0, "n", "t"), "\\xef\\xbb\\xbf\t0-3\tn\tt\n", .kind = FORMAT_TSV);
    EXPECT(message("\ufeffr\ufeff", 0, "\ufeffn", "\ufefft"),
        "\\xef\\xbb\\xbfr\ufeff\t0-3\t\ufeffn\t\ufefft\n", .kind = FORMAT_TSV);
    EXPECT(message("\ufeff\ufeff", 0, "", ""), "\\xef\\xbb\\xbf\ufeff\t0-3\t\t\n",
        .kind = FORMAT_TSV);
    EXPECT(message("r\ufeff", 0, "", ""), "r\ufeff\t0-3\t\t\n", .kind = FORMAT_TSV);
    EXPECT(message("\ufeff", 0, "n", "t"), "\ufeff [n]: t\n", .rooms = true);
}

/* Append the messages as the rows of one entry, behind something else, in a buffer that is full. */
static void add_entry(struct format *f, struct buf *to, const struct entry_message *m, size_t n)
{
    size_t row = 0;

    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            to->data = realloc(to->data, to->len); /* so that a write beyond it is seen */
            to->cap = to->len;
            row = format_another(f, to, row, &m[i]);
            continue;
        }
        row = to->len;
        format_message(f, to, &m[i]);
    }
}

static void prints_entries_of_several_messages(void)
{
    static const struct {
        enum format_kind kind;
        size_t rows;
        const char *want;
    } cases[] = {
        {FORMAT_TSV, 1, "<r\t5-3\ta\t1\n"},
        {FORMAT_TSV, 2, "<r\t5-3+\ta\t1\nr\t5-3\t\t\n"},
        {FORMAT_TSV, 4,
            "<r\t5-3+\ta\t1\nr\t5-3+\t\t\n\t5-3+\tx\\ty\t+\\n+\nr\\t\t5-3\ta\t1\n"},
        {FORMAT_PLAIN, 2, "<[a]: 1\n[]: \n"},
        {FORMAT_RAW, 2, "<[a]: 1\n[]: \n"},
        {FORMAT_JSON, 2,
            "<{\"room\":\"r\",\"id\":\"5-3\",\"time\":\"1970-01-01T00:00:00.005Z\",\"name\":\"a\","
            "\"text\":\"1\"}\n{\"room\":\"r\",\"id\":\"5-3\",\"time\":\"1970-01-01T00:00:00.005Z\","
            "\"name\":\"\",\"text\":\"\"}\n"},
        {FORMAT_ENTRIES, 1,
            "<{\"room\":\"r\",\"id\":\"5-3\",\"time\":\"1970-01-01T00:00:00.005Z\",\"fields\":["
            "[\"a\",\"1\"]]}\n"},
        {FORMAT_ENTRIES, 4, /* in their order, repeats too */
            "<{\"room\":\"r\",\"id\":\"5-3\",\"time\":\"1970-01-01T00:00:00.005Z\",\"fields\":["
            "[\"a\",\"1\"],[\"\",\"\"],[\"x\\u0009y\",\"+\\u000a+\"],[\"a\",\"1\"]]}\n"},
        {FORMAT_CUSTOM, 2, "<5-3\t\t1\n5-3\t\t\n"},
    };
    const struct entry_message rows[] = {message("r", 5, "a", "1"), message("r", 5, "", ""),
        message("", 5, "x\ty", "+\n+"), message("r\t", 5, "a", "1")};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct format f = {.kind = cases[i].kind, .custom = "%i\t\t%t\n"};
        struct buf out = {0};

        buf_add_text(&out, "<");
        add_entry(&f, &out, rows, cases[i].rows);
        CHECK_SAME(out.data, out.len, cases[i].want, strlen(cases[i].want));
        format_free(&f);
        buf_free(&out);
    }
}

static void keeps_entries(void)
{
    static const enum format_kind others[] = {
        FORMAT_PLAIN, FORMAT_RAW, FORMAT_JSON, FORMAT_NULL, FORMAT_CUSTOM};

    CHECK(format_keeps_entries(&(struct format){.kind = FORMAT_TSV}));
    CHECK(format_keeps_entries(&(struct format){.kind = FORMAT_ENTRIES}));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK(!format_keeps_entries(&(struct format){.kind = others[i]}));
}

static void prints_json(void)
{
    EXPECT(hello(),
        "{\"room\":\"room\",\"id\":\"" ID "\",\"time\":\"2026-11-23T17:22:00.123Z\","
        "\"name\":\"jhon\",\"text\":\"hello world\"}\n", .kind = FORMAT_JSON);
    EXPECT(hostile(),
        "{\"room\":\"r [\\u000a\",\"id\":\"" ID "\",\"time\":\"2026-11-23T17:22:00.123Z\","
        "\"name\":\"j]\\u001b[m\\u202e\\u2028\",\"text\":[97,9,98,10,0,92,255,34]}\n",
        .kind = FORMAT_JSON);
    EXPECT(hostile(),
        "{\"room\":\"r [\\u000a\",\"id\":\"" ID "\",\"time\":\"2026-11-23T17:22:00.123Z\",\"fields\":"
        "[[\"j]\\u001b[m\\u202e\\u2028\",[97,9,98,10,0,92,255,34]]]}\n",
        .kind = FORMAT_ENTRIES);
    EXPECT(message("r", 0, "n", ""),
        "{\"room\":\"r\",\"id\":\"0-3\",\"time\":\"1970-01-01T00:00:00.000Z\",\"name\":\"n\","
        "\"text\":\"\"}\n", .kind = FORMAT_JSON);
    EXPECT(message("r", 253402300799999, "n", ""),
        "{\"room\":\"r\",\"id\":\"253402300799999-3\",\"time\":\"9999-12-31T23:59:59.999Z\","
        "\"name\":\"n\",\"text\":\"\"}\n", .kind = FORMAT_JSON);
    EXPECT(message("r", 253402300800000, "n", ""), /* RFC 3339 has four digits */
        "{\"room\":\"r\",\"id\":\"253402300800000-3\",\"time\":null,"
        "\"name\":\"n\",\"text\":\"\"}\n", .kind = FORMAT_JSON);
    EXPECT(message("r", UINT64_MAX, "n", "t"),
        "{\"room\":\"r\",\"id\":\"18446744073709551615-3\",\"time\":null,"
        "\"fields\":[[\"n\",\"t\"]]}\n", .kind = FORMAT_ENTRIES);
}

static void prints_times(void)
{
    struct entry_message summer = message("room", 1782907200000, "jhon", "hi");

    EXPECT(hello(), "2026-11-23T18:22:00+01:00 [jhon]: hello world\n", .times = true);
    EXPECT(summer, "2026-07-01T14:00:00+02:00 [jhon]: hi\n", .times = true);
    EXPECT(hello(), "2026-11-23T18:22:00+01:00 room [jhon]: hello world\n", .times = true,
        .rooms = true);
    EXPECT(hello(), "18:22 [jhon]: hello world\n", .times = true, .time = "%H:%M");
    EXPECT(hello(), " [jhon]: hello world\n", .times = true, .time = "");
    EXPECT(hello(), "1795454520 [jhon]: hello world\n", .times = true, .time = "%s",
        .kind = FORMAT_RAW);
    EXPECT(hello(), "18 2026-11-23T18:22:00+01:00", .kind = FORMAT_CUSTOM, .time = "%H",
        .custom = "%T 2026-11-23T18:22:00+01:00");
}

/* The text of a second is kept for the messages that share it, and only for them. */
static void tells_seconds_apart(void)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {{999, "00:00:00\n"}, {0, "00:00:00\n"}, {1000, "00:00:01\n"}, {1999, "00:00:01\n"},
        {2000, "00:00:02\n"}, {999, "00:00:00\n"}, {3600000, "01:00:00\n"},
        {UINT64_MAX, "@18446744073709551\n"}, {0, "00:00:00\n"}};
    struct format f = {.kind = FORMAT_CUSTOM, .custom = "%T\n", .time = "%H:%M:%S"};
    struct buf out = {0};

    setenv("TZ", "UTC0", 1);
    tzset();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entry_message m = message("r", rows[i].ms, "n", "t");

        buf_clear(&out);
        format_message(&f, &out, &m);
        CHECK_SAME(out.data, out.len, rows[i].text, strlen(rows[i].text));
    }
    format_free(&f);
    buf_free(&out);
}

/* An ID's milliseconds are any 64-bit number. */
static void survives_far_futures(void)
{
    static const uint64_t far[] = {253402300800000, INT64_MAX, (uint64_t)INT64_MAX + 1,
        INT64_MAX / 1000 * 1000, UINT64_MAX - 1, UINT64_MAX};
    static const enum format_kind kinds[] = {FORMAT_PLAIN, FORMAT_JSON, FORMAT_CUSTOM};

    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        for (size_t k = 0; k < 3; k++) {
            struct format f = {.kind = kinds[k], .times = true, .custom = "%T %s\n"};
            struct entry_message m = message("room", far[i], "jhon", "hi");
            struct buf out = {0};

            format_message(&f, &out, &m);
            CHECK(utf8_is_clean(out.data, out.len, "\n"));
            CHECK(out.len > 10 && memchr(out.data, '\n', out.len) == out.data + out.len - 1);
            format_free(&f);
            buf_free(&out);
        }
}

static void cuts_endless_times(void)
{
    char time[600];
    struct format f = {.times = true, .time = time};
    struct entry_message m = hello();
    struct buf out = {0};

    memset(time, 'x', sizeof time);
    time[sizeof time - 1] = 0;
    format_message(&f, &out, &m);
    CHECK(out.len >= 20);
    CHECK_BYTES(out.data + out.len - 20, 20, "[jhon]: hello world\n");
    format_free(&f);
    buf_free(&out);
}

static void colours_names(void)
{
    static const char *const names[] = {"jhon", "marry", "bot", "ci", "anna", "x", "y", "z"};
    char first[8] = "", second[8] = "";
    bool differ = false;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t raw = 0; raw < 2; raw++) {
            struct format f = {.kind = raw ? FORMAT_RAW : FORMAT_PLAIN, .colour = true};
            struct entry_message m = message("r", MS, names[i], "hi");
            struct buf out = {0};
            int colour = 0, length = 0;

            format_message(&f, &out, &m);
            buf_add(&out, "", 1);
            unit_row = out.data;
            CHECK(sscanf(out.data, "[\033[1;%dm%n", &colour, &length) == 1 && length > 0);
            CHECK(colour >= 31 && colour <= 96);
            CHECK(strncmp(out.data + length, names[i], strlen(names[i])) == 0);
            CHECK_TEXT(out.data + (size_t)length + strlen(names[i]), "\033[0m]: hi\n");
            snprintf(raw ? second : first, sizeof first, "%d", colour);
            unit_row = NULL;
            format_free(&f);
            buf_free(&out);
            if (raw)
                CHECK_TEXT(second, first); /* a name keeps its colour */
            else
                differ = differ || (i > 0 && strcmp(first, second) != 0);
        }
    CHECK(differ);
}

static void prints_custom(void)
{
    EXPECT(hello(), "room|" ID "|jhon|hello world|1795454520123|2026-11-23T18:22:00+01:00|%",
        .kind = FORMAT_CUSTOM, .custom = "%r|%i|%n|%t|%s|%T|%%");
    EXPECT(hello(), "a\n\t\r\0\\A\xff" "9z", .kind = FORMAT_CUSTOM,
        .custom = "a\\n\\t\\r\\0\\\\\\x41\\xfF9z");
    EXPECT(hello(), "%n\\", .kind = FORMAT_CUSTOM, .custom = "%%n\\\\");
    EXPECT(hello(), "%\n%jhon\\n", .kind = FORMAT_CUSTOM, .custom = "%%\\n%%%n\\\\n");
    EXPECT(hello(), "jhonhello world", .kind = FORMAT_CUSTOM, .custom = "%n%t");
    EXPECT(hostile(), "r [\n|j]\033[m\xe2\x80\xae\u2028|a\tb\n\0\\\xff\"", .kind = FORMAT_CUSTOM,
        .custom = "%r|%n|%t");
    EXPECT(hostile(),
        "r\\x20\\x5b\\n|j\\x5d\\x1b\\x5bm\\xe2\\x80\\xae\\xe2\\x80\\xa8|a\tb\\n\\x00\\\\xff\"\033",
        .kind = FORMAT_CUSTOM, .custom = "%r|%n|%t\\x1b", .shown = true);
}

static void checks_custom(void)
{
    static const char *const good[] = {"x", " ", "%r%i%n%t%T%s%%", "\\n\\t\\r\\0\\\\\\x00\\xfF",
        "%%r", "%%%r", "\\\\x", "\\\\%%", "\xc3\xa9", "%%\\n", "\\x41%t"};
    static const struct {
        const char *format, *what;
    } bad[] = {{"", "empty"}, {"%q", "'%q'"}, {"%R", "'%R'"}, {"a%", "'%'"}, {"%%%", "'%'"},
        {"% n", "'% '"}, {"%\\n", "'%\\'"}, {"\\", "'\\'"}, {"\\q", "'\\q'"}, {"a\\", "'\\'"},
        {"\\x", "'\\x'"}, {"\\x4", "'\\x'"}, {"\\x4g", "'\\x'"}, {"\\xg4", "'\\x'"},
        {"\\N", "'\\N'"}, {"\\1", "'\\1'"}, {"%%\\", "'\\'"}, {"%%\\q", "'\\q'"},
        {"%t\\q", "'\\q'"}, {"%n%%\\x4", "'\\x'"}, {"\\n%z", "'%z'"}};
    struct err e = {0};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        unit_row = good[i];
        CHECK_NUMBER(format_check(good[i], &e), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unit_row = bad[i].format;
        e = (struct err){0};
        CHECK_NUMBER(format_check(bad[i].format, &e), -1);
        CHECK_NUMBER(e.code, EXIT_USAGE);
        if (!CHECK(strstr(e.text, bad[i].what) != NULL))
            unit_print("text", e.text, strlen(e.text));
    }
}

static void reads_tsv_rows(void)
{
    static const struct {
        const char *row, *columns[4];
    } rows[] = {
        {"room\t1-2\tjhon\thello world", {"room", "1-2", "jhon", "hello world"}},
        {"\t\t\t", {"", "", "", ""}},
        {"a\\tb\tc\\nd\te\\\\\tf\\x41", {"a\tb", "c\nd", "e\\", "fA"}},
        {"r\t*\tn\tt\r", {"r", "*", "n", "t\r"}}, /* a final CR is data */
        {"r\ti\tn\t\001\033\xff\n", {"r", "i", "n", "\001\033\xff\n"}},
        {"r\ti\tn\t\\t\\t", {"r", "i", "n", "\t\t"}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = strlen(rows[i].row);
        char *row = malloc(n); /* exactly, so that a read beyond it is seen */
        struct entry_message m = {0};

        if (row == NULL)
            abort();
        unit_row = rows[i].row;
        memcpy(row, rows[i].row, n);
        CHECK_TEXT(format_parse_tsv(row, n, &m), NULL);
        CHECK_SAME(m.room.at, m.room.len, rows[i].columns[0], strlen(rows[i].columns[0]));
        CHECK_SAME(m.id.at, m.id.len, rows[i].columns[1], strlen(rows[i].columns[1]));
        CHECK_SAME(m.name.at, m.name.len, rows[i].columns[2], strlen(rows[i].columns[2]));
        CHECK_SAME(m.text.at, m.text.len, rows[i].columns[3], strlen(rows[i].columns[3]));
        free(row);
    }
}

static void reads_nul_in_tsv_rows(void)
{
    char row[] = "r\0\\0\ti\tn\\0\0\t\0";
    struct entry_message m;

    CHECK_TEXT(format_parse_tsv(row, sizeof row - 1, &m), NULL);
    CHECK_BYTES(m.room.at, m.room.len, "r\0\0");
    CHECK_BYTES(m.name.at, m.name.len, "n\0\0");
    CHECK_BYTES(m.text.at, m.text.len, "\0");
}

static void refuses_bad_rows(void)
{
    static const struct {
        const char *row, *what;
    } bad[] = {{"", "four columns"}, {"hello", "four columns"}, {"a\tb", "four columns"},
        {"a\tb\tc", "four columns"}, {"a\tb\tc\td\t", "four columns"},
        {"a\tb\tc\td\te", "four columns"}, {"a b c d", "four columns"},
        {"a\tb\tc\td\\", "escape"}, {"\\q\tb\tc\td", "escape"}, {"a\tb\\\tc\td", "escape"},
        {"a\tb\tc\\x4\td", "escape"}, {"a\tb\tc\t\\xzz", "escape"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char row[32];
        struct entry_message m;
        const char *wrong;

        unit_row = bad[i].row;
        snprintf(row, sizeof row, "%s", bad[i].row);
        wrong = format_parse_tsv(row, strlen(row), &m);
        CHECK(wrong && strncmp(wrong, "malformed: ", 11) == 0 && strstr(wrong, bad[i].what));
    }
}

UNIT_MAIN({"prints plain lines", prints_plain}, {"shows lines on a terminal", shows_lines},
    {"prints raw lines", prints_raw},
    {"prints texts ended by NUL", prints_null}, {"prints TSV", prints_tsv},
    {"hides byte order marks", hides_marks},
    {"prints entries of several messages", prints_entries_of_several_messages},
    {"keeps entries whole where a part would pass for all", keeps_entries},
    {"prints JSON", prints_json}, {"prints local times", prints_times},
    {"tells seconds apart", tells_seconds_apart}, {"survives far futures", survives_far_futures},
    {"cuts endless times", cuts_endless_times}, {"colours names, each its own", colours_names},
    {"prints custom formats", prints_custom}, {"checks custom formats", checks_custom},
    {"reads TSV rows", reads_tsv_rows}, {"reads NULs in TSV rows", reads_nul_in_tsv_rows},
    {"refuses malformed rows", refuses_bad_rows})
