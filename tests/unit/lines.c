#include "cmd/send_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A reader, and the end of the pipe that it reads. */
static int feed;

static struct lines start(int end, size_t most)
{
    struct lines l = {.end = end, .most = most};
    int ends[2];

    if (pipe(ends) < 0)
        abort();
    l.fd = ends[0];
    feed = ends[1];
    return l;
}

static void finish(struct lines *l)
{
    close(l->fd);
    lines_free(l);
}

static void put(struct lines *l, const char *bytes, size_t n)
{
    CHECK_NUMBER(write(feed, bytes, n), n);
    CHECK_NUMBER(lines_fill(l), n);
}

static void end_input(struct lines *l)
{
    close(feed);
    CHECK_NUMBER(lines_fill(l), 0);
    CHECK(l->ended);
}

/* Expect a record of these bytes, with or without its end. */
static void expect(struct lines *l, const char *want, size_t wanted, size_t raw_wanted)
{
    char *record = NULL;
    size_t n = 0, raw = 0;

    CHECK_NUMBER(lines_next(l, &record, &n, &raw), LINES_ONE);
    CHECK(record != NULL);
    CHECK_SAME(record, n, want, wanted);
    CHECK_NUMBER(raw, raw_wanted);
}

#define EXPECT(l, literal) expect(l, literal, sizeof(literal) - 1, sizeof(literal))
#define EXPECT_UNENDED(l, literal) expect(l, literal, sizeof(literal) - 1, sizeof(literal) - 1)

static enum lines_result next(struct lines *l)
{
    char *record;
    size_t n, raw;

    return lines_next(l, &record, &n, &raw);
}

static void splits_lines(void)
{
    struct lines l = start('\n', 100);

    CHECK_NUMBER(next(&l), LINES_NONE);
    put(&l, "a\n\nb\0c\r\nd", 9);
    EXPECT(&l, "a");
    EXPECT(&l, "");
    EXPECT(&l, "b\0c\r");
    CHECK_NUMBER(next(&l), LINES_NONE);
    put(&l, "e", 1);
    CHECK_NUMBER(next(&l), LINES_NONE);
    put(&l, "f\ng\n", 4);
    EXPECT(&l, "def");
    EXPECT(&l, "g");
    CHECK_NUMBER(next(&l), LINES_NONE);
    end_input(&l);
    CHECK_NUMBER(next(&l), LINES_NONE);
    CHECK_NUMBER(l.count, 5);
    finish(&l);
}

static void takes_an_unended_last_line(void)
{
    struct lines l = start('\n', 100);

    put(&l, "a\nb", 3);
    EXPECT(&l, "a");
    CHECK_NUMBER(next(&l), LINES_NONE);
    end_input(&l);
    EXPECT_UNENDED(&l, "b");
    CHECK_NUMBER(next(&l), LINES_NONE);
    CHECK_NUMBER(l.count, 2);
    CHECK_NUMBER(lines_fill(&l), 0); /* reading on does no harm */
    CHECK(l.ended);
    finish(&l);
}

static void finds_nothing_in_nothing(void)
{
    static const int ends[] = {'\n', 0};

    for (size_t i = 0; i < 2; i++) {
        struct lines l = start(ends[i], 100);

        end_input(&l);
        CHECK_NUMBER(next(&l), LINES_NONE);
        CHECK_NUMBER(l.count, 0);
        finish(&l);
    }
}

static void splits_at_nul(void)
{
    struct lines l = start(0, 100);

    put(&l, "a\nb\0\0c\n", 7);
    EXPECT(&l, "a\nb");
    EXPECT(&l, "");
    CHECK_NUMBER(next(&l), LINES_NONE);
    end_input(&l);
    EXPECT_UNENDED(&l, "c\n");
    finish(&l);
}

static void splits_at_bytes_above_ascii(void)
{
    struct lines l = start(0xff, 100);

    put(&l, "a\xff\xfe", 3);
    EXPECT(&l, "a");
    CHECK_NUMBER(next(&l), LINES_NONE);
    close(feed);
    finish(&l);
}

