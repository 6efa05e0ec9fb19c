#include "common/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A small program's options, of every kind. */
struct mine {
    bool all, both;
    const char *text, *word, *style;
    int64_t number, wait;
    uint64_t age;
    char list[64];
};

struct shared {
    const char *host;
    bool quiet;
};

static struct mine mine;
static struct shared shared;

static int add_to_list(void *field, char *value, const struct option_row *row, struct err *e)
{
    char *list = field;

    (void)row, (void)e;
    strcat(list, value);
    strcat(list, ";");
    return 0;
}

static int set_style(void *field, char *value, const struct option_row *row, struct err *e)
{
    if (value && strcmp(value, "bad") == 0)
        return err_set(e, EXIT_USAGE, "needs a good %s", row->name);
    *(const char **)field = value ? value : "default";
    return 0;
}

#define MINE(member) offsetof(struct mine, member)

static const struct option_row rows[] = {
    {'a', "all", NULL, "take all", option_flag, MINE(all), 0, 0},
    {300, "both", NULL, "take both", option_flag, MINE(both), 0, 0},
    {'t', "text", "TEXT", "any text", set_style, MINE(text), 0, 0},
    {'w', "word", "WORD", "some text", option_word, MINE(word), 0, 0},
    {'n', "number", "N", "from 1 to 100", option_number, MINE(number), 1, 100},
    {301, "largest", "N", "any number", option_number, MINE(number), 0, INT64_MAX},
    {'W', "wait", "SECS", "time to wait", option_seconds, MINE(wait), 0, 0},
    {302, "age", "DURATION", "how old", option_duration, MINE(age), 0, 0},
    {'x', "extra", "ITEM", "one more; repeatable", add_to_list, MINE(list), 0, 0},
    {303, "style", "[=STYLE]", "how it looks", set_style, MINE(style), 0, 0},
    {'0', "zero", NULL, "end with zero", option_flag, MINE(all), 0, 0},
    {0},
};

static const struct option_row shared_rows[] = {
    {'h', "host", "HOST", "where", option_word, offsetof(struct shared, host), 0, 0},
    {'q', "quiet", NULL, "say less", option_flag, offsetof(struct shared, quiet), 0, 0},
    {0},
};

static const struct option_table tables[] = {
    {"Mine", rows, &mine}, {"Shared", shared_rows, &shared}, {0}};

static const struct option_clash clashes[] = {
    {"all", "both text"}, {"word", "+number"}, {"extra", "quiet +age"}, {"style", "host"}, {0}};

static struct option_parser parser;
static char *argv[16]; /* permuted by the last parse() */
static int text_operand;
static struct err e;

/* Parse the words, parted by `|`. Returns the index of the first operand, or -1. */
static int parse(const char *words)
{
    static char program[] = "prog", copy[512];
    int argc = 1;

    mine = (struct mine){0};
    shared = (struct shared){0};
    e = (struct err){0};
    parser = (struct option_parser){
        "prog", "[options] thing", "Does things.", tables, clashes, "stdio 1.2", text_operand, {0}};
    snprintf(copy, sizeof copy, "%s", words);
    argv[0] = program;
    for (char *at = copy, *word; *words && (word = strsep(&at, "|")) != NULL;)
        argv[argc++] = word;
    argv[argc] = NULL;
    optind = 0; /* glibc: begin anew */
    unit_row = words;
    return options_parse(&parser, argc, argv, &e);
}

static void starts_from_nothing(void)
{
    CHECK_NUMBER(parse(""), 1);
    CHECK(!mine.all && mine.text == NULL && shared.host == NULL);
    CHECK(!options_given(&parser, "all"));
    CHECK(!options_given(&parser, "no such option"));
}

static void sets_fields(void)
{
    CHECK_NUMBER(parse("-a|-n|7|-w|word|-h|example|--age|10m|-W|1.5"), 12);
    CHECK(mine.all && !mine.both);
    CHECK_NUMBER(mine.number, 7);
    CHECK_TEXT(mine.word, "word");
    CHECK_TEXT(shared.host, "example");
    CHECK_NUMBER(mine.age, 600000);
    CHECK_NUMBER(mine.wait, 1500);
    CHECK(options_given(&parser, "all") && options_given(&parser, "host"));
    CHECK(!options_given(&parser, "both") && !options_given(&parser, "quiet"));
}

