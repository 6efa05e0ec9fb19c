#include "common/reply.h"

#include <hiredis/hiredis.h>

#include "tests/unit/unit.h"

static const char *const types[] = {[REPLY_STRING] = "string",
    [REPLY_STATUS] = "status",
    [REPLY_ERROR] = "error",
    [REPLY_INTEGER] = "integer",
    [REPLY_NIL] = "nil",
    [REPLY_ARRAY] = "array"};

/* Log an item: where it stands, what it is, and what it holds. */
static void on_item(void *context, const struct reply_item *item)
{
    struct buf *log = context;

    buf_printf(log, "%d %zu/%zu %s", item->depth, item->index, item->siblings, types[item->type]);
    if (item->type == REPLY_INTEGER || item->type == REPLY_ARRAY)
        buf_printf(log, " %lld", item->integer);
    else if (item->type != REPLY_NIL)
        buf_printf(log, " %.*s", (int)item->len, item->bytes);
    buf_add(log, "\n", 1);
}

/* Feed the bytes, so many at a time, and say what was told; `.` ends a reply, `!` the stream. */
static void tell(struct buf *log, const char *bytes, size_t n, size_t step)
{
    redisReader *reader = redisReaderCreateWithFunctions(NULL);
    struct reply_target target;
    int told = 0;

    reply_attach(reader, &target);
    for (size_t at = 0; at < n && told >= 0; at += step) {
        redisReaderFeed(reader, bytes + at, n - at < step ? n - at : step);
        while ((told = reply_next(reader, on_item, log)) > 0)
            buf_add_text(log, ".\n");
    }
    if (told < 0)
        buf_add_text(log, "!\n");
    buf_add(log, "", 1);
    redisReaderFree(reader);
}

static const struct {
    const char *bytes, *log;
} streams[] = {
    {"+OK\r\n", "0 0/1 status OK\n.\n"},
    {"-ERR no such key\r\n", "0 0/1 error ERR no such key\n.\n"},
    {":-42\r\n", "0 0/1 integer -42\n.\n"},
    {"$5\r\nhello\r\n", "0 0/1 string hello\n.\n"},
    {"$0\r\n\r\n", "0 0/1 string \n.\n"},
    {"$4\r\n\r\n\r\n\r\n", "0 0/1 string \r\n\r\n\n.\n"},
    {"$-1\r\n", "0 0/1 nil\n.\n"},
    {"*-1\r\n", "0 0/1 nil\n.\n"},
    {"*0\r\n", "0 0/1 array 0\n.\n"},
    {"*2\r\n$1\r\na\r\n:7\r\n", "0 0/1 array 2\n1 0/2 string a\n1 1/2 integer 7\n.\n"},
    {"*2\r\n*1\r\n+x\r\n*2\r\n*0\r\n$-1\r\n",
        "0 0/1 array 2\n1 0/2 array 1\n2 0/1 status x\n1 1/2 array 2\n2 0/2 array 0\n2 1/2 nil\n"
        ".\n"},
    {"+a\r\n+b\r\n:1\r\n", "0 0/1 status a\n.\n0 0/1 status b\n.\n0 0/1 integer 1\n.\n"},
    {"*2\r\n+a\r\n", "0 0/1 array 2\n1 0/2 status a\n"}, /* as far as it came */
    {"$5\r\nhell", ""},
    {"+a\r\n?b\r\n", "0 0/1 status a\n.\n!\n"},
    {"HTTP/1.1 400 Bad Request\r\n", "!\n"},
    {"$x\r\n", "!\n"},
    {"$-2\r\n", "!\n"},
    {"*-2\r\n", "!\n"},
    {":x\r\n", "!\n"},
    {"+a\r\n,1.5\r\n", "0 0/1 status a\n.\n!\n"}, /* RESP3, which nobody asked for */
    {"#t\r\n", "!\n"},
    {"_\r\n", "!\n"},
    {"(12\r\n", "!\n"},
    {"=5\r\ntxt:a\r\n", "!\n"},
    {"%1\r\n+a\r\n+b\r\n", "!\n"},
    {"~1\r\n+a\r\n", "!\n"},
    {">1\r\n+a\r\n", "!\n"},
    {"|1\r\n+a\r\n+b\r\n+c\r\n", "!\n"},
    {"*2\r\n+a\r\n,1.5\r\n", "0 0/1 array 2\n1 0/2 status a\n!\n"},
    {"$1073741824\r\nhell", ""},
    {"$1073741825\r\n", "!\n"},
    {"$9223372036854775807\r\n", "!\n"},
    {"*1\r\n$9000000000000000000\r\n", "0 0/1 array 1\n!\n"},
    {"$00000000000000000000000005", "!\n"},
    {"$5\rhell", "!\n"},
    {"", ""},
};