static void takes_all_as_one(void)
{
    struct lines l = start(LINES_WHOLE, 100);

    put(&l, "a\n\0\xff", 4);
    CHECK_NUMBER(next(&l), LINES_NONE);
    put(&l, "b\n", 2);
    CHECK_NUMBER(next(&l), LINES_NONE);
    end_input(&l);
    EXPECT_UNENDED(&l, "a\n\0\xff" "b\n");
    CHECK_NUMBER(next(&l), LINES_NONE);
    CHECK_NUMBER(l.count, 1);
    finish(&l);
}

static void takes_all_of_nothing_as_one(void)
{
    struct lines l = start(LINES_WHOLE, 100);

    CHECK_NUMBER(next(&l), LINES_NONE);
    end_input(&l);
    EXPECT_UNENDED(&l, "");
    CHECK_NUMBER(next(&l), LINES_NONE);
    CHECK_NUMBER(l.count, 1);
    finish(&l);
}

/* Expect a record that is too long, of which so much is there. */
static void expect_too_long(struct lines *l, const char *want, size_t raw_wanted)
{
    char *record = NULL;
    size_t n = 0, raw = 0;

    CHECK_NUMBER(lines_next(l, &record, &n, &raw), LINES_TOO_LONG);
    CHECK_SAME(record, n, want, strlen(want));
    CHECK_NUMBER(raw, raw_wanted);
}

static void bounds_the_length(void)
{
    struct lines l = start('\n', 3);

    put(&l, "abc\nabcd\nab\n", 12);
    EXPECT(&l, "abc");
    expect_too_long(&l, "abcd", 5);
    CHECK_NUMBER(l.count, 2);
    close(feed);
    finish(&l);

    l = start('\n', 3); /* also before its end has come */
    put(&l, "abc", 3);
    CHECK_NUMBER(next(&l), LINES_NONE);
    put(&l, "d", 1);
    expect_too_long(&l, "abcd", 4);
    close(feed);
    finish(&l);

    l = start(LINES_WHOLE, 3);
    put(&l, "abc", 3);
    CHECK_NUMBER(next(&l), LINES_NONE);
    put(&l, "d", 1);
    expect_too_long(&l, "abcd", 4);
    close(feed);
    finish(&l);

    l = start('\n', 3); /* the longest that is taken, also without an end */
    put(&l, "abc", 3);
    end_input(&l);
    EXPECT_UNENDED(&l, "abc");
    finish(&l);
}

/* A line of several reads' length, another behind it, and the giant's memory gone afterwards. */
static void takes_long_lines(void)
{
    enum { CHUNK = 32 * 1024, CHUNKS = 128, LONG = CHUNK * CHUNKS };
    struct lines l = start('\n', LONG);
    char *chunk = malloc(CHUNK), *record;
    size_t n, raw, wrong = 0;

    if (chunk == NULL)
        abort();
    memset(chunk, 'x', CHUNK);
    for (int i = 0; i < CHUNKS; i++) {
        put(&l, chunk, CHUNK);
        CHECK_NUMBER(next(&l), LINES_NONE);
    }
    put(&l, "\nyz", 3);
    CHECK_NUMBER(lines_next(&l, &record, &n, &raw), LINES_ONE);
    CHECK_NUMBER(n, LONG);
    CHECK_NUMBER(raw, LONG + 1);
    for (size_t i = 0; i < n; i++)
        wrong += record[i] != 'x';
    CHECK_NUMBER(wrong, 0);
    put(&l, "\n", 1);
    EXPECT(&l, "yz");
    end_input(&l);
    CHECK(l.in.cap < LONG);
    free(chunk);
    finish(&l);
}

/* The same records, however the bytes come. */
static void minds_no_boundaries(void)
{
    static const char input[] = "one\n\ntwo\0two\nthree\r\n\n\nlast";
    const size_t n = sizeof input - 1;

    for (size_t step = 1; step <= n; step++) {
        struct lines l = start('\n', 100);
        struct buf seen = {0};
        char *record;
        size_t len, raw;

        for (size_t at = 0; at <= n; at += step) {
            size_t some = n - at < step ? n - at : step;

            if (some > 0)
                put(&l, input + at, some);
            if (n - at <= step)
                end_input(&l);
            while (lines_next(&l, &record, &len, &raw) == LINES_ONE)
                buf_add(&seen, record, raw);
            if (n - at <= step)
                break;
        }
        CHECK_SAME(seen.data, seen.len, input, n);
        CHECK_NUMBER(l.count, 7);
        buf_free(&seen);
        finish(&l);
    }
}