static void knows_each_spelling(void)
{
    CHECK_NUMBER(parse("-n7"), 2);
    CHECK_NUMBER(mine.number, 7);
    CHECK_NUMBER(parse("--number=8"), 2);
    CHECK_NUMBER(mine.number, 8);
    CHECK_NUMBER(parse("--number|9"), 3);
    CHECK_NUMBER(mine.number, 9);
    CHECK_NUMBER(parse("--numb|10"), 3); /* GNU: any prefix that is no other's */
    CHECK_NUMBER(mine.number, 10);
    CHECK_NUMBER(parse("-qan11"), 2);
    CHECK(mine.all && shared.quiet);
    CHECK_NUMBER(mine.number, 11);
    CHECK_NUMBER(parse("-t-a"), 2);
    CHECK_TEXT(mine.text, "-a");
    CHECK_NUMBER(parse("-t|--"), 3);
    CHECK_TEXT(mine.text, "--");
    CHECK_NUMBER(parse("--text="), 2);
    CHECK_TEXT(mine.text, "");
    CHECK_NUMBER(parse("-t|"), 3);
    CHECK_TEXT(mine.text, "");
    CHECK_NUMBER(parse("-0"), 2);
    CHECK(mine.all);
}

static void takes_the_last(void)
{
    CHECK_NUMBER(parse("-n|7|--number=8|-t|a|-t|b"), 8);
    CHECK_NUMBER(mine.number, 8);
    CHECK_TEXT(mine.text, "b");
    CHECK_NUMBER(parse("-x|a|-xb|--extra=c|--age=1s"), 6);
    CHECK_TEXT(mine.list, "a;b;c;");
}

static void takes_values_that_may_be_missing(void)
{
    CHECK_NUMBER(parse("--style|dark"), 2);
    CHECK_TEXT(mine.style, "default");
    CHECK_TEXT(argv[2], "dark");
    CHECK_NUMBER(parse("--style=dark"), 2);
    CHECK_TEXT(mine.style, "dark");
    CHECK_NUMBER(parse("--style="), 2);
    CHECK_TEXT(mine.style, "");
}

static void finds_operands_between_options(void)
{
    CHECK_NUMBER(parse("room|-n|7|two|-a"), 4);
    CHECK_TEXT(argv[4], "room");
    CHECK_TEXT(argv[5], "two");
    CHECK(mine.all);
    CHECK_NUMBER(parse("-q|--|-a|--number=8"), 3);
    CHECK_TEXT(argv[3], "-a");
    CHECK(!mine.all && mine.number == 0);
    CHECK_NUMBER(parse("a|--|-b|c"), 2);
    CHECK_TEXT(argv[2], "a");
    CHECK_TEXT(argv[3], "-b");
    CHECK_NUMBER(parse("-"), 1);
    CHECK_TEXT(argv[1], "-");
    CHECK_NUMBER(parse("one|two|three|--all|four|-n7"), 3);
    CHECK(mine.all && mine.number == 7);
    for (int i = 0; i < 4; i++)
        CHECK_TEXT(argv[3 + i], ((const char *const[]){"one", "two", "three", "four"})[i]);
}

/* Where text begins, options end. */
static void leaves_text_alone(void)
{
    text_operand = 2;
    CHECK_NUMBER(parse("room|run|it|with|-a"), 1);
    CHECK_TEXT(argv[5], "-a");
    CHECK(!mine.all);
    CHECK_NUMBER(parse("-q|room|-n|7|try|-n|5|--|--zzz"), 4);
    CHECK_TEXT(argv[4], "room");
    CHECK_TEXT(argv[5], "try");
    CHECK_TEXT(argv[8], "--");
    CHECK_TEXT(argv[9], "--zzz");
    CHECK(shared.quiet && mine.number == 7);
    CHECK_NUMBER(parse("room|--|-a|-q"), 2);
    CHECK_TEXT(argv[2], "room");
    CHECK_TEXT(argv[3], "-a");
    CHECK_NUMBER(parse("--|-a|-b"), 2);
    CHECK(!mine.all);
    CHECK_NUMBER(parse("room|-a"), 2);
    CHECK(mine.all);
    CHECK_NUMBER(parse("room|-|-a"), 1);
    CHECK(!mine.all);
    CHECK_NUMBER(parse("room||-a"), 1);
    CHECK(!mine.all);
    text_operand = 0;
}

