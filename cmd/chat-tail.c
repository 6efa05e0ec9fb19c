/* chat-tail: print the messages of chat rooms, each as a line. See chat-tail(1). */
#include <limits.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cmd/tail.h"
#include "common/options.h"
#include "common/server.h"
#include "common/wait.h"

enum { TIME = 300, COLOR, ABOVE, CONSUMER, CLAIM, ACK, PREFETCH, TRIES, DEAD };

enum { CLAIM_MS = 60000 };

/* The words of --color and --above. */
enum choice { CHOICE_AUTO, CHOICE_ALWAYS, CHOICE_NEVER };

/* What the options set, besides the settings of the connection. */
struct arguments {
    struct tail_settings tail;
    bool follow, tsv, json, entries, raw, null;
    enum choice colours, above;
};

static int set_lines(void *field, char *value, const struct option_row *row, struct err *e)
{
    struct tail_settings *set = field;
    bool from = value[0] == '+';

    (void)row;
    if (id_number(value + from, strlen(value + from), &set->line_count) < 0)
        return err_needs(e, value, "N for the last N messages, or +N to start at the Nth");
    set->lines = from ? TAIL_FROM : TAIL_LAST;
    return 0;
}

static int set_when(void *field, char *value, const struct option_row *row, struct err *e)
{
    (void)row;
    return when_parse(value, time(NULL), field, e);
}

/* -U is inclusive: a time without a fraction means its whole second. */
static int set_until(void *field, char *value, const struct option_row *row, struct err *e)
{
    struct when *until = field;

    if (set_when(field, value, row, e) < 0)
        return -1;
    if (until->whole_second)
        until->ms += 999;
    return 0;
}

static int add_exclude(void *field, char *value, const struct option_row *row, struct err *e)
{
    struct tail_settings *set = field;

    (void)row, (void)e;
    list_add(&set->exclude, value);
    return 0;
}

static int add_match(void *field, char *value, const struct option_row *row, struct err *e)
{
    struct tail_settings *set = field;

    if (value[0] == 0)
        return err_set(e, EXIT_USAGE, "%s must not be empty", row->value);
    list_add(&set->match, value);
    return 0;
}

static int set_custom(void *field, char *value, const struct option_row *row, struct err *e)
{
    struct format *format = field;

    (void)row;
    format->kind = FORMAT_CUSTOM;
    format->custom = value;
    return format_check(value, e);
}

static int set_times(void *field, char *value, const struct option_row *row, struct err *e)
{
    struct format *format = field;

    (void)row, (void)e;
    format->times = true;
    format->time = value;
    return 0;
}

static int set_choice(void *field, char *value, const struct option_row *row, struct err *e)
{
    static const char *const words[] = {
        [CHOICE_AUTO] = "auto", [CHOICE_ALWAYS] = "always", [CHOICE_NEVER] = "never"};

    (void)row;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(value ? value : "auto", words[i]) == 0) {
            *(enum choice *)field = (enum choice)i;
            return 0;
        }
    return err_needs(e, value, "auto, always or never");
}

#define AT(member) offsetof(struct arguments, member)

#define MORE "\n                            " /* a second line of help, below the first */

static const struct option_row reading[] = {
    {'n', "lines", "N", "start with the last N messages; +N: with the Nth", set_lines, AT(tail), 0,
        0},
    {'S', "since", "WHEN", "start with the messages of WHEN or later", set_when, AT(tail.since), 0,
        0},
    {'U', "until", "WHEN",
        "stop at WHEN, then exit" MORE "WHEN: 10m (ago), 17:22, 2026-11-23T17:22, @EPOCH," MORE
        "milliseconds, an ID, today or yesterday (at 00:00)",
        set_until, AT(tail.until), 0, 0},
    {'f', "follow", NULL, "wait for more (the default)", option_flag, AT(follow), 0, 0},
    {'e', "exit", NULL, "exit at the end instead of waiting for more", option_flag, AT(tail.to_end),
        0, 0},
    {'c', "count", "N", "exit after N messages", option_number, AT(tail.count), 1, INT64_MAX},
    {'W', "timeout", "SECS",
        "exit with status 5 after SECS without a message" MORE
        "SECS: seconds, or a DURATION: 30s, 10m, 1h30m, 7d",
        option_seconds, AT(tail.timeout), 0, 0},
    {'x', "exclude", "NAME", "hide NAME's messages (repeatable)", add_exclude, AT(tail), 0, 0},
    {'m', "match", "GLOB", "also read each room that matches (repeatable)", add_match, AT(tail), 0,
        0},
    {'C', "cursor-file", "FILE", "resume where FILE says, and keep FILE up to date", option_word,
        AT(tail.cursor_file), 0, 0},
    {'l', "list", NULL, "list the rooms; with -g GLOB, their groups", option_flag, AT(tail.list), 0,
        0},
    {0},
};