static void tells_items(void)
{
    struct buf log = {0};

    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        for (size_t step = 1; step < 64; step++) {
            unit_row = streams[i].bytes;
            buf_clear(&log);
            tell(&log, streams[i].bytes, strlen(streams[i].bytes), step);
            CHECK_TEXT(log.data, streams[i].log);
        }
    buf_free(&log);
}

static void tells_any_bytes(void)
{
    static const char bytes[] = "$6\r\na\0\r\n\xff\n\r\n", want[] = "0 0/1 string a";
    struct buf log = {0};

    tell(&log, bytes, sizeof bytes - 1, 3);
    CHECK_SAME(log.data, sizeof want - 1, want, sizeof want - 1);
    buf_free(&log);
}

/* A line of `n` bytes: whole, or without its end; in pieces of `step` bytes. */
static void tell_line(struct buf *log, const char *kind, size_t n, const char *end, size_t step)
{
    struct buf line = {0};

    buf_clear(log);
    buf_add_text(&line, kind);
    memset(buf_reserve(&line, n), '1', n);
    line.len += n;
    buf_add_text(&line, end);
    tell(log, line.data, line.len, step);
    buf_free(&line);
}

/* One that would be kept in memory, and looked through again and again. */
static void bounds_lines(void)
{
    static const char *const kinds[] = {"+", "-", ":", "*", "*1\r\n+"};
    enum { MOST = 64 * 1024 };
    struct buf log = {0};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t step = 4096; step <= 2 * MOST; step *= 32) {
            unit_row = kinds[i];
            tell_line(&log, kinds[i], MOST - 2, "", step);
            CHECK(strchr(log.data, '!') == NULL);
            tell_line(&log, kinds[i], MOST + 1, "", step);
            CHECK(strchr(log.data, '!') != NULL);
            tell_line(&log, kinds[i], MOST + 1, "\r\n", step);
            CHECK(strchr(log.data, '!') != NULL);
        }
    tell_line(&log, "-", MOST, "\r\n", 4096);
    CHECK(strchr(log.data, '!') == NULL);
    buf_free(&log);
}

static void count_bytes(void *context, const struct reply_item *item)
{
    *(size_t *)context += item->len;
}

/* The sink may be another one for each reply. */
static void follows_its_target(void)
{
    redisReader *reader = redisReaderCreateWithFunctions(NULL);
    size_t first = 0, second = 0;
    struct reply_target target;
    static const char bytes[] = "+abc\r\n*2\r\n+de\r\n+fgh\r\n";

    reply_attach(reader, &target);
    redisReaderFeed(reader, bytes, sizeof bytes - 1);
    CHECK_NUMBER(reply_next(reader, count_bytes, &first), 1);
    CHECK_NUMBER(first, 3);
    CHECK_NUMBER(reply_next(reader, count_bytes, &second), 1);
    CHECK_NUMBER(reply_next(reader, count_bytes, &second), 0);
    CHECK_NUMBER(first, 3);
    CHECK_NUMBER(second, 5);
    redisReaderFree(reader);
}

static struct reply_item error(const char *text)
{
    return (struct reply_item){.type = REPLY_ERROR, .bytes = text, .len = strlen(text)};
}

static void knows_errors(void)
{
    struct reply_item item = error("WRONGTYPE Operation against a key");

    CHECK(reply_is_error(&item, "WRONGTYPE"));
    CHECK(!reply_is_error(&item, "ERR"));
    CHECK(!reply_is_error(&item, "WRONGPASS"));
    item.len = 5;
    CHECK(!reply_is_error(&item, "WRONGTYPE"));
    CHECK(reply_is_error(&item, "WRONG"));
    item.type = REPLY_STRING;
    CHECK(!reply_is_error(&item, "WRONG"));
}

