#include "common/screen.h"

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "common/text.h"
#include "common/wait.h"

enum {
    INDENT = 4,    /* of a line's rows after the first */
    MOST_ROWS = 5, /* of a frame: the terminal may have become much smaller since it was asked */
    ENOUGH = 2048, /* bytes of a frame: the terminal's driver takes more than that in pieces */
    ENCLOSED = 64  /* bytes that enclose() adds, besides two for each row */
};

void screen_start(struct screen *s, int fd, enum screen_when when)
{
    const char *term = getenv("TERM");

    s->fd = fd;
    if (when == SCREEN_NEVER || !isatty(fd) || term == NULL || *term == 0
        || strcmp(term, "dumb") == 0)
        return;
    s->when = isatty(STDIN_FILENO) ? when : SCREEN_ALWAYS;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        setlocale(LC_CTYPE, ""); /* without any UTF-8 locale, widths are guessed */
}

bool screen_is_on(const struct screen *s)
{
    return s->when == SCREEN_ALWAYS || (s->when == SCREEN_AUTO && tcgetpgrp(s->fd) != getpgrp());
}

/* How many columns a character takes. One that wcwidth() does not know is most likely a new emoji;
 * a guess that is too large only costs space. */
static unsigned width_of(uint32_t point)
{
    int width = wcwidth((wchar_t)point);

    if (width < 0)
        width = point < 0x1100 ? 1 : 2;
    return (unsigned)width;
}

/* The length of the colour sequence that the bytes begin with; 0 if they do not. */
static size_t colour_length(const char *at, size_t n)
{
    size_t len = 2;

    if (n < 3 || at[0] != '\033' || at[1] != '[')
        return 0;
    while (len < n && ((at[len] >= '0' && at[len] <= '9') || at[len] == ';'))
        len++;
    return len < n && at[len] == 'm' ? len + 1 : 0;
}

/* Remember the colour of the line, whose rest may be shown in another frame. */
static void set_colour(struct screen *s, const char *sequence, size_t n)
{
    bool is_reset = n <= strlen("\033[0m") && (n < 4 || sequence[2] == '0');

    if (is_reset || n >= sizeof s->colour)
        n = 0;
    memcpy(s->colour, sequence, n);
    s->colour[n] = 0;
}

static void add_blanks(struct buf *to, unsigned n)
{
    memset(buf_reserve(to, n), ' ', n);
    to->len += n;
}

/*
 * Take the next piece that is not divided between rows: a run of ASCII, a tab, another character,
 * or a control sequence. Returns its length in bytes; `*shown` is how many columns it takes, at
 * `column` of a row that has `left` more columns.
 */
static size_t next_piece(const char *at, size_t n, unsigned column, unsigned left, unsigned *shown)
{
    size_t len = 0, most = left > 1 && left < n ? left : left > 1 ? n : 1;
    uint32_t point;

    while (len < most && at[len] >= ' ' && at[len] <= '~')
        len++;
    *shown = (unsigned)len;
    if (len > 0)
        return len;
    if (*at == '\t') {
        *shown = 8 - column % 8;
        if (*shown > left && left > 0)
            *shown = left;
        return 1;
    }
    if ((unsigned char)*at < ' ' || *at == 0x7f) {
        len = colour_length(at, n);
        return len ? len : 1;
    }
    len = text_character(at, n, &point);
    *shown = width_of(point);
    return len;
}

/* Add the next row of the lines. Returns how many of the bytes it shows. The bytes of a row are
 * limited too, because any number of combining characters takes no columns. */
