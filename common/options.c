#include "common/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/when.h"

enum { OPTION_HELP = 511, OPERAND = 1, HELP_COLUMN = 28, LONGEST = 64, MOST_SECONDS = 1000000000 };

static const struct option_row builtin[] = {
    {OPTION_HELP, "help", NULL, "show this help and exit", NULL, 0, 0, 0},
    {'V', "version", NULL, "show the version and exit", NULL, 0, 0, 0},
    {0},
};

int option_flag(void *field, char *value, const struct option_row *row, struct err *e)
{
    (void)value, (void)row, (void)e;
    *(bool *)field = true;
    return 0;
}

int option_word(void *field, char *value, const struct option_row *row, struct err *e)
{
    if (value[0] == 0)
        return err_set(e, EXIT_USAGE, "%s must not be empty", row->value);
    *(const char **)field = value;
    return 0;
}

int option_number(void *field, char *value, const struct option_row *row, struct err *e)
{
    uint64_t number;

    if (id_number(value, strlen(value), &number) < 0 || number < (uint64_t)row->least
        || number > (uint64_t)row->most)
        return err_needs(
            e, value, "a number from %lld to %lld", (long long)row->least, (long long)row->most);
    *(int64_t *)field = (int64_t)number;
    return 0;
}

int option_seconds(void *field, char *value, const struct option_row *row, struct err *e)
{
    char *end;
    double seconds = strtod(value, &end);
    uint64_t ms;

    (void)row;
    if (when_duration(value, &ms) == 0)
        seconds = (double)ms / 1000;
    else if (end == value || value[strspn(value, "0123456789.")] != 0 || *end != 0)
        seconds = INFINITY;
    if (seconds > MOST_SECONDS)
        return err_needs(e, value, "seconds, or a duration such as 10m or 1h30m");
    *(int64_t *)field = (int64_t)(seconds * 1000);
    return 0;
}

int option_duration(void *field, char *value, const struct option_row *row, struct err *e)
{
    (void)row;
    if (when_duration(value, field) < 0 || *(uint64_t *)field == 0)
        return err_needs(e, value, "a duration such as 30s, 10m, 1h30m, 7d or 2w");
    return 0;
}

/* Row `n` of all tables, with the built-in rows last, and its settings. NULL after the last row. */
static const struct option_row *row_at(const struct option_parser *p, size_t n, void **settings)
{
    for (const struct option_table *t = p->tables; t->rows; t++)
        for (const struct option_row *row = t->rows; row->name; row++)
            if (n-- == 0) {
                *settings = t->settings;
                return row;
            }
    return n < sizeof builtin / sizeof *builtin - 1 ? &builtin[n] : NULL;
}

static const struct option_row *find(
    const struct option_parser *p, int code, const char *name, void **settings)
{
    const struct option_row *row;

    for (size_t n = 0; (row = row_at(p, n, settings)) != NULL; n++)
        if (name ? strcmp(name, row->name) == 0 : code == row->code)
            break;
    return row;
}

/* Make the arguments of getopt_long() from the tables. */
static void for_getopt(const struct option_parser *p, char *letters, struct option *longs)
{
    const struct option_row *row;
    void *settings = NULL;

    *letters++ = '-'; /* return operands in their places, as OPERAND */
    *letters++ = ':'; /* return ':' for a missing value */
    for (size_t n = 0; n < LONGEST - 1 && (row = row_at(p, n, &settings)) != NULL; n++) {
        int takes = row->value == NULL     ? no_argument
                    : row->value[0] == '[' ? optional_argument
                                           : required_argument;

        *longs++ = (struct option){row->name, takes, NULL, row->code};
        if (row->code < 256) {
            *letters++ = (char)row->code;
            for (int i = 0; i < takes; i++)
                *letters++ = ':';
        }
    }
    *letters = 0;
    *longs = (struct option){0};
}

/* How errors name an option: -x, or --long if it has no letter. */
static const char *known_as(const struct option_row *row, char to[LONGEST])
{
    if (row->code < 256)
        snprintf(to, LONGEST, "-%c", row->code);
    else
        snprintf(to, LONGEST, "--%s", row->name);
    return to;
}