/* One who has set it for other programs gets the same from ours. */
static void heeds_no_environment(void)
{
    setenv("POSIXLY_CORRECT", "1", 1);
    finds_operands_between_options();
    leaves_text_alone();
    unsetenv("POSIXLY_CORRECT");
}

struct bad {
    const char *words, *text;
};

static void check_bad(const struct bad *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CHECK_NUMBER(parse(bad[i].words), -1);
        CHECK_NUMBER(e.code, EXIT_USAGE);
        CHECK_TEXT(e.text, bad[i].text);
    }
}

#define CHECK_BAD(bad) check_bad(bad, sizeof(bad) / sizeof *(bad))

static void refuses_unknown_options(void)
{
    static const struct bad bad[] = {
        {"-Z", "unknown option '-Z'; see --help"},
        {"-aZ", "unknown option '-Z'; see --help"},
        {"room|-Z|-a", "unknown option '-Z'; see --help"},
        {"--zzz", "unknown option '--zzz'; see --help"},
        {"--zzz=1", "unknown option '--zzz'; see --help"},
        {"room|--zzz|more", "unknown option '--zzz'; see --help"},
        {"-:", "unknown option '-:'; see --help"},
        {"-?", "unknown option '-?'; see --help"},
        {"--=x", "unknown option '--'; see --help"},
        {"-a|--all=yes", "-a takes no value"},
        {"--both=1", "--both takes no value"},
        {"--help=1", "--help takes no value"},
        {"-n", "-n needs a value, N; see --help"},
        {"--number", "-n needs a value, N; see --help"},
        {"-an", "-n needs a value, N; see --help"},
        {"--age", "--age needs a value, DURATION; see --help"},
    };

    CHECK_BAD(bad);
    CHECK_NUMBER(parse("--w|x"), -1); /* word or wait? */
    CHECK_NUMBER(e.code, EXIT_USAGE);
    CHECK_NUMBER(parse("-\xc3\xa9"), -1);
    CHECK_NUMBER(e.code, EXIT_USAGE);
}

static void refuses_bad_values(void)
{
    static const struct bad bad[] = {
        {"-n|0", "-n: needs a number from 1 to 100, not '0'"},
        {"-n|101", "-n: needs a number from 1 to 100, not '101'"},
        {"-n|-1", "-n: needs a number from 1 to 100, not '-1'"},
        {"-n|", "-n: needs a number from 1 to 100, not ''"},
        {"-n|7x", "-n: needs a number from 1 to 100, not '7x'"},
        {"--number= 7", "-n: needs a number from 1 to 100, not ' 7'"},
        {"-n|18446744073709551617", "-n: needs a number from 1 to 100, not '18446744073709551617'"},
        {"--largest=9223372036854775808",
            "--largest: needs a number from 0 to 9223372036854775807, not '9223372036854775808'"},
        {"-w|", "-w: WORD must not be empty"},
        {"--word=", "-w: WORD must not be empty"},
        {"--style=bad", "--style: needs a good style"},
    };

    CHECK_BAD(bad);
    CHECK_NUMBER(parse("--largest=9223372036854775807"), 2);
    CHECK_NUMBER(mine.number, INT64_MAX);
}

static void reads_times(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"0", 0}, {"0.25", 250}, {".5", 500}, {"1000000000", 1000000000000}, {"5s", 5000},
        {"0s", 0}, {"1h30m", 5400000}};
    static const char *const bad[] = {"", "x", "-1", "+1", " 1", "1S", "1.5m", "1m1h", "1 ", "nan", "inf", ".",
        "1.2.3", "1e3", "1e999", "0x1", "1000000001", "11575d"};
    static const char *const bad_ages[] = {"", "10", "x", "1.5h", "-1s", "0s", "18446744073709552s"};
    char words[64];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(words, sizeof words, "-W|%s", good[i].text);
        CHECK_NUMBER(parse(words), 3);
        CHECK_NUMBER(mine.wait, good[i].ms);
    }
    CHECK_NUMBER(parse("--age|1d12h"), 3);
    CHECK_NUMBER(mine.age, 129600000);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(words, sizeof words, "--wait=%s", bad[i]);
        CHECK_NUMBER(parse(words), -1);
        CHECK(strncmp(e.text, "-W: needs seconds, or a duration such as", 40) == 0);
    }
    for (size_t i = 0; i < sizeof bad_ages / sizeof *bad_ages; i++) {
        snprintf(words, sizeof words, "--age=%s", bad_ages[i]);
        CHECK_NUMBER(parse(words), -1);
        CHECK(strncmp(e.text, "--age: needs a duration such as", 31) == 0);
    }
}

