/* The file of -C, in a directory of each test's own. */
#include "cmd/tail_cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/wait.h"
#include "tests/unit/unit.h"

static char dir[200], file[220];

/* What the system calls below, which stand in for libc's, saw and shall do. */
static struct {
    int slow;               /* how many milliseconds each fsync() of a file takes */
    int files, directories; /* how many were synced */
    off_t size;             /* of the file that was synced last */
    bool named;             /* it had its name already */
    bool no_noreplace;      /* a file system without RENAME_NOREPLACE */
} sys;

int fsync(int fd)
{
    const struct timespec time = {0, sys.slow * 1000000L};
    struct stat synced = {0}, named = {0};

    fstat(fd, &synced);
    if (S_ISDIR(synced.st_mode)) {
        sys.directories++;
        sys.named = stat(file, &named) == 0;
    } else {
        sys.files++;
        sys.size = synced.st_size;
        sys.named = stat(file, &named) == 0 && named.st_ino == synced.st_ino;
        nanosleep(&time, NULL);
    }
    return 0;
}

#ifdef RENAME_NOREPLACE
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (sys.no_noreplace) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
#endif

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof dir, "%.150s/cursor-XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL)
        abort();
    snprintf(file, sizeof file, "%s/file", dir);
    memset(&sys, 0, sizeof sys);
}

/* Nothing but the file itself may be left behind. */
static void finish(void)
{
    unlink(file);
    CHECK(rmdir(dir) == 0);
}

static void write_file(const char *text, size_t n)
{
    FILE *out = fopen(file, "w");

    if (out == NULL || fwrite(text, 1, n, out) != n || fclose(out) != 0)
        abort();
}

#define WRITE_FILE(literal) write_file(literal, sizeof(literal) - 1)

/* Expect the file to hold this text, or not to be there: NULL. */
static void expect_file(const char *want)
{
    static char text[4096];
    FILE *in = fopen(file, "r");
    size_t n = in ? fread(text, 1, sizeof text - 1, in) : 0;

    text[n] = 0;
    CHECK_TEXT(in ? text : NULL, want);
    if (in)
        fclose(in);
}

static struct tail_cursor *open_file(void)
{
    struct err e = {0};
    struct tail_cursor *c = tail_cursor_open(file, &e);

    if (!CHECK(c != NULL)) {
        CHECK_TEXT(e.text, "");
        abort();
    }
    return c;
}

/* Expect that it cannot be opened, for a reason that begins, behind the file's name, like this. */
static void expect_refusal(const char *want)
{
    struct err e = {0};
    struct tail_cursor *c = tail_cursor_open(file, &e);
    const char *reason = strstr(e.text, file);

    CHECK(c == NULL);
    CHECK_NUMBER(e.code, EXIT_FAILED);
    if (CHECK(reason != NULL))
        CHECK_SAME(reason + strlen(file), strlen(want), want, strlen(want));
    tail_cursor_close(c);
}

static void save(struct tail_cursor *c)
{
    struct err e = {0};

    if (!CHECK(tail_cursor_save(c, &e) == 0))
        CHECK_TEXT(e.text, "");
}

static void expect_failure(struct tail_cursor *c, const char *want)
{
    struct err e = {0};

    CHECK_NUMBER(tail_cursor_save(c, &e), -1);
    CHECK_NUMBER(e.code, EXIT_FAILED);
    if (!CHECK(strstr(e.text, want) != NULL))
        CHECK_TEXT(e.text, want);
}

enum { UNCOUNTED = -1 };

static void put(struct tail_cursor *c, const char *room, uint64_t ms, int added)
{
    const struct tail_place place = {
        {ms, 7}, added != UNCOUNTED, added != UNCOUNTED ? (uint64_t)added : 0};

    tail_cursor_put(c, room, strlen(room), &place);
}

static void expect_place(const struct tail_cursor *c, const char *room, uint64_t ms, int added)
{
    struct tail_place place = {0};

    CHECK(tail_cursor_find(c, room, strlen(room), &place));
    CHECK_NUMBER(place.id.ms, ms);
    CHECK_NUMBER(place.id.seq, 7);
    CHECK_NUMBER(place.counted, added != UNCOUNTED);
    if (added != UNCOUNTED)
        CHECK_NUMBER(place.added, added);
}