static void print_row(const struct option_row *row)
{
    char left[LONGEST];
    int n = row->code < 256 ? snprintf(left, sizeof left, "  -%c, --%s", row->code, row->name)
                            : snprintf(left, sizeof left, "      --%s", row->name);

    if (row->value)
        snprintf(
            left + n, sizeof left - (size_t)n, "%s%s", row->value[0] == '[' ? "" : " ", row->value);
    printf("%-*s  %s\n", HELP_COLUMN - 2, left, row->help);
}

static void print_help(const struct option_parser *p)
{
    printf("usage: %s %s\n%s\n", p->program, p->usage, p->about);
    for (const struct option_table *t = p->tables; t->rows; t++) {
        printf("\n%s:\n", t->title);
        for (const struct option_row *row = t->rows; row->name; row++)
            if (row->help)
                print_row(row);
    }
    for (const struct option_row *row = builtin; row->name; row++)
        print_row(row);
    printf("\nMore: man %s\n", p->program);
}

/* Exit after --help or --version; with an error if its output could not be written. */
static void end(struct err *e)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        exit(EXIT_DONE);
    err_set(e, EXIT_FAILED, "cannot write to standard output: %s", strerror(errno));
    err_say(ERR_ALWAYS, "%s", e->text);
    exit(EXIT_FAILED);
}

static int reject(const struct option_parser *p, int what, const char *word, struct err *e)
{
    void *settings;
    const struct option_row *row = optopt ? find(p, optopt, NULL, &settings) : NULL;
    char name[LONGEST];

    if (row && what == ':')
        return err_set(
            e, EXIT_USAGE, "%s needs a value, %s; see --help", known_as(row, name), row->value);
    if (row)
        return err_set(e, EXIT_USAGE, "%s takes no value", known_as(row, name));
    if (optopt)
        return err_set(e, EXIT_USAGE, "unknown option '-%c'; see --help", optopt);
    return err_set(
        e, EXIT_USAGE, "unknown option '%.*s'; see --help", (int)strcspn(word, "="), word);
}

static int set(struct option_parser *p, int code, struct err *e)
{
    void *settings = NULL;
    const struct option_row *row = find(p, code, NULL, &settings);
    struct err why;
    char name[LONGEST];

    p->given[code] = true;
    if (code == OPTION_HELP || code == 'V') {
        if (code == 'V')
            printf("%s %s (%s)\n", p->program, CHAT_VERSION, p->libraries);
        else
            print_help(p);
        end(e);
    }
    if (row && row->set((char *)settings + row->field, optarg, row, &why) < 0)
        return err_set(e, EXIT_USAGE, "%s: %.400s", known_as(row, name), why.text);
    return 0;
}

bool options_given(const struct option_parser *p, const char *name)
{
    void *settings;
    const struct option_row *row = find(p, 0, name, &settings);

    return row && p->given[row->code];
}

static int check_clash(
    const struct option_parser *p, const struct option_clash *clash, struct err *e)
{
    char words[128], one[LONGEST], other[LONGEST], *rest;
    void *settings;

    if (!options_given(p, clash->one))
        return 0;
    known_as(find(p, 0, clash->one, &settings), one);
    snprintf(words, sizeof words, "%s", clash->others);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        bool needed = word[0] == '+';

        if (options_given(p, word + needed) == needed)
            continue;
        known_as(find(p, 0, word + needed, &settings), other);
        return needed ? err_set(e, EXIT_USAGE, "%s needs %s", one, other)
                      : err_set(e, EXIT_USAGE, "%s and %s cannot be used together", one, other);
    }
    return 0;
}

int options_parse(struct option_parser *p, int argc, char **argv, struct err *e)
{
    struct option longs[LONGEST];
    char letters[3 * LONGEST + 3];
    int code, first, operands = 0;

    for_getopt(p, letters, longs);
    opterr = 0;
    while ((operands == 0 || operands != p->text_operand)
           && (code = getopt_long(argc, argv, letters, longs, NULL)) != -1)
        if (code == OPERAND)
            argv[++operands] = optarg; /* overwrites an argument that has been parsed */
        else if (code == '?' || code == ':' ? reject(p, code, argv[optind - 1], e) < 0
                                            : set(p, code, e) < 0)
            return -1;
    first = optind - operands;
    memmove(argv + first, argv + 1, (size_t)operands * sizeof *argv);
    for (const struct option_clash *clash = p->clashes; clash->one; clash++)
        if (check_clash(p, clash, e) < 0)
            return -1;
    return first;
}
