/* Standard output and standard error, seen through a pipe. */
#include "common/out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/text.h"
#include "tests/unit/unit.h"
#include "tests/unit/utf8.h"

static int kept, reader;

/* Put a pipe where the descriptor is. */
static void divert(int fd)
{
    int ends[2];

    fflush(stdout);
    if (pipe(ends) < 0 || (kept = fcntl(fd, F_DUPFD_CLOEXEC, 10)) < 0 || dup2(ends[1], fd) < 0)
        abort();
    close(ends[1]);
    reader = ends[0];
    fcntl(reader, F_SETFL, O_NONBLOCK);
    fcntl(reader, F_SETPIPE_SZ, 1024 * 1024); /* nobody reads while it is written */
}

static void restore(int fd)
{
    dup2(kept, fd);
    close(kept);
    if (reader >= 0)
        close(reader);
}

/* What has come out since the last look. */
static const char *seen(void)
{
    static char text[4096];
    ssize_t n = read(reader, text, sizeof text - 1);

    text[n < 0 ? 0 : n] = 0;
    return text;
}

/* What came out each time, for checks that wait until they can print. */
static void note(struct buf *log)
{
    buf_printf(log, "<%s>", seen());
}

static int flushed(struct out *o)
{
    out_flush(o);
    return o->failure.code == EXIT_DONE ? 0 : -1;
}

static int committed(struct out *o)
{
    out_commit(o);
    return o->failure.code == EXIT_DONE ? 0 : -1;
}

static void writes_what_is_whole(void)
{
    struct out o = {0};
    struct buf log = {0};
    int failed;

    divert(STDOUT_FILENO);
    buf_add_text(&o.buf, "one\n");
    failed = flushed(&o);
    note(&log);
    failed += committed(&o);
    buf_add_text(&o.buf, "half");
    note(&log);
    failed += flushed(&o);
    note(&log);
    buf_add_text(&o.buf, " two\n");
    failed += committed(&o);
    buf_add_text(&o.buf, "never");
    out_rollback(&o);
    buf_add_text(&o.buf, "three\n");
    failed += committed(&o);
    failed += flushed(&o);
    note(&log);
    failed += flushed(&o);
    note(&log);
    restore(STDOUT_FILENO);
    CHECK_NUMBER(failed, 0);
    CHECK_BYTES(log.data, log.len, "<><><one\n><half two\nthree\n><>");
    buf_free(&log);
    out_free(&o);
}

static void writes_by_itself_when_there_is_much(void)
{
    struct out o = {0};
    size_t before = 0;
    int failed = 0;
    FILE *file = tmpfile(); /* a pipe would not hold so much */

    divert(STDOUT_FILENO);
    if (file == NULL || dup2(fileno(file), STDOUT_FILENO) < 0)
        abort();
    while (before < 16 * 1024 * 1024 && lseek(fileno(file), 0, SEEK_END) == 0) {
        buf_add_text(&o.buf, "0123456789\n");
        failed += committed(&o);
        before += 11;
    }
    restore(STDOUT_FILENO);
    fclose(file);
    CHECK_NUMBER(failed, 0);
    CHECK(before > 4096 && before <= 2 * 1024 * 1024);
    out_free(&o);
}

static void tells_a_dead_reader(void)
{
    struct out o = {0};
    int failed;

    signal(SIGPIPE, SIG_IGN); /* as out_prepare() does */
    divert(STDOUT_FILENO);
    close(reader);
    reader = -1;
    buf_add_text(&o.buf, "one\n");
    out_commit(&o);
    failed = flushed(&o);
    restore(STDOUT_FILENO);
    signal(SIGPIPE, SIG_DFL);
    CHECK_NUMBER(failed, -1);
    CHECK_NUMBER(o.failure.code, EXIT_FAILED);
    CHECK(o.closed);
    out_free(&o);
}

static void tells_a_full_disk(void)
{
    struct out o = {0};
    int failed, full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (full < 0)
        return; /* not Linux */
    divert(STDOUT_FILENO);
    dup2(full, STDOUT_FILENO);
    buf_add_text(&o.buf, "one\n");
    out_commit(&o);
    failed = flushed(&o);
    restore(STDOUT_FILENO);
    CHECK_NUMBER(failed, -1);
    CHECK_NUMBER(o.failure.code, EXIT_FAILED);
    CHECK_TEXT(o.failure.text, "cannot write to standard output: No space left on device");
    CHECK(!o.closed);
    close(full);
    out_free(&o);
}