static void writes_a_line_a_room(void)
{
    struct tail_cursor *c;
    struct tail_place place = {ID_MOST, true, UINT64_MAX};

    begin();
    c = open_file();
    expect_file(NULL);
    put(c, "counted", 5, 3);
    put(c, "not", 6, UNCOUNTED);
    tail_cursor_put(c, "\xef\xbb\xbf\t\\\n\0\xff ", 9, &place);
    put(c, "counted", 8, 4);
    save(c);
    expect_file("counted\t8-7\t4\n"
                "not\t6-7\n"
                "\\xef\\xbb\\xbf\\t\\\\\\n\\x00\\xff \t"
                "18446744073709551615-18446744073709551615\t18446744073709551615\n");
    tail_cursor_close(c);

    c = open_file();
    place = (struct tail_place){0};
    expect_place(c, "counted", 8, 4);
    expect_place(c, "not", 6, UNCOUNTED);
    CHECK(tail_cursor_find(c, "\xef\xbb\xbf\t\\\n\0\xff ", 9, &place));
    CHECK(id_compare(place.id, ID_MOST) == 0);
    CHECK_NUMBER(place.added, UINT64_MAX);
    tail_cursor_close(c);
    finish();
}

static void keeps_the_lines_of_other_rooms(void)
{
    struct tail_place place = {{1, 2}, true, 3};
    struct tail_cursor *c;

    begin();
    WRITE_FILE("b\t1-7\n\\0a\\x62\t2-7\t20\na\t3-7\t30\n");
    c = open_file();
    expect_place(c, "b", 1, UNCOUNTED);
    expect_place(c, "a", 3, 30);
    CHECK(!tail_cursor_find(c, "ab", 2, &place));
    CHECK(!tail_cursor_find(c, "", 0, &place));
    CHECK(place.id.ms == 1 && place.id.seq == 2 && place.counted && place.added == 3);
    put(c, "b", 1, 10);
    put(c, "c", 4, UNCOUNTED);
    save(c);
    expect_file("b\t1-7\t10\n\\x00ab\t2-7\t20\na\t3-7\t30\nc\t4-7\n");
    tail_cursor_close(c);
    finish();
}

/* Earlier versions read the room "", and noted it. */
static void skips_the_room_without_a_name(void)
{
    struct tail_cursor *c;

    begin();
    WRITE_FILE("\t1-7\na\t2-7\n\t3-7\t3\n");
    c = open_file();
    expect_place(c, "a", 2, UNCOUNTED);
    put(c, "", 5, 5);
    CHECK_NUMBER(tail_cursor_due(c), WAIT_FOREVER);
    put(c, "a", 5, 5);
    save(c);
    expect_file("a\t5-7\t5\n");
    tail_cursor_close(c);
    finish();
}

static void refuses_a_damaged_file(void)
{
#define ROW(text, wrong)                              \
    {                                                 \
        text, sizeof(text) - 1, " is damaged: " wrong \
    }
    static const char fix[] = "; fix it, or remove the file to start over";
    static const struct {
        const char *text;
        size_t n;
        const char *wrong;
    } rows[] = {ROW("", "it is empty; remove it to start over"),
        ROW("\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t5\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t1-1+\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t1-1\r\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t1-18446744073709551616\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t1-1\t\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t1-1\t-1\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t1-1\t1\t1\n", "line 1 is not a room, a tab and an ID"),
        ROW("room\t1-1\0\n", "line 1 is not a room, a tab and an ID"),
        ROW("a\t1-1\nro\\qom\t1-1\n", "line 2 is not a room, a tab and an ID"),
        ROW("\tno ID\n", "line 1 is not a room, a tab and an ID"),
        ROW("a\t1-1\n\nb\t1-1\n", "line 2 is not a room, a tab and an ID"),
        ROW("room\t1-1\nhalf\t1-1", "line 2 is cut off"), ROW("room\t1-1", "line 1 is cut off"),
        ROW("a\t1-1\nb\t1-1\n\\x61\t2-1\n", "line 3 repeats a room"),
        ROW("\xef\xbb\xbf"
            "a\t1-1\n",
            "line 1 begins with a byte order mark")};
    char want[200];

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i].text;
        write_file(rows[i].text, rows[i].n);
        snprintf(want, sizeof want, "%s%s", rows[i].wrong, i == 0 ? "" : fix);
        expect_refusal(want);
    }
    finish();
#undef ROW
}