static size_t add_row(struct screen *s, const char *lines, size_t n, unsigned columns)
{
    unsigned indent = s->within && columns > 2 * INDENT ? INDENT : 0, column = indent, shown;
    size_t at = 0, len, start = s->rows.len;

    add_blanks(&s->rows, indent);
    for (; at < n && lines[at] != '\n'; at += len, column += shown) {
        bool full = column >= columns;

        len = next_piece(lines + at, n - at, column, full ? 0 : columns - column, &shown);
        if (shown > 0 ? column > indent && column + shown > columns
                      : s->rows.len - start >= ENOUGH - 2 * ENCLOSED) {
            s->within = true;
            return at;
        }
        if (lines[at] == '\t') {
            add_blanks(&s->rows, shown);
        } else if (lines[at] == '\033' && len > 1) {
            set_colour(s, lines + at, len);
            buf_add(&s->rows, lines + at, len);
        } else if ((unsigned char)lines[at] >= ' ' && lines[at] != 0x7f) {
            buf_add(&s->rows, lines + at, len);
        }
    }
    s->within = false;
    s->colour[0] = 0;
    return at < n ? at + 1 : at;
}

/*
 * End the frame so that its bytes other than control characters are a multiple of 8. The terminal's
 * driver takes them for columns, which it counts to erase a typed tab, and only needs modulo 8.
 * Zeros before the last number fill up.
 */
static void end_frame(struct screen *s, unsigned k)
{
    struct buf *f = &s->frame;
    char end[16];
    size_t n = (size_t)snprintf(end, sizeof end, "%uB", k), counted = n;

    for (size_t i = 0; i < f->len; i++) {
        unsigned char c = (unsigned char)f->data[i];

        counted += c >= ' ' && c != 0x7f && !(s->utf8 && (c & 0xc0) == 0x80);
    }
    buf_add(f, "0000000", (8 - counted % 8) % 8);
    buf_add(f, end, n);
}

/*
 * Make the frame of `k` rows. Save the cursor, scroll until there is room for `k` rows below it,
 * and go back up. Insert the rows, which moves the typed line down. Restore the cursor, and move it
 * down too. ESC D scrolls, not SU, which loses lines in some terminals. Wrapping is off meanwhile,
 * so a character that is wider than expected costs a column and not a row. There is no carriage
 * return, because the terminal's driver would forget the column where the typed line began.
 */
static void enclose(struct screen *s, unsigned k)
{
    struct buf *f = &s->frame;

    buf_clear(f);
    buf_add_text(f, "\0337\033[m");
    for (unsigned i = 0; i < k; i++)
        buf_add_text(f, "\033D");
    buf_printf(f, "\033[%uA\033[G\033[%uL\033[?7l", k, k);
    buf_add(f, s->rows.data, s->rows.len);
    buf_add_text(f, "\033[?7h\0338\033[");
    end_frame(s, k);
}

size_t screen_frame(struct screen *s, const char *lines, size_t n, unsigned columns, unsigned rows)
{
    unsigned k = 0, most = rows > MOST_ROWS ? MOST_ROWS : rows > 2 ? rows - 1 : 1;
    size_t taken = 0;

    buf_clear(&s->rows);
    buf_add_text(&s->rows, s->colour);
    while (taken < n && k < most) {
        const struct screen before = *s;
        size_t row;

        if (k > 0)
            buf_add_text(&s->rows, "\033E");
        row = add_row(s, lines + taken, n - taken, columns);
        if (k > 0 && s->rows.len + 2 * k + ENCLOSED > ENOUGH) {
            s->rows.len = before.rows.len;
            s->within = before.within;
            memcpy(s->colour, before.colour, sizeof s->colour);
            break;
        }
        taken += row;
        k++;
    }
    enclose(s, k);
    return taken;
}

size_t screen_show(struct screen *s, const char *lines, size_t n)
{
    struct winsize size;
    struct termios modes;

    s->utf8 = tcgetattr(s->fd, &modes) == 0 && (modes.c_iflag & IUTF8);
    wait_write_last(s->fd, "\033[?7h"); /* a signal may cut the frame while wrapping is off */
    if (ioctl(s->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    return screen_frame(s, lines, n, size.ws_col, size.ws_row);
}

void screen_free(struct screen *s)
{
    buf_free(&s->frame);
    buf_free(&s->rows);
}
