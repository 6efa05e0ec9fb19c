/*
 * A format that was accepted prints any message without harm; on a terminal nothing hidden comes
 * through but what the format itself says. So it is in each of the other formats.
 */
#include "common/format.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/utf8.h"

enum { ROOMS = 1, COLOUR = 2, TIMES = 4, SHOWN = 8, OWN_TIME = 16 };

static void print(struct buf *to, const struct format *like, const struct entry_message *m)
{
    struct format f = *like;

    buf_clear(to);
    format_message(&f, to, m);
    format_message(&f, to, m); /* with the time that was kept from the first */
    PROPERTY(to->len % 2 == 0);
    to->len /= 2;
    PROPERTY(to->len == 0 || memcmp(to->data, to->data + to->len, to->len) == 0);
    format_free(&f);
}

static size_t controls(const struct buf *b)
{
    size_t count = 0;

    for (size_t i = 0; i < b->len; i++)
        count += utf8_is_hidden(b->data + i, 1) && b->data[i] != '\t';
    return count;
}

/* The data must add no control, nor, behind a format without any, anything that is not clean. */
static void check_custom(const struct format *f, const struct entry_message *m)
{
    struct entry_message none = *m;
    struct buf out = {0}, bare = {0};

    print(&out, f, m);
    if (f->shown) {
        none.room = none.name = none.text = (struct span){"", 0};
        print(&bare, f, &none);
        PROPERTY(controls(&out) == controls(&bare));
        if (!strchr(f->custom, '\\') && utf8_is_clean(f->custom, strlen(f->custom), "\t"))
            PROPERTY(f->time || utf8_is_clean(out.data, out.len, "\t"));
    }
    buf_free(&out);
    buf_free(&bare);
}

/* An entry of several messages is one object in one line, and each message of it is its part. */
static void check_entry(const struct format *like, const struct entry_message *m)
{
    struct format f = *like;
    struct buf one = {0}, more = {0};
    size_t row = 0;

    format_message(&f, &one, m);
    format_message(&f, &more, m);
    for (int i = 0; i < 2; i++)
        row = format_another(&f, &more, row, m);
    PROPERTY(row == 0);
    PROPERTY(memchr(more.data, '\n', more.len) == more.data + more.len - 1);
    PROPERTY(utf8_is_clean(more.data, more.len - 1, ""));
    PROPERTY(memcmp(more.data, one.data, one.len - 3) == 0); /* up to ]}, and a line end */
    PROPERTY(memcmp(more.data + more.len - 3, "]}\n", 3) == 0);
    PROPERTY((more.len - one.len) % 2 == 0); /* the field and its comma, twice */
    format_free(&f);
    buf_free(&one);
    buf_free(&more);
}

/* Of a message of several lines, all but the first are set in: take out where they begin. */
static void unfold(struct buf *b)
{
    for (size_t i = 0; i + 1 < b->len; i++)
        if (b->data[i] == '\n') {
            PROPERTY(b->len - i > 5 && memcmp(b->data + i + 1, "    ", 4) == 0);
            memmove(b->data + i, b->data + i + 5, b->len - i - 5);
            b->len -= 5;
            i--;
        }
}

/* One line, its end at its end; clean, but for colours and a time of the user's own. */
static void check_line(const struct format *f, const struct entry_message *m)
{
    struct buf out = {0};

    print(&out, f, m);
    PROPERTY(out.len > 0 && out.data[out.len - 1] == (f->kind == FORMAT_NULL ? 0 : '\n'));
    if (f->kind == FORMAT_PLAIN && f->shown && !f->time)
        unfold(&out);
    if (f->kind != FORMAT_RAW && f->kind != FORMAT_NULL && !f->time) {
        PROPERTY(memchr(out.data, '\n', out.len) == out.data + out.len - 1);
        PROPERTY(utf8_is_clean(out.data, out.len - 1, f->colour ? "\t\033" : "\t"));
        PROPERTY(controls(&out) == (f->colour && f->kind == FORMAT_PLAIN ? 3 : 1));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum format_kind kinds[] = {FORMAT_PLAIN, FORMAT_RAW, FORMAT_TSV, FORMAT_JSON,
        FORMAT_NULL, FORMAT_ENTRIES};
    struct fuzz_input in = {(const char *)data, size};
    unsigned bits = fuzz_byte(&in), kind = fuzz_byte(&in), minute = fuzz_byte(&in);
    struct buf custom = fuzz_field(&in, 0), time = fuzz_field(&in, 0);
    struct buf room = fuzz_field(&in, 0), name = fuzz_field(&in, 0);
    char id[ID_TEXT];
    struct entry_message m = {.room = fuzz_bytes(&room), .key = {minute * UINT64_C(60123), kind},
        .name = fuzz_bytes(&name), .text = {in.at, in.left}};
    struct format f = {.kind = kinds[kind % (sizeof kinds / sizeof *kinds)],
        .rooms = bits & ROOMS, .colour = bits & COLOUR, .times = bits & TIMES,
        .shown = bits & SHOWN, .time = bits & OWN_TIME ? time.data : NULL, .custom = custom.data};
    struct err e;

    if (minute > 200) /* the years that hardly can be counted */
        m.key.ms = UINT64_MAX >> (255 - minute);
    m.id = (struct span){id, id_print(id, m.key)};
    check_line(&f, &m);
    if (f.kind == FORMAT_ENTRIES)
        check_entry(&f, &m);
    f.kind = FORMAT_CUSTOM;
    if (format_check(custom.data, &e) == 0)
        check_custom(&f, &m);
    buf_free(&custom);
    buf_free(&time);
    buf_free(&room);
    buf_free(&name);
    return 0;
}
