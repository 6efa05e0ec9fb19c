/* Lines shown above the row of the cursor: their rows, and what a terminal makes of the frames. */
#include "common/screen.h"

#include <locale.h>
#include <stdlib.h>

#include "common/text.h"
#include "tests/unit/unit.h"

#define HEAD "\0337\033[m"
#define WRAP_OFF "\033[?7l"
#define WRAP_ON "\033[?7h"
#define NEXT_ROW "\033E"

/* --- rows --- */

/* The rows of a frame, and how many it says that they are: `|` stands between them. */
static void add_rows(struct buf *to, const struct screen *s)
{
    char *frame = strndup(s->frame.data, s->frame.len), *at = strstr(frame, WRAP_OFF);
    char *end = strstr(frame, WRAP_ON), expected[400] = HEAD;
    unsigned rows = 1;

    CHECK(at && end);
    for (at += strlen(WRAP_OFF); at < end; at++)
        if (strncmp(at, NEXT_ROW, strlen(NEXT_ROW)) == 0) {
            at += strlen(NEXT_ROW) - 1;
            buf_add(to, "|", 1);
            rows++;
        } else {
            buf_add(to, at, 1);
        }
    for (unsigned i = 0; i < rows && i < 100; i++)
        strcat(expected, "\033D");
    sprintf(expected + strlen(expected), "\033[%uA\033[G\033[%uL" WRAP_OFF, rows, rows);
    if (rows < 100)
        CHECK(strncmp(frame, expected, strlen(expected)) == 0);
    sprintf(expected, WRAP_ON "\0338\033[");
    CHECK(strncmp(end, expected, strlen(expected)) == 0);
    sprintf(expected, "%uB", rows);
    CHECK_TEXT(end + strlen(WRAP_ON "\0338\033[") + strspn(end + strlen(WRAP_ON "\0338\033["), "0"),
        expected);
    CHECK(strpbrk(frame, "\n\t\r") == NULL);
    free(frame);
}

/* All frames for the lines, a `#` between them. */
static const char *frames(const char *lines, unsigned columns, unsigned rows)
{
    static struct buf all;
    struct screen s = {0};

    all.len = 0;
    for (size_t at = 0, n = strlen(lines); at < n;) {
        if (at > 0)
            buf_add(&all, "#", 1);
        at += screen_frame(&s, lines + at, n - at, columns, rows);
        add_rows(&all, &s);
    }
    buf_add(&all, "", 1);
    screen_free(&s);
    return all.data;
}

static void makes_a_frame(void)
{
    static const char lines[] = "[jhon]: hi\n[jhon]: there\n";
    struct screen s = {0};

    CHECK_NUMBER(screen_frame(&s, lines, sizeof lines - 1, 80, 24), sizeof lines - 1);
    CHECK_BYTES(s.frame.data, s.frame.len,
        "\0337\033[m\033D\033D\033[2A\033[G\033[2L\033[?7l[jhon]: hi\033E[jhon]: "
        "there\033[?7h\0338\033"
        "[00000002B");
    screen_free(&s);
}

