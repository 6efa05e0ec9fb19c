/*
 * Lines shown on a terminal above the row of the cursor, where somebody may be typing: the
 * half-typed line stays as it is, and so does the cursor in it. The terminal's driver keeps what
 * was typed, so nothing about it has to be known here.
 *
 * Lines become frames. A frame is to be written by one write(2), so that what is typed is not
 * echoed into the middle of it; for the same reason it has no newline and no tab, where the driver
 * would let an echo in, and is rarely larger than the 2,048 bytes that the driver takes at a time.
 * It changes nothing about the column in which the driver takes the cursor to be.
 */
#ifndef COMMON_SCREEN_H
#define COMMON_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum screen_when {
    SCREEN_NEVER,
    SCREEN_AUTO, /* while somebody else reads from the terminal */
    SCREEN_ALWAYS
};

/* Zeroed, it is never on. */
struct screen {
    struct buf frame; /* what screen_show() made */

    /* Private. */
    enum screen_when when;
    int fd;
    struct buf rows;
    bool utf8;       /* so does the terminal's driver take the bytes */
    bool within;     /* a line, whose other rows come in the next frame, */
    char colour[24]; /* in the colour that this sequence chose */
};

/*
 * Show lines on the descriptor. It stays off for good if that is no terminal, or one that obeys no
 * sequences ($TERM is dumb, empty or not set). Call it before there are threads: it sets LC_CTYPE
 * to UTF-8, for the widths of characters.
 */
void screen_start(struct screen *s, int fd, enum screen_when when);

/*
 * Whether lines are to be shown in frames now. With SCREEN_AUTO that changes as processes go to the
 * background and come back: they are there if their process group is not the terminal's foreground
 * one, or if standard input is no terminal.
 */
bool screen_is_on(const struct screen *s);

/*
 * Make the frame that shows the lines, as many of them as one frame can hold on the terminal as
 * large as it is now. Returns how many of the bytes it shows, at least one if there are any; the
 * next call goes on behind them. They are harmless text: of their control characters only newlines,
 * tabs and sequences for colours (ESC [ ... m) count, and the others are left out.
 */
size_t screen_show(struct screen *s, const char *lines, size_t n);

/* The same for a terminal of that many columns and rows. */
size_t screen_frame(struct screen *s, const char *lines, size_t n, unsigned columns, unsigned rows);

void screen_free(struct screen *s);

#endif
