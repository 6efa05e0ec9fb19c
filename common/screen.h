/*
 * Showing lines on a terminal above the cursor's row, where somebody may be typing. The half-typed
 * line and the cursor in it stay as they are: the terminal's driver keeps what was typed, so this
 * code need not know it.
 *
 * Lines are put into frames. Write each frame with one write(2), so that nothing typed is echoed
 * into the middle of it. For the same reason a frame has no newline and no tab, at which the driver
 * would let an echo in, and is rarely larger than the 2,048 bytes that the driver takes at a time.
 * A frame does not change in which column the driver takes the cursor to be.
 */
#ifndef COMMON_SCREEN_H
#define COMMON_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum screen_when {
    SCREEN_NEVER,
    SCREEN_AUTO, /* while another process reads from the terminal */
    SCREEN_ALWAYS
};

/* Zeroed, it is off. */
struct screen {
    struct buf frame; /* what screen_show() made */

    /* Private. */
    enum screen_when when;
    int fd;
    struct buf rows;
    bool utf8;       /* the terminal's driver takes bytes for UTF-8 */
    bool within;     /* the next frame begins within a line, */
    char colour[24]; /* in the colour that this sequence sets; empty: none */
};

/*
 * Show lines on the terminal `fd`. It stays off if `fd` is not a terminal, or not one that obeys
 * escape sequences ($TERM is dumb, empty or not set). Call it before there are threads: it sets
 * LC_CTYPE to UTF-8, for the widths of characters.
 */
void screen_start(struct screen *s, int fd, enum screen_when when);

/*
 * Whether to show lines in frames now. With SCREEN_AUTO that is so while this process is in the
 * background (its process group is not the terminal's foreground one), or if its standard input is
 * not a terminal.
 */
bool screen_is_on(const struct screen *s);

/*
 * Make a frame of as many of the lines as it can hold, for the terminal's current size. Returns how
 * many of the bytes it shows, at least one if there are any; the next call must begin after them.
 * Of control characters only newlines, tabs and colour sequences (ESC [ ... m) are used; others are
 * left out.
 */
size_t screen_show(struct screen *s, const char *lines, size_t n);

/* The same for a terminal of this size. */
size_t screen_frame(struct screen *s, const char *lines, size_t n, unsigned columns, unsigned rows);

/* Release what it holds. */
void screen_free(struct screen *s);

#endif