static void breaks_lines(void)
{
    static const struct {
        const char *lines;
        unsigned columns, rows;
        const char *shown;
    } rows[] = {
        {"one\ntwo\n", 80, 24, "one|two"},
        {"\n", 80, 24, ""},
        {"a\n\nb\n", 80, 24, "a||b"},
        {"no end", 80, 24, "no end"},
        {"0123456789\nx\n", 10, 24, "0123456789|x"},
        {"0123456789x\n", 10, 24, "0123456789|    x"},
        {"0123456789abcdefghi\n", 10, 24, "0123456789|    abcdef|    ghi"},
        {"012345678901\n", 8, 24, "01234567|8901"}, /* too narrow to set anything in */
        {"abc\n", 1, 24, "a|b|c"},
        {"a\n", 0, 0, "a"},
        {"ab\n", 0, 0, "a#b"},
        /* no more rows than leave one for the cursor */
        {"a\nb\nc\n", 80, 3, "a|b#c"},
        {"a\nb\n", 80, 2, "a#b"},
        {"a\nb\n", 80, 1, "a#b"},
        {"0123456789abcdefghi\n", 10, 3, "0123456789|    abcdef#    ghi"},
        /* characters of two columns, which are not divided */
        {"你好你好你\n", 10, 24, "你好你好你"},
        {"你好你好你好\n", 10, 24, "你好你好你|    好"},
        {"x你好你好你\n", 10, 24, "x你好你好|    你"},
        {"你好\n", 1, 24, "你|好"},
        {"12345678🎉\n", 10, 24, "12345678🎉"},
        {"123456789🎉\n", 10, 24, "123456789|    🎉"},
        /* combining characters stay where they belong */
        {"012345678e\xcc\x81\xcc\x88x\n", 10, 24, "012345678e\xcc\x81\xcc\x88|    x"},
        {"你\xe2\x80\x8d\xef\xb8\x8f好\n", 2, 24, "你\xe2\x80\x8d\xef\xb8\x8f|好"},
        {"\xcc\x81\n", 10, 24, "\xcc\x81"},
        /* tabs, at the end of a row as well */
        {"a\tb\n", 80, 24, "a       b"},
        {"\tb\n", 80, 24, "        b"},
        {"12345678\tb\n", 80, 24, "12345678        b"},
        {"你\tb\n", 80, 24, "你      b"},
        {"123456789\tb\n", 12, 24, "123456789   |    b"},
        {"0123456789\tb\n", 10, 24, "0123456789|        b"},
        {"\t\t\n", 2, 24, "  |  "},
        /* colours have no width, and go on in the next row, and in the next frame */
        {"[\033[1;31mjhon\033[0m]: hi\n", 10, 24, "[\033[1;31mjhon\033[0m]: hi"},
        {"\033[1;31m0123456789ab\033[0mc\n", 10, 24, "\033[1;31m0123456789|    ab\033[0mc"},
        {"\033[1;31m0123456789ab\033[0mc\n", 10, 2,
            "\033[1;31m0123456789#\033[1;31m    ab\033[0mc"},
        {"\033[31m0123456789\033[m\nx\n", 10, 2, "\033[31m0123456789\033[m#x"},
        {"\033[31m01\033[0m23456789x\n", 10, 2, "\033[31m01\033[0m23456789#    x"},
        {"0123456789\033[31mx\033[m\n", 10, 24, "0123456789\033[31m|    x\033[m"},
        /* whatever else moves a terminal is left out */
        {"a\r\033b\033[2Jc\x07\x7f\033[31\n", 80, 24, "ab[2Jc[31"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i].lines;
        CHECK_TEXT(frames(rows[i].lines, rows[i].columns, rows[i].rows), rows[i].shown);
    }
}

/* Each frame is small, also on a large terminal, and each line is looked at a few times at most. */
static void takes_long_lines(void)
{
    enum { LONG = 1024 * 1024 };
    static const char *const fills[] = {"x", "\xcc\x81", "你", "\t", "\033[31m"};
    static const unsigned widths[] = {1, 7, 9, 80, 1000};

    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++)
        for (size_t j = 0; j < sizeof widths / sizeof *widths; j++) {
            struct screen s = {0};
            struct buf line = {0};
            size_t largest = 0;

            unit_row = fills[i];
            while (line.len < LONG)
                buf_add_text(&line, fills[i]);
            for (size_t at = 0, n; at < line.len; at += n) {
                n = screen_frame(&s, line.data + at, line.len - at, widths[j], 1000);
                if (!CHECK(n > 0))
                    break;
                largest = s.frame.len > largest ? s.frame.len : largest;
            }
            CHECK(largest <= (widths[j] <= 80 ? 2048 : 4096));
            buf_free(&line);
            screen_free(&s);
        }
}

/* --- a terminal --- */

enum { COLUMNS = 20, ROWS = 8, LINES = 400 };

/* As much of one as frames use. Lines that scrolled off the top are kept. */
struct terminal {
    uint32_t cells[LINES][COLUMNS + 1];
    int top, row, column, saved_row, saved_column; /* rows are counted from the top of the screen */
    bool wraps;
};

static void scroll_down(struct terminal *t)
{
    if (t->row < ROWS - 1)
        t->row++;
    else
        t->top++;
}

static void insert_rows(struct terminal *t, int k)
{
    for (int to = ROWS - 1; to >= t->row; to--)
        for (int i = 0; i < COLUMNS; i++)
            t->cells[t->top + to][i] = to - k >= t->row ? t->cells[t->top + to - k][i] : 0;
}

