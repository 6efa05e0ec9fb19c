/*
 * Command line options as tables. The same rows tell what getopt_long() accepts, what --help prints
 * and how values are checked. Each program has a table of its own, and both share one (server.h).
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define CHAT_VERSION "0.2.0"

struct option_row {
    int code;          /* the option's letter, or a number above 255 if it has none */
    const char *name;  /* the long form */
    const char *value; /* the value's name in --help; NULL: no value; "[=WHEN]": an optional one */
    const char *help;  /* a few words; NULL: the option exists only to be refused */
    /*
     * Store the value, or NULL if none was given, in `field`. The value is part of the argument
     * list, so the field may keep the pointer. On failure return -1 with a text that can follow the
     * option's name and a colon.
     */
    int (*set)(void *field, char *value, const struct option_row *row, struct err *e);
    size_t field;        /* an offsetof() within the table's settings */
    int64_t least, most; /* for option_number() */
};

/* Setters, and the type of field that each is for. */
int option_flag(void *field, char *value, const struct option_row *row, struct err *e); /* bool */
int option_word(void *field, char *value, const struct option_row *row,
    struct err *e); /* const char *, not empty */
int option_number(
    void *field, char *value, const struct option_row *row, struct err *e); /* int64_t */
int option_seconds(void *field, char *value, const struct option_row *row,
    struct err *e); /* int64_t in ms: seconds, which may have a fraction, or a DURATION */
int option_duration(
    void *field, char *value, const struct option_row *row, struct err *e); /* uint64_t in ms */

struct option_table {
    const char *title;             /* a heading of --help */
    const struct option_row *rows; /* ended by a row without a name */
    void *settings;                /* where the rows' fields are */
};

/* Options that cannot be used together, by their long names. */
struct option_clash {
    const char *one;
    const char *others; /* separated by spaces; "+tsv" means that `one` needs tsv */
};

struct option_parser {
    const char *program;                /* "chat-send" */
    const char *usage;                  /* "[options] room [word ...]" */
    const char *about;                  /* what the program does, for --help */
    const struct option_table *tables;  /* ended by one without rows */
    const struct option_clash *clashes; /* ended by one without `one` */
    const char *libraries;              /* what it was built with, for --version */
    int text_operand; /* from the operand of this number on, options are text; 0: never */
    bool given[512];  /* by code; set by options_parse() */
};

/*
 * Parse the command line as GNU getopt_long() does without $POSIXLY_CORRECT, and move operands
 * after the options. Returns the index of the first operand, or -1 with EXIT_USAGE. --help and
 * --version print to standard output and exit.
 */
int options_parse(struct option_parser *p, int argc, char **argv, struct err *e);

/* Whether the option with this long name was given. */
bool options_given(const struct option_parser *p, const char *name);

#endif