static const struct option_row sharing[] = {
    {'g', "group", "GROUP", "share the messages with the group's other readers", option_word,
        AT(tail.group), 0, 0},
    {CONSUMER, "consumer", "NAME", "this reader's name in the group; default: a new one",
        option_word, AT(tail.consumer), 0, 0},
    {CLAIM, "claim", "DURATION", "take over jobs idle for this long; default 60s", option_duration,
        AT(tail.claim), 0, 0},
    {ACK, "ack", NULL, "read acknowledgements from standard input", option_flag, AT(tail.ack), 0,
        0},
    {PREFETCH, "prefetch", "N", "with --ack: at most N jobs in progress; default 1", option_number,
        AT(tail.prefetch), 1, 10000},
    {TRIES, "tries", "N", "with --ack: after N tries, move a job to --dead", option_number,
        AT(tail.tries), 1, INT64_MAX},
    {DEAD, "dead", "ROOM", "where --tries moves the jobs that keep failing", option_word,
        AT(tail.dead), 0, 0},
    {0},
};

static const struct option_row printing[] = {
    {'t', "tsv", NULL, "rows of room, ID, name and text, separated by tabs", option_flag, AT(tsv),
        0, 0},
    {'j', "json", NULL, "a JSON object for each message", option_flag, AT(json), 0, 0},
    {'J', "json-entries", NULL, "a JSON object for each entry, with all its fields", option_flag,
        AT(entries), 0, 0},
    {'F', "format", "FMT",
        "as FMT describes: %r room, %i ID, %n name, %t text," MORE
        "%T time, %s milliseconds, %%, \\n \\t \\r \\0 \\\\ \\xHH",
        set_custom, AT(tail.format), 0, 0},
    {'r', "raw", NULL, "plain lines with the bytes as they are", option_flag, AT(raw), 0, 0},
    {'0', "null", NULL, "texts as they are, each ended by a NUL byte", option_flag, AT(null), 0, 0},
    {TIME, "time", "[=STRFTIME]", "put the time before each line; default ISO 8601", set_times,
        AT(tail.format), 0, 0},
    {COLOR, "color", "[=MODE]", "colour names: auto (on a terminal), always, never", set_choice,
        AT(colours), 0, 0},
    {ABOVE, "above", "[=MODE]", "print above the typed line: auto, always, never", set_choice,
        AT(above), 0, 0},
    {0},
};

static const struct option_clash clashes[] = {
    {"tsv", "json json-entries format raw null"},
    {"json", "json-entries format raw null"},
    {"json-entries", "format raw null"},
    {"format", "raw null"},
    {"raw", "null"},
    {"time", "tsv json json-entries null"},
    {"exit", "follow timeout"},
    {"group", "lines cursor-file"},
    {"consumer", "+group"},
    {"claim", "+group"},
    {"ack", "+group"},
    {"prefetch", "+group"},
    {"prefetch", "+ack"},
    {"tries", "+group"},
    {"tries", "+ack"},
    {"tries", "+dead"},
    {"dead", "+group"},
    {"dead", "+tries"},
    {"list",
        "lines since until count timeout exclude match cursor-file json json-entries format raw "
        "null consumer claim ack above"},
    SERVER_CLASHES,
    {0},
};

/* The format that the options and standard output ask for. */
static void choose_format(struct arguments *a, size_t rooms)
{
    struct format *f = &a->tail.format;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool terminal = isatty(STDOUT_FILENO);

    f->kind = a->tsv       ? FORMAT_TSV
              : a->json    ? FORMAT_JSON
              : a->entries ? FORMAT_ENTRIES
              : a->raw     ? FORMAT_RAW
              : a->null    ? FORMAT_NULL
                           : f->kind;
    f->rooms = rooms > 1;
    f->shown = terminal;
    f->colour = a->colours == CHOICE_ALWAYS
                || (a->colours == CHOICE_AUTO && terminal && !(no_color && no_color[0]) && term
                    && strcmp(term, "dumb") != 0);
}

static int take_operands(
    struct tail *t, struct tail_settings *set, char **names, int n, struct err *e)
{
    if (n == 0 && set->match.n == 0 && !set->list)
        return err_set(e, EXIT_USAGE, "no room given; see --help");
    if (n == 0 && set->list)
        list_add(&set->match, "*");
    for (int i = 0; i < n; i++) {
        if (names[i][0] == 0)
            return err_set(e, EXIT_USAGE, "the name of a room must not be empty");
        if (set->list)
            list_add(&set->match, names[i]);
        else
            tail_rooms_add(&t->rooms, names[i], strlen(names[i]), NULL);
    }
    return 0;
}

/* Check --ack against the format, and --dead against the rooms. */
static int check_ack(const struct tail *t, const struct tail_settings *set, struct err *e)
{
    enum format_kind kind = t->print.format.kind;

    if (set->ack && kind != FORMAT_TSV && kind != FORMAT_JSON && kind != FORMAT_ENTRIES
        && (kind != FORMAT_CUSTOM || !format_shows_ids(t->print.format.custom)))
        return err_set(
            e, EXIT_USAGE, "--ack needs a format that shows IDs: -t, -j, -J or -F with %%i");
    if (set->dead && tail_rooms_find(&t->rooms, set->dead, strlen(set->dead)))
        return err_set(e, EXIT_USAGE, "--dead: %.64s cannot also be a room to read", set->dead);
    return 0;
}