/* ESC [ with a number, or ESC with a letter. Returns what is behind it. */
static const char *obey(struct terminal *t, const char *at)
{
    char *end;
    long number;

    if (*at != '[') {
        if (*at == '7')
            t->saved_row = t->row, t->saved_column = t->column;
        else if (*at == '8')
            t->row = t->saved_row, t->column = t->saved_column;
        else if (CHECK(*at == 'D' || *at == 'E')) {
            scroll_down(t);
            t->column = *at == 'E' ? 0 : t->column;
        }
        return at + 1;
    }
    at += at[1] == '?' ? 2 : 1;
    number = strtol(at, &end, 10);
    if (*end == 'A')
        t->row = t->row > number ? t->row - (int)number : 0;
    else if (*end == 'B')
        t->row = t->row + number < ROWS ? t->row + (int)number : ROWS - 1;
    else if (*end == 'G')
        t->column = 0;
    else if (*end == 'L')
        insert_rows(t, (int)number);
    else if (*end == 'h' || *end == 'l')
        t->wraps = *end == 'h';
    else
        CHECK(*end == 'm');
    return end + 1;
}

static void print(struct terminal *t, const char *at, size_t n)
{
    for (const char *end = at + n; at < end;)
        if (*at == '\033') {
            at = obey(t, at + 1);
        } else if (*at == '\r') {
            t->column = 0;
            at++;
        } else {
            uint32_t point;
            size_t len = text_character(at, (size_t)(end - at), &point);
            int width = point < 0x1100 ? 1 : 2;

            CHECK(!t->wraps && t->column + width <= COLUMNS);
            t->cells[t->top + t->row][t->column] = point;
            t->column += width;
            at += len;
        }
}

/* What a line of the terminal shows, without the blanks behind it. */
static const char *line_of(const struct terminal *t, int line)
{
    static char text[4 * COLUMNS + 1];
    int n = 0, end = COLUMNS;

    while (end > 0 && (t->cells[line][end - 1] == 0 || t->cells[line][end - 1] == ' '))
        end--;
    for (int i = 0; i < end; i++)
        if (t->cells[line][i])
            n += sprintf(text + n, t->cells[line][i] < 0x80 ? "%c" : "?", (int)t->cells[line][i]);
    text[n] = 0;
    return text;
}

/* Whatever row the line is on that is being typed, and however many rows the messages have: it
 * stays whole, the cursor stays in it, and the messages stand above it in order, each once. */
static void keeps_the_line(void)
{
    static struct terminal t;
    static const char *const messages[] = {"one\n", "你好 and so on\n", "\n",
        "a message of three rows of this terminal, or so\n", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"};
    static const char *const rows[] = {"one", "?? and so on", "", "a message of three r",
        "    ows of this term", "    inal, or so", "a", "b", "c", "d", "e", "f", "g", "h", "i",
        "j"};
    enum { MANY = 16 };

    for (int start = 0; start < ROWS; start++) {
        struct screen s = {0};
        int line = start;

        memset(&t, 0, sizeof t);
        t.wraps = true;
        t.row = start;
        t.column = 11;
        memcpy(t.cells[start],
            (const uint32_t[]){'j', 'h', 'o', 'n', '>', ' ', 't', 'y', 'p', 'e', 'd'},
            11 * sizeof(uint32_t));
        for (int i = 0; i < 10; i++)
            for (size_t m = 0; m < 5; m++)
                for (size_t at = 0, n = strlen(messages[m]); at < n;) {
                    at += screen_frame(&s, messages[m] + at, n - at, COLUMNS, ROWS);
                    print(&t, s.frame.data, s.frame.len);
                    CHECK_TEXT(line_of(&t, t.top + t.row), "jhon> typed");
                    CHECK(t.column == 11 && t.wraps);
                }
        CHECK_NUMBER(t.top + t.row, start + 10 * MANY);
        for (int i = 0; i < 10 * MANY; i++)
            CHECK_TEXT(line_of(&t, line++), rows[i % MANY]);
        screen_free(&s);
    }
}

int main(void)
{
    static const struct unit_test tests[] = {{"makes a frame", makes_a_frame},
        {"breaks lines where the terminal ends", breaks_lines},
        {"takes long lines", takes_long_lines},
        {"keeps the line that is being typed", keeps_the_line}};

    setlocale(LC_CTYPE, "C.UTF-8");
    return unit_run(tests, sizeof tests / sizeof *tests);
}
