/*
 * Exit codes, errors as values, and what both programs print on standard error.
 *
 * Functions that can fail take a `struct err *`, fill it in, and return -1 or NULL. main() turns it
 * into one line and an exit status. Only cmd/, --help and buf_no_memory() exit.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/screen.h"

/* What the programs' exit statuses mean. Both manuals list them. */
enum exit_code {
    EXIT_DONE = 0,          /* all done */
    EXIT_FAILED = 1,        /* a message could not be delivered, or another failure */
    EXIT_USAGE = 2,         /* the command line or the environment is wrong */
    EXIT_NO_CONNECTION = 3, /* no connection: refused, unknown host, lost */
    EXIT_REFUSED = 4,  /* the server refuses for good: password, permission, wrong type, protocol */
    EXIT_TIMED_OUT = 5 /* nothing came for as long as --timeout allows */
};

/*
 * Whether trying again may help. For EXIT_NO_CONNECTION it always may. An error from the server may
 * be final, transient, or gone after connecting again (READONLY: the server has become a replica);
 * or it redirects to another node of a cluster, for good (MOVED) or for the next command (ASK).
 */
enum err_kind { ERR_FINAL, ERR_TRANSIENT, ERR_RECONNECT, ERR_MOVED, ERR_ASK };

struct err {
    enum exit_code code;
    enum err_kind kind;
    bool hinted;    /* the text ends in a hint */
    char text[512]; /* one line without the program's name; a longer text is cut */
};

/*
 * Fill in `e`, with the kind ERR_FINAL. Returns -1, so that a function can end with `return
 * err_set(...)`.
 */
int err_set(struct err *e, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Fill in, with EXIT_USAGE, what an option needs instead of `value`. The value is repeated, unless
 * it is a URI, which may hold a password. Returns -1.
 */
int err_needs(struct err *e, const char *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Append to the text. */
void err_add(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Append what may help, unless the text has a hint already. A long text is cut to make room for the
 * hint.
 */
void err_hint(struct err *e, const char *hint);

/* When a line is printed: always, unless -q, only with -v. */
enum err_level { ERR_ALWAYS, ERR_NOTICE, ERR_DETAIL };

/* Print lines up to this level from now on. Before the first call it is ERR_NOTICE. */
void err_set_level(enum err_level level);

/*
 * Write one line `program: text` to standard error in a single write, if the level allows it.
 * Control characters are shown as in plain output, so that neither a room's name nor a server's
 * reply can drive a terminal.
 */
void err_say(enum err_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write bytes, such as a prompt, to standard error as they are. Waits until all are written, even
 * if another process made the terminal non-blocking. */
void err_write(const char *bytes, size_t n);

/*
 * From now on, show lines on a terminal above the line being typed there. See screen_start(), which
 * also says when to call this.
 */
void err_set_screen(enum screen_when when);

/* Whether the next line will be shown above the line being typed. */
bool err_is_above(void);

/*
 * Standard error ends in an unfinished line: a prompt, or --progress. If err_say() cannot show its
 * line above that one, it begins a new line, and the line is no longer open: show it again.
 */
void err_line_begun(void);
bool err_line_open(void);

/* The line has been ended, as by the user's Enter. */
void err_line_ended(void);

/* End the line if it is open. */
void err_line_end(void);

#endif