/* The same as a plain array, through many changes and some starts. */
static void finds_each_of_many_rooms(void)
{
    enum { ROOMS = 3000, CHANGES = 20000, SAVES = 4 };
    static int places[ROOMS];
    struct tail_cursor *c;
    char room[20];

    begin();
    c = open_file();
    for (int i = 1; i <= CHANGES; i++) {
        int n = (int)(unit_random() % ROOMS);

        snprintf(room, sizeof room, "room %d", n);
        put(c, room, (uint64_t)i, i);
        places[n] = i;
        if (i % (CHANGES / SAVES) == 0) {
            save(c);
            tail_cursor_close(c);
            c = open_file();
        }
    }
    for (int n = 0; n < ROOMS && !unit_failed; n++) {
        snprintf(room, sizeof room, "room %d", n);
        if (places[n])
            expect_place(c, room, (uint64_t)places[n], places[n]);
    }
    tail_cursor_close(c);
    finish();
}

static void saves_what_changed(void)
{
    struct tail_cursor *c;

    begin();
    WRITE_FILE("a\t1-7\t1\nb\t2-7\n");
    c = open_file();
    put(c, "a", 1, 1);
    put(c, "b", 2, UNCOUNTED);
    CHECK_NUMBER(tail_cursor_due(c), WAIT_FOREVER);
    save(c);
    CHECK_NUMBER(sys.files, 0);
    put(c, "b", 2, 0);
    CHECK(tail_cursor_due(c) <= wait_now());
    save(c);
    CHECK_NUMBER(tail_cursor_due(c), WAIT_FOREVER);
    put(c, "a", 1, 9);
    CHECK(tail_cursor_due(c) != WAIT_FOREVER);
    save(c);
    expect_file("a\t1-7\t9\nb\t2-7\t0\n");
    tail_cursor_close(c);
    finish();
}

/* The pause after a save: ten times its length, of which we know that it is between `least` and
 * what we saw; a second at most. */
static void check_pause(int slow, int64_t least)
{
    struct tail_cursor *c;
    int64_t before, after, due;

    begin();
    c = open_file();
    put(c, "a", 1, 1);
    CHECK(tail_cursor_due(c) <= wait_now());
    sys.slow = slow;
    before = wait_now();
    save(c);
    after = wait_now();
    CHECK_NUMBER(tail_cursor_due(c), WAIT_FOREVER);
    put(c, "a", 2, 2);
    due = tail_cursor_due(c);
    CHECK(due >= before + slow - 1 + least);
    CHECK(due <= after + 10 * (after - before));
    CHECK(due <= after + 1000);
    tail_cursor_close(c);
    finish();
}

static void pauses_after_a_save(void)
{
    check_pause(0, 0);
    check_pause(20, 190); /* the clock counts whole milliseconds */
    check_pause(150, 1000);
}

static void syncs_before_it_replaces(void)
{
    struct tail_cursor *c;

    begin();
    c = open_file();
    put(c, "a", 1, 1);
    save(c);
    CHECK_NUMBER(sys.files, 1);
    CHECK_NUMBER(sys.size, 8);
    CHECK_NUMBER(sys.directories, 1);
    CHECK(sys.named); /* the directory was synced when the new name was in it */
    put(c, "b", 1, 1);
    save(c);
    CHECK_NUMBER(sys.files, 2);
    CHECK_NUMBER(sys.size, 16);
    CHECK(!sys.named);
    tail_cursor_close(c);
    finish();
}

static void creates_only_what_nobody_has(void)
{
    for (int i = 0; i < 2; i++) {
        struct tail_cursor *one, *other;

        begin();
        sys.no_noreplace = i == 1;
        one = open_file();
        other = open_file();
        put(one, "one", 1, 1);
        put(other, "other", 1, 1);
        save(one);
        expect_failure(other, " is in use by another reader; give each reader its own file");
        expect_file("one\t1-7\t1\n");
        put(one, "one", 2, 2);
        save(one);
        expect_file("one\t2-7\t2\n");
        tail_cursor_close(one);
        tail_cursor_close(other);
        finish();
    }
}

static void locks_the_file(void)
{
    struct tail_cursor *c;

    begin();
    c = open_file();
    for (int i = 1; i <= 3; i++) {
        put(c, "a", (uint64_t)i, i);
        save(c);
        expect_refusal(" is in use by another reader; give each reader its own file");
    }
    tail_cursor_close(c);
    c = open_file();
    expect_refusal(" is in use by another reader; give each reader its own file");
    tail_cursor_close(c);
    finish();
}