static void refuses_contradictions(void)
{
    static const struct bad bad[] = {
        {"-a|--both", "-a and --both cannot be used together"},
        {"--both|--all", "-a and --both cannot be used together"},
        {"-t|x|-a", "-a and -t cannot be used together"},
        {"-w|x", "-w needs -n"},
        {"-q|-x|1|--age|1s", "-x and -q cannot be used together"},
        {"-x|1", "-x needs --age"},
        {"-h|x|--style", "--style and -h cannot be used together"},
    };

    CHECK_BAD(bad);
    CHECK_NUMBER(parse("--both|-t|x"), 4);
    CHECK_NUMBER(parse("-n|1|-w|x"), 5);
    CHECK_NUMBER(parse("-n|1"), 3);
    CHECK_NUMBER(parse("--age=1s|-x|1"), 4);
}

/* An overlong value must not break the error's one line. */
static void cuts_long_values(void)
{
    char words[400];

    memset(words, '9', sizeof words);
    memcpy(words, "-n", 2);
    words[sizeof words - 1] = 0;
    CHECK_NUMBER(parse(words), -1);
    CHECK(strncmp(e.text, "-n: needs a number from 1 to 100, not '999", 42) == 0);
    CHECK(strlen(e.text) < sizeof e.text);
}

/* What a parse that ends the program prints, and with which status it does so; -1: it returned. */
static int run(const char *words, char *text, size_t size)
{
    int ends[2], status = 0;
    size_t n = 0;
    ssize_t got;
    pid_t child;

    fflush(stdout);
    if (pipe(ends) < 0 || (child = fork()) < 0)
        return -2;
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        parse(words);
        _exit(99);
    }
    close(ends[1]);
    while (n < size - 1 && (got = read(ends[0], text + n, size - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) != 99 ? WEXITSTATUS(status) : -1;
}

static void prints_version_and_help(void)
{
    static const char *const lines[] = {"usage: prog [options] thing\n", "\nDoes things.\n",
        "\nMine:\n", "\nShared:\n", "\n  -a, --all                 take all\n",
        "\n      --both                take both\n",
        "\n  -n, --number N            from 1 to 100\n",
        "\n      --style[=STYLE]       how it looks\n", "\n  -h, --host HOST           where\n",
        "\n      --help ", "\n  -V, --version "};
    char text[4096];

    CHECK_NUMBER(run("-V", text, sizeof text), 0);
    CHECK_TEXT(text, "prog " CHAT_VERSION " (stdio 1.2)\n");
    CHECK_NUMBER(run("--version", text, sizeof text), 0);
    CHECK_NUMBER(run("room|--help|-Z", text, sizeof text), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        unit_row = lines[i];
        CHECK(strstr(text, lines[i]) != NULL);
    }
    CHECK(strncmp(text, "usage: ", 7) == 0);
    CHECK_NUMBER(run("-Z|--help", text, sizeof text), -1);
}

UNIT_MAIN({"starts from nothing", starts_from_nothing}, {"sets fields", sets_fields},
    {"knows each spelling", knows_each_spelling},
    {"takes the last, or all of a repeatable one", takes_the_last},
    {"takes values that may be missing", takes_values_that_may_be_missing},
    {"finds operands between options, and behind --", finds_operands_between_options},
    {"leaves text alone", leaves_text_alone}, {"heeds no environment", heeds_no_environment},
    {"refuses unknown options and missing values", refuses_unknown_options},
    {"refuses bad values, and says what would be right", refuses_bad_values},
    {"reads seconds and durations", reads_times},
    {"refuses contradictions", refuses_contradictions}, {"cuts long values", cuts_long_values},
    {"prints version and help", prints_version_and_help})
