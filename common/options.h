/*
 * Command line options as tables: what getopt_long() accepts, what --help prints and how values are
 * checked all come from the same rows. A program has one table of its own over the one that both
 * share (server.h).
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define CHAT_VERSION "0.2.0"

struct option_row {
    int code;          /* the option's letter, or a number above 255 when it has none */
    const char *name;  /* the long form */
    const char *value; /* the value's name in --help; NULL: takes none; in brackets as "[=WHEN]":
                          may have one */
    const char *help;  /* a few words; NULL: the option is only there to be refused */
    /*
     * Put the value, NULL if none was given, into `field`, which may keep the pointer: it is the
     * program's argument. On failure fill in what would be right, which the parser puts behind the
     * option's name, and return -1.
     */
    int (*set)(void *field, char *value, const struct option_row *row, struct err *e);
    size_t field;        /* where in the table's settings: an offsetof() */
    int64_t least, most; /* for option_number */
};

/* Setters, and the type of the field each fills in. */
int option_flag(void *field, char *value, const struct option_row *row, struct err *e); /* bool */
int option_text(
    void *field, char *value, const struct option_row *row, struct err *e); /* const char * */
int option_word(void *field, char *value, const struct option_row *row,
    struct err *e); /* const char *, not empty */
int option_number(
    void *field, char *value, const struct option_row *row, struct err *e); /* int64_t */
int option_seconds(void *field, char *value, const struct option_row *row,
    struct err *e); /* int64_t, ms: seconds, with a fraction or not, or a DURATION */
int option_duration(
    void *field, char *value, const struct option_row *row, struct err *e); /* uint64_t, ms */

struct option_table {
    const char *title;             /* a heading of --help */
    const struct option_row *rows; /* ended by a row without a name */
    void *settings;                /* what the rows' fields lie in */
};

/* Options that cannot stand together, by their long names. */
struct option_clash {
    const char *one;
    const char *others; /* parted by blanks; "+tsv": `one` needs tsv instead */
};

struct option_parser {
    const char *program;                /* "chat-send" */
    const char *usage;                  /* "[options] room [word ...]" */
    const char *about;                  /* what the program does, for --help */
    const struct option_table *tables;  /* ended by one without rows */
    const struct option_clash *clashes; /* ended by one without `one` */
    const char *libraries;              /* what it was built with, for --version */
    int text_operand; /* the operand from which on all is text, options too; 0: options may stand
                         behind any operand */
    bool given[512];  /* by code: filled in by options_parse() */
};

/*
 * Parse the command line as GNU getopt_long() does, operands moved behind the options, whatever
 * $POSIXLY_CORRECT says. Returns the index of the first operand, or -1 with EXIT_USAGE. --help and
 * --version print to standard output and end the program.
 */
int options_parse(struct option_parser *p, int argc, char **argv, struct err *e);

/* Whether the option with this long name was given. */
bool options_given(const struct option_parser *p, const char *name);

#endif
