/*
 * Whatever bytes the file of -C holds: it is damaged, or each of its lines is found, and is kept by
 * the next save, which writes clean lines. And whatever the rooms' names are, what was put and
 * saved is found again.
 */
#include <unistd.h>

#include "cmd/tail_cursor.h"
#include "common/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/utf8.h"

static char dir[100], path[120];

/* Nobody's power fails here. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

static void remove_all(void)
{
    unlink(path);
    rmdir(dir);
}

static void prepare(void)
{
    const char *tmp = getenv("TMPDIR");

    unlink(path);
    if (*dir)
        return;
    snprintf(dir, sizeof dir, "%.80s/cursor-XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/file", dir);
    atexit(remove_all);
}

static void write_file(const uint8_t *data, size_t size)
{
    FILE *out = fopen(path, "w");

    if (out == NULL || (size > 0 && fwrite(data, 1, size, out) != size) || fclose(out) != 0)
        abort();
}

static struct buf read_file(void)
{
    FILE *in = fopen(path, "r");
    struct buf text = {0};
    size_t n;

    while (in && (n = fread(buf_reserve(&text, 4096), 1, 4096, in)) > 0)
        text.len += n;
    if (in == NULL || ferror(in) || fclose(in) != 0)
        abort();
    return text;
}

static struct tail_cursor *save_and_reopen(struct tail_cursor *c)
{
    struct err e = {0};

    PROPERTY(tail_cursor_save(c, &e) == 0);
    tail_cursor_close(c);
    c = tail_cursor_open(path, &e);
    PROPERTY(c != NULL);
    return c;
}

/* The line is found as it reads. Returns whether it has a room. */
static bool check_line(const struct tail_cursor *c, const struct buf *line)
{
    struct fuzz_input in = {line->data, line->len};
    struct buf room = fuzz_field(&in, '\t'), id = fuzz_field(&in, '\t');
    bool counted = in.left > 0;
    struct tail_place place = {0};
    struct id want;
    uint64_t added = 0;
    size_t len = room.len;

    PROPERTY(text_from_tsv(room.data, &len) == 0);
    PROPERTY(id_parse(id.data, id.len, &want) == 0);
    PROPERTY(!counted || id_number(in.at, in.left, &added) == 0);
    PROPERTY(tail_cursor_find(c, room.data, len, &place) == (len > 0));
    if (len > 0) {
        PROPERTY(id_compare(place.id, want) == 0);
        PROPERTY(place.counted == counted && place.added == added);
    }
    buf_free(&room);
    buf_free(&id);
    return len > 0;
}

/* Returns how many lines have a room. */
static size_t check_lines(const struct tail_cursor *c, const char *text, size_t n)
{
    struct fuzz_input in = {text, n};
    size_t rooms = 0;

    PROPERTY(n > 0 && text[n - 1] == '\n');
    while (in.left > 0) {
        struct buf line = fuzz_field(&in, '\n');

        rooms += check_line(c, &line);
        buf_free(&line);
    }
    return rooms;
}

/* What was read is still there after one more room was put. */
static void check_file(struct tail_cursor *c, const uint8_t *data, size_t size)
{
    struct tail_place place = {.id = ID_LEAST}, found;
    size_t rooms = check_lines(c, (const char *)data, size);
    struct buf saved;

    if (tail_cursor_find(c, "one more", 8, &found)) {
        tail_cursor_close(c);
        return;
    }
    tail_cursor_put(c, "one more", 8, &place);
    c = save_and_reopen(c);
    saved = read_file();
    PROPERTY(utf8_is_clean(saved.data, saved.len, "\t\n"));
    PROPERTY(check_lines(c, saved.data, saved.len) == rooms + 1);
    check_lines(c, (const char *)data, size);
    buf_free(&saved);
    tail_cursor_close(c);
}

/* Each line of the input is a room. */
static void check_rooms(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size}, again = in;
    struct tail_cursor *c = tail_cursor_open(path, &(struct err){0});
    struct tail_place place = {.id = {size, 1}, .counted = size % 2, .added = size % 2}, found;

    PROPERTY(c != NULL);
    tail_cursor_put(c, "one more", 8, &place);
    while (in.left > 0) {
        struct buf room = fuzz_field(&in, '\n');

        tail_cursor_put(c, room.data, room.len, &place);
        buf_free(&room);
    }
    c = save_and_reopen(c);
    while (again.left > 0) {
        struct buf room = fuzz_field(&again, '\n');

        PROPERTY(tail_cursor_find(c, room.data, room.len, &found) == (room.len > 0));
        PROPERTY(room.len == 0 || memcmp(&found.id, &place.id, sizeof found.id) == 0);
        buf_free(&room);
    }
    tail_cursor_close(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {0};
    struct tail_cursor *c;

    prepare();
    check_rooms(data, size);
    write_file(data, size);
    c = tail_cursor_open(path, &e);
    PROPERTY(c || strstr(e.text, " is damaged: "));
    if (c)
        check_file(c, data, size);
    return 0;
}