/* Decide whether output and notices go above the line that is being typed on this terminal. */
static int choose_screen(struct tail *t, enum choice above, struct err *e)
{
    enum format_kind kind = t->print.format.kind;
    bool is_text = kind != FORMAT_RAW && kind != FORMAT_NULL && kind != FORMAT_CUSTOM;
    enum screen_when when = above == CHOICE_NEVER    ? SCREEN_NEVER
                            : above == CHOICE_ALWAYS ? SCREEN_ALWAYS
                                                     : SCREEN_AUTO;

    if (above == CHOICE_ALWAYS && !is_text)
        return err_set(e, EXIT_USAGE, "--above=always cannot be used with -r, -0 or -F");
    if (is_text)
        screen_start(&t->print.out.screen, STDOUT_FILENO, when);
    err_set_screen(when);
    return 0;
}

/* Make up a name for our consumer. The random digits make it unique, as two containers may have the
 * same host name and process ID. */
static void name_consumer(struct tail_settings *set, char *to, size_t size)
{
    char host[HOST_NAME_MAX + 1] = "localhost";
    uint32_t digits = 0;

    gethostname(host, sizeof host);
    host[sizeof host - 1] = 0;
    if (getrandom(&digits, sizeof digits, 0) < 0)
        digits = (uint32_t)wait_now();
    snprintf(to, size, "%s:%d:%08x", host, (int)getpid(), (unsigned)digits);
    set->consumer = to;
    set->temporary = true;
}

/* With -e, a room that does not exist is an error, but the others are read first. */
static enum exit_code report_missing(const struct tail *t)
{
    enum exit_code code = EXIT_DONE;

    for (size_t i = 0; i < t->rooms.n; i++) {
        const struct tail_room *room = t->rooms.all[i];

        if (room->missing && !room->matched && t->print.set->to_end) {
            code = EXIT_FAILED;
            err_say(ERR_ALWAYS, "%.64s: no such room", room->name);
        }
    }
    return code;
}

static enum exit_code run(
    struct tail *t, struct route *route, const struct server_settings *server, struct err *e)
{
    const char *cursor_file = t->print.set->cursor_file;
    int done;

    if (cursor_file && (t->cursor = tail_cursor_open(cursor_file, e)) == NULL)
        return e->code;
    t->route = route;
    t->session = session_open(route, server->retry, SESSION_FOREVER, e);
    if (t->session == NULL)
        return e->code;
    t->retry = server->retry == SESSION_DEFAULT ? SESSION_FOREVER : server->retry;
    progress_start(&t->print.progress, server->progress);
    done = tail_run(t, e);
    progress_end(&t->print.progress);
    if (t->print.out.closed)
        wait_die(SIGPIPE);
    if (t->print.stop == TAIL_BY_SIGNAL)
        wait_die(wait_signal());
    if (done < 0)
        return e->code;
    return t->print.stop == TAIL_TIMED_OUT ? EXIT_TIMED_OUT : report_missing(t);
}

int main(int argc, char **argv)
{
    struct arguments a = {.tail = {.timeout = -1, .claim = CLAIM_MS, .prefetch = 1}};
    char consumer[HOST_NAME_MAX + 32];
    struct server_settings server = SERVER_SETTINGS;
    char libraries[LINK_LIBRARIES];
    const struct option_table tables[] = {{"What to read", reading, &a},
        {"Sharing the work of a room", sharing, &a}, {"How to print it", printing, &a},
        {"The server", server_options, &server}, {0}};
    struct option_parser parser = {"chat-tail", "[options] room ...",
        "Print each message of chat rooms (Redis streams) as a line, as it comes.", tables, clashes,
        libraries, 0, {0}};
    struct tail t = {.print = {.set = &a.tail}};
    static struct route route; /* large: it has all slots of a cluster */
    struct err e = {0};
    enum exit_code code = EXIT_USAGE;
    int operand;

    wait_begin();
    link_libraries(libraries);
    operand = options_parse(&parser, argc, argv, &e);
    out_prepare(); /* not before --help, which dies of a closed pipe like any filter */
    if (a.tail.consumer == NULL)
        name_consumer(&a.tail, consumer, sizeof consumer);
    if (operand > 0 && take_operands(&t, &a.tail, argv + operand, argc - operand, &e) == 0) {
        choose_format(&a, a.tail.match.n ? SIZE_MAX : (size_t)(argc - operand));
        t.print.format = a.tail.format;
        server.input_is_data = a.tail.ack;
        if (check_ack(&t, &a.tail, &e) == 0 && choose_screen(&t, a.above, &e) == 0
            && server_route(&server, "chat-tail", &route, &e) == 0)
            code = run(&t, &route, &server, &e);
    }
    if (e.code != EXIT_DONE)
        err_say(ERR_ALWAYS, "%s", e.text);
    tail_free(&t);
    tail_cursor_close(t.cursor);
    format_free(&t.print.format);
    route_free(&route);
    server_free(&server);
    list_free(&a.tail.exclude);
    list_free(&a.tail.match);
    return (int)code;
}
