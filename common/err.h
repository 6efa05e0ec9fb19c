/*
 * Exit codes, errors as values, and the one voice in which both programs speak on standard error.
 *
 * Functions that can fail take a `struct err *` and return -1 (or NULL) after filling it in; main()
 * turns it into one line and an exit status. Nothing below cmd/ ends the program, but for --help
 * and buf_no_memory().
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
    EXIT_TIMED_OUT = 5 /* nothing came in the time given */
};

/*
 * Whether it is worth trying again. A connection that is away (EXIT_NO_CONNECTION) always is; what
 * a server says may be final, or pass by itself, or pass for whoever connects again (READONLY: the
 * server has become a replica), or tell where to ask instead, from now on (MOVED) or for the time
 * being (ASK).
 */
enum err_kind { ERR_FINAL, ERR_TRANSIENT, ERR_RECONNECT, ERR_MOVED, ERR_ASK };

struct err {
    enum exit_code code;
    enum err_kind kind;
    bool hinted;    /* the text says what may help */
    char text[512]; /* one line, without the program's name; cut when longer */
};

/*
 * Fill in `e`, of the kind ERR_FINAL; always returns -1, so that a function can end with `return
 * err_set(...)`.
 */
int err_set(struct err *e, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Fill in, with EXIT_USAGE, what an option needs instead of `value`. That is repeated, unless it is
 * a URI, in which there may be a password. Returns -1.
 */
int err_needs(struct err *e, const char *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put more behind the text. */
void err_add(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Put what may help behind the text, unless a hint that knew better is there already. A long text
 * is cut, so that the hint is not.
 */
void err_hint(struct err *e, const char *hint);

/* Who wants to hear it: everybody, all but -q, only -v. */
enum err_level { ERR_ALWAYS, ERR_NOTICE, ERR_DETAIL };

/* Who listens from now on; until then, all but -v's details are written. */
void err_set_level(enum err_level level);

/*
 * Write one line `program: text` to standard error in a single write, if the level asks for it;
 * control characters are shown as in plain output, so that no room's name and no server's reply can
 * drive a terminal.
 */
void err_say(enum err_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write bytes to standard error as they are, such as a prompt; all of them, also to a terminal that
 * somebody made non-blocking. */
void err_write(const char *bytes, size_t n);

/*
 * From now on, lines on a terminal are shown above the one that is being typed there (see
 * screen_start(), also for what it does at the start of a program).
 */
void err_set_screen(enum screen_when when);

/* Whether the next line will be shown so. */
bool err_is_above(void);

/*
 * Standard error stands within a line: a prompt, or --progress. Where err_say() cannot show a line
 * above that one, it will begin a line of its own, after which the unfinished one is to be shown
 * again.
 */
void err_line_begun(void);
bool err_line_open(void);

/* The line was ended by other hands, as by the Enter that was typed; or end it, if it is open. */
void err_line_ended(void);
void err_line_end(void);

#endif