static void tells_passing_refusals_from_lasting_ones(void)
{
    static const char *const passing[] = {"LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down", "CLUSTERDOWN The cluster is down",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "BUSY Redis is busy running a script.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Redis is configured to save RDB snapshots", "NOREPLICAS Not enough good replicas",
        "ERR max number of clients reached"};
    static const char *const lasting[] = {"WRONGPASS invalid username-password pair",
        "NOAUTH Authentication required.", "NOPERM this user has no permissions",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "BUSYGROUP Consumer Group name already exists",
        "NOGROUP No such key 'r' or consumer group 'g'",
        "EXECABORT Transaction discarded because of previous errors.",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "ERR Protocol error: unauthenticated", "ERR unknown command", "ERR max", "MOVEDX 1 a:1",
        "MOVED", "ASKING 1 a:1", "ASK", "BUSYX", "", "OO"};
    static const struct {
        const char *text;
        enum err_kind kind;
    } redirects[] = {{"MOVED 3999 127.0.0.1:6381", ERR_MOVED}, {"MOVED 3999 :6381", ERR_MOVED},
        {"ASK 3999 127.0.0.1:6381", ERR_ASK}, {"ASK 0 host:1", ERR_ASK}};

    static const char *const elsewhere[] = {"READONLY You can't write against a read only replica.",
        "UNBLOCKED force unblock from blocking operation, instance state changed",
        "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0"};
    struct err e;

    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        struct reply_item item = error(unit_row = passing[i]);

        CHECK_NUMBER(reply_refusal(&e, &item, NULL), -1);
        CHECK_NUMBER(e.code, EXIT_FAILED);
        CHECK_NUMBER(e.kind, ERR_TRANSIENT);
        CHECK_TEXT(e.text, passing[i]);
    }
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        struct reply_item item = error(unit_row = elsewhere[i]);

        reply_refusal(&e, &item, NULL);
        CHECK_NUMBER(e.code, EXIT_FAILED);
        CHECK_NUMBER(e.kind, ERR_RECONNECT);
        CHECK_TEXT(e.text, elsewhere[i]);
    }
    for (size_t i = 0; i < sizeof redirects / sizeof *redirects; i++) {
        struct reply_item item = error(unit_row = redirects[i].text);

        CHECK_NUMBER(reply_refusal(&e, &item, NULL), -1);
        CHECK_NUMBER(e.code, EXIT_FAILED);
        CHECK_NUMBER(e.kind, redirects[i].kind);
        CHECK_TEXT(e.text, redirects[i].text);
    }
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++) {
        struct reply_item item = error(unit_row = lasting[i]);

        reply_refusal(&e, &item, NULL);
        CHECK_NUMBER(e.code, EXIT_REFUSED);
        CHECK_NUMBER(e.kind, ERR_FINAL);
    }
}

static void names_what_a_refusal_is_about(void)
{
    struct reply_item item = error("OOM no memory");
    char name[101];
    struct err e;

    reply_refusal(&e, &item, "room");
    CHECK_TEXT(e.text, "room: OOM no memory");
    memset(name, 'x', 100);
    name[100] = 0;
    reply_refusal(&e, &item, name);
    CHECK_NUMBER(strlen(e.text), 64 + strlen(": OOM no memory"));
}

static void writes_commands(void)
{
    struct buf to = {0};

    reply_command(&to, 12);
    reply_text(&to, "XADD");
    reply_text(&to, "");
    reply_word(&to, "a\r\n\0b", 5);
    reply_word(&to, NULL, 0);
    CHECK_BYTES(to.data, to.len, "*12\r\n$4\r\nXADD\r\n$0\r\n\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n");
    buf_clear(&to);
    reply_number(&to, 0);
    reply_number(&to, 10);
    reply_number(&to, UINT64_MAX);
    CHECK_BYTES(to.data, to.len, "$1\r\n0\r\n$2\r\n10\r\n$20\r\n18446744073709551615\r\n");
    buf_free(&to);
}

UNIT_MAIN({"tells the items of replies, however they come", tells_items},
    {"tells any bytes", tells_any_bytes}, {"bounds lines", bounds_lines},
    {"follows its target", follows_its_target}, {"knows errors by their codes", knows_errors},
    {"tells passing refusals from lasting ones", tells_passing_refusals_from_lasting_ones},
    {"names what a refusal is about, not at length", names_what_a_refusal_is_about},
    {"writes commands", writes_commands})
