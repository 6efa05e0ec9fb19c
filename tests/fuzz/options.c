/*
 * Whatever the command line holds, it is refused as wrong usage, in words that are told whole, or
 * each option's value is one that its row allows.
 */
#include "common/options.h"

#include <getopt.h>

#include "common/server.h"
#include "tests/fuzz/fuzz.h"

struct mine {
    bool all;
    const char *text, *word;
    int64_t number, wait;
    uint64_t age;
};

static int set_text(void *field, char *value, const struct option_row *row, struct err *e)
{
    (void)row, (void)e;
    *(const char **)field = value;
    return 0;
}

#define MINE(member) offsetof(struct mine, member)

static const struct option_row rows[] = {
    {'a', "all", NULL, "take all", option_flag, MINE(all), 0, 0},
    {'t', "text", "TEXT", "any text", set_text, MINE(text), 0, 0},
    {'w', "word", "WORD", "some text", option_word, MINE(word), 0, 0},
    {'n', "number", "N", "from 1 to 100", option_number, MINE(number), 1, 100},
    {'W', "wait", "SECS", "time to wait", option_seconds, MINE(wait), 0, 0},
    {'A', "age", "DURATION", "how old", option_duration, MINE(age), 0, 0},
    {'o', "optional", "[=TEXT]", "perhaps some text", set_text, MINE(text), 0, 0},
    {0},
};

static const struct option_clash clashes[] = {
    {"all", "text optional"}, {"word", "+number"}, SERVER_CLASHES, {0}};

/* The words, in memory of their own, for the password in one is overwritten. At most so many. */
enum { MOST = 30 };

static int take_words(struct fuzz_input in, struct buf words[MOST], char *argv[MOST + 2])
{
    static char program[] = "fuzz";
    int argc = 0;

    argv[argc++] = program;
    while (in.left > 0 && argc <= MOST) {
        words[argc - 1] = fuzz_field(&in, 0);
        argv[argc] = words[argc - 1].data;
        argc++;
    }
    argv[argc] = NULL;
    return argc;
}

/* --help and --version, which end the program. */
static bool may_end(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-'
            && (strchr(argv[i], 'V') || !strncmp(argv[i], "--he", 4)
                || !strncmp(argv[i], "--ve", 4)))
            return true;
    return false;
}

static void check_values(
    const struct option_parser *p, const struct mine *m, const struct server_settings *s)
{
    PROPERTY(!options_given(p, "number") || (m->number >= 1 && m->number <= 100));
    PROPERTY(!options_given(p, "age") || m->age > 0);
    PROPERTY(!options_given(p, "word") || (m->word[0] && options_given(p, "number")));
    PROPERTY(m->wait >= 0 && m->wait <= INT64_C(1000000000000));
    PROPERTY(options_given(p, "all") == m->all);
    PROPERTY(s->port >= 0 && s->port <= 65535 && s->db >= -1);
    PROPERTY(!(s->quiet && s->verbose) && !(s->uri.storage && s->host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf words[MOST] = {{0}};
    char *argv[MOST + 2];
    int argc = take_words((struct fuzz_input){(const char *)data, size}, words, argv), at;
    struct mine mine = {0};
    struct server_settings server = SERVER_SETTINGS;
    const struct option_table tables[] = {
        {"Mine", rows, &mine}, {"Server", server_options, &server}, {0}};
    struct option_parser parser = {"fuzz", "", "", tables, clashes, "", (int)(size % 3), {0}};
    struct err e = {0};

    if (!may_end(argc, argv)) {
        optind = 0; /* glibc: begin anew */
        at = options_parse(&parser, argc, argv, &e);
        PROPERTY(at < 0 ? e.code == EXIT_USAGE && e.text[0] : at >= 1 && at <= argc);
        if (at > 0)
            check_values(&parser, &mine, &server);
    }
    server_free(&server);
    for (int i = 0; i < MOST; i++)
        buf_free(&words[i]);
    return 0;
}