/* What the caller does to a record, as undoing escapes in place, must not touch the next. */
static void lends_the_bytes(void)
{
    struct lines l = start('\n', 100);
    char *record;
    size_t n, raw;

    put(&l, "abc\ndef\n", 8);
    CHECK_NUMBER(lines_next(&l, &record, &n, &raw), LINES_ONE);
    memset(record, '\n', n);
    EXPECT(&l, "def");
    CHECK_NUMBER(next(&l), LINES_NONE);
    close(feed);
    finish(&l);
}

static void tells_errors_from_the_end(void)
{
    struct lines l = {.fd = -1, .end = '\n', .most = 100};

    errno = 0;
    CHECK_NUMBER(lines_fill(&l), -1);
    CHECK_NUMBER(errno, EBADF);
    CHECK(!l.ended);
    lines_free(&l);

    l = start('\n', 100);
    fcntl(l.fd, F_SETFL, O_NONBLOCK);
    CHECK_NUMBER(lines_fill(&l), 0);
    CHECK(!l.ended);
    close(feed);
    finish(&l);
}

static void takes_what_is_typed(void)
{
    struct lines l = start('\n', 10000);
    char line[4096];

    l.typed = true;
    put(&l, "\fa\f\fb\f\n", 7);
    EXPECT(&l, "ab");
    put(&l, "\f\n", 2);
    EXPECT(&l, "");
    put(&l, "\f", 1);
    CHECK_NUMBER(next(&l), LINES_NONE);
    put(&l, "c\n", 2);
    EXPECT(&l, "c");
    end_input(&l);
    CHECK_NUMBER(next(&l), LINES_NONE);
    CHECK_NUMBER(l.cut, 0);
    finish(&l);

    l = start('\n', 10000);
    l.typed = true;
    memset(line, 'x', sizeof line);
    put(&l, "a\n", 2);
    EXPECT(&l, "a");
    put(&l, line, 4094);
    put(&l, "\n", 1);
    expect(&l, line, 4094, 4095);
    CHECK_NUMBER(l.cut, 0);
    line[0] = '\f';
    line[4095] = '\n';
    put(&l, line, 4096);
    CHECK_NUMBER(l.cut, 3);
    expect(&l, line + 1, 4094, 4095);
    put(&l, line, 4094); /* and ^D */
    put(&l, "\n", 1);
    expect(&l, line + 1, 4093, 4094);
    CHECK_NUMBER(l.cut, 3);
    put(&l, line, 4095);
    CHECK_NUMBER(l.cut, 5);
    put(&l, "\n", 1);
    expect(&l, line + 1, 4094, 4095);
    end_input(&l);
    finish(&l);

    l = start('\n', 10000); /* from elsewhere all is as it is */
    put(&l, line, 4096);
    expect(&l, line, 4095, 4096);
    CHECK_NUMBER(l.cut, 0);
    end_input(&l);
    finish(&l);
}

UNIT_MAIN({"splits lines", splits_lines},
    {"takes an unended last line", takes_an_unended_last_line},
    {"finds nothing in nothing", finds_nothing_in_nothing}, {"splits at NUL", splits_at_nul},
    {"splits at bytes above ASCII", splits_at_bytes_above_ascii},
    {"takes all as one", takes_all_as_one},
    {"takes all of nothing as one", takes_all_of_nothing_as_one},
    {"takes what is typed, without form feeds, and knows what was cut", takes_what_is_typed},
    {"bounds the length", bounds_the_length},
    {"takes long lines, and gives their memory back", takes_long_lines},
    {"minds no boundaries between reads", minds_no_boundaries},
    {"lends the bytes to be changed", lends_the_bytes},
    {"tells errors from the end", tells_errors_from_the_end})