/* A terminal that nobody reads takes a frame in pieces, or nothing. */
static void goes_on_within_a_frame(void)
{
    enum { LINES = 3000, BUSY = 100000 };
    struct out o = {.nonblocking = true};
    struct screen s = {0};
    struct buf all = {0}, got = {0};
    char bytes[4096];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), failed = 0, pauses = 0;

    if (terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0)
        abort();
    fflush(stdout);
    kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    reader = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_NONBLOCK);
    dup2(reader, STDOUT_FILENO);
    setenv("TERM", "xterm", 1);
    screen_start(&o.screen, STDOUT_FILENO, SCREEN_ALWAYS);
    for (int i = 0; i < LINES; i++)
        buf_printf(&o.buf, "line %d of %s\n", i, i % 50 ? "some" : "\033[31mmany\033[0m");
    for (size_t at = 0; at < o.buf.len;) {
        at += screen_frame(&s, o.buf.data + at, o.buf.len - at, 80, 24);
        buf_add(&all, s.frame.data, s.frame.len);
    }
    failed = committed(&o);
    for (int i = 0; i < BUSY && (o.whole > 0 || got.len < all.len); i++) {
        ssize_t n;

        failed += flushed(&o);
        pauses += o.whole > 0;
        while ((n = read(terminal, bytes, sizeof bytes)) > 0)
            buf_add(&got, bytes, (size_t)n);
    }
    restore(STDOUT_FILENO);
    close(terminal);
    CHECK_NUMBER(failed, 0);
    CHECK(pauses > 1);
    CHECK_NUMBER(o.whole, 0);
    CHECK_SAME(got.data, got.len, all.data, all.len);
    buf_free(&all);
    buf_free(&got);
    screen_free(&s);
    out_free(&o);
}

static void fills_in_errors(void)
{
    struct err e = {0};
    char text[1000];

    CHECK_NUMBER(err_set(&e, EXIT_REFUSED, "%s %d", "no", 7), -1);
    CHECK_NUMBER(e.code, EXIT_REFUSED);
    CHECK_TEXT(e.text, "no 7");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    err_set(&e, EXIT_USAGE, "%s", text);
    CHECK_NUMBER(strlen(e.text), sizeof e.text - 1);
}

static void says_one_clean_line(void)
{
    divert(STDERR_FILENO);
    err_say(ERR_ALWAYS, "%s: \\\t\033[31m\n\xff \u00e9\u202e", "room");
    CHECK_TEXT(seen(), "out: room: \\\t\\x1b[31m\\n\\xff \u00e9\\xe2\\x80\\xae\n");
    restore(STDERR_FILENO);
}

/* Cut in the middle of a character it is still one line of UTF-8. */
static void cuts_long_lines(void)
{
    char text[1000];
    const char *line;

    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\u00e9", 2);
    text[sizeof text - 2] = 0;
    divert(STDERR_FILENO);
    err_say(ERR_ALWAYS, "x%s", text);
    err_say(ERR_ALWAYS, "xx%s", text);
    line = seen();
    CHECK(utf8_is_clean(line, strlen(line), "\n"));
    CHECK(strlen(line) > 1000 && strlen(line) < 1100);
    restore(STDERR_FILENO);
}

static void says_what_is_wanted(void)
{
    static const struct {
        enum err_level level;
        const char *text;
    } rows[] = {{ERR_ALWAYS, "out: a\n"}, {ERR_NOTICE, "out: a\nout: n\n"},
        {ERR_DETAIL, "out: a\nout: n\nout: d\n"}};

    divert(STDERR_FILENO);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        err_set_level(rows[i].level);
        err_say(ERR_ALWAYS, "a");
        err_say(ERR_NOTICE, "n");
        err_say(ERR_DETAIL, "d");
        CHECK_TEXT(seen(), rows[i].text);
    }
    err_set_level(ERR_NOTICE);
    restore(STDERR_FILENO);
}

UNIT_MAIN({"writes what is whole, and takes back the rest", writes_what_is_whole},
    {"writes by itself when there is much", writes_by_itself_when_there_is_much},
    {"goes on within a frame where it stopped", goes_on_within_a_frame},
    {"tells a dead reader", tells_a_dead_reader}, {"tells a full disk", tells_a_full_disk},
    {"fills in errors", fills_in_errors}, {"says one clean line", says_one_clean_line},
    {"cuts long lines", cuts_long_lines}, {"says what is wanted", says_what_is_wanted})