/* Through two links, the first of which says where the second is as seen from itself. */
static void creates_what_a_link_leads_to(void)
{
    char linked[240], between[240];
    struct tail_cursor *c;
    struct err e = {0};

    begin();
    snprintf(linked, sizeof linked, "%s/link", dir);
    snprintf(between, sizeof between, "%s/between", dir);
    if (symlink("between", linked) < 0 || symlink(file, between) < 0)
        abort();
    c = tail_cursor_open(linked, &e);
    if (CHECK(c != NULL)) {
        put(c, "a", 1, 1);
        save(c);
        put(c, "a", 2, 2);
        save(c);
        expect_file("a\t2-7\t2\n");
    }
    tail_cursor_close(c);
    CHECK(unlink(linked) == 0 && unlink(between) == 0);
    finish();
}

static void gives_a_link_s_own_error(void)
{
    struct tail_cursor *c;

    begin();
    if (symlink("nowhere/file", file) < 0)
        abort();
    c = open_file();
    put(c, "a", 1, 1);
    expect_failure(c, "nowhere/file: No such file or directory");
    tail_cursor_close(c);
    unlink(file);
    if (symlink("file", file) < 0)
        abort();
    expect_refusal(": Too many levels of symbolic links");
    finish();
}

/* A pipe by a link of /proc, which leads to it although there is no file that has the link's text
 * as its name. */
static void refuses_what_is_no_file(void)
{
    char kept[sizeof file];
    int ends[2];

    begin();
    if (mkdir(file, 0700) < 0 || pipe(ends) < 0)
        abort();
    expect_refusal(": Is a directory");
    rmdir(file);
    memcpy(kept, file, sizeof file);
    snprintf(file, sizeof file, "/proc/self/fd/%d", ends[0]);
    expect_refusal(" is not a regular file");
    memcpy(file, kept, sizeof file);
    close(ends[0]);
    close(ends[1]);
    finish();
}

static void keeps_permissions(void)
{
    struct tail_cursor *c;
    struct stat found = {0};
    mode_t mask = umask(027);

    begin();
    c = open_file();
    put(c, "a", 1, 1);
    save(c);
    CHECK(stat(file, &found) == 0);
    CHECK_NUMBER(found.st_mode & 07777, 0640);
    CHECK(chmod(file, 0604) == 0);
    put(c, "a", 2, 2);
    save(c);
    CHECK(stat(file, &found) == 0);
    CHECK_NUMBER(found.st_mode & 07777, 0604);
    tail_cursor_close(c);
    umask(mask);
    finish();
}

/* A limit on a file's size stands in for a full disk. */
static void keeps_the_old_file_if_it_fails(void)
{
    struct rlimit old, small;
    struct tail_cursor *c;
    struct err e = {0};
    int result;

    begin();
    WRITE_FILE("a\t1-7\t1\n");
    c = open_file();
    put(c, "b", 2, 2);
    if (getrlimit(RLIMIT_FSIZE, &old) < 0)
        abort();
    small = (struct rlimit){10, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    result = tail_cursor_save(c, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_NUMBER(result, -1);
    CHECK(strstr(e.text, ": File too large") != NULL);
    expect_file("a\t1-7\t1\n");
    CHECK(tail_cursor_due(c) != WAIT_FOREVER);
    save(c);
    expect_file("a\t1-7\t1\nb\t2-7\t2\n");
    tail_cursor_close(c);
    finish();
}

UNIT_MAIN({"writes a line a room, and reads it", writes_a_line_a_room},
    {"keeps the lines of other rooms, and takes two columns", keeps_the_lines_of_other_rooms},
    {"skips the room without a name", skips_the_room_without_a_name},
    {"refuses a damaged file, and names the line", refuses_a_damaged_file},
    {"finds each of many rooms", finds_each_of_many_rooms},
    {"saves what changed", saves_what_changed},
    {"pauses after a save, for longer after a longer one", pauses_after_a_save},
    {"syncs a file before it replaces the old one", syncs_before_it_replaces},
    {"creates only what nobody else has created", creates_only_what_nobody_has},
    {"locks the file, also each new one", locks_the_file},
    {"creates the file that a symbolic link leads to", creates_what_a_link_leads_to},
    {"gives the true error of a link that leads nowhere", gives_a_link_s_own_error},
    {"refuses what is no file", refuses_what_is_no_file},
    {"keeps the permissions of the file", keeps_permissions},
    {"keeps the old file if it cannot write a new one", keeps_the_old_file_if_it_fails})
