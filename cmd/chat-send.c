/* chat-send: send lines of standard input to a chat room as messages. See chat-send(1). */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/send.h"
#include "common/options.h"
#include "common/server.h"
#include "common/wait.h"

enum { MAXLEN = 300, MAXAGE, MAX_MESSAGE, REPLICAS, AT_LEAST_ONCE };

/* How long an outage may last without --retry. */
enum { RETRY_MS = 60000 };

/* What this program's own options fill in. */
struct arguments {
    struct send_settings send;
    bool null, whole, tsv;
};

#define AT(member) offsetof(struct arguments, member)

static const struct option_row rows[] = {
    {'n', "name", "NAME", "sender; default $CHAT_NAME, or else your login name", option_word,
        AT(send.name), 0, 0},
    {'0', "null", NULL, "messages end in NUL instead of newline", option_flag, AT(null), 0, 0},
    {'w', "whole", NULL, "send all of standard input as one message", option_flag, AT(whole), 0, 0},
    {'t', "tsv", NULL, "read rows of room, ID, name, text (chat-tail -t)", option_flag, AT(tsv), 0,
        0},
    {'k', "keep-ids", NULL, "with -t: keep the IDs, skip rows already in the room", option_flag,
        AT(send.keep_ids), 0, 0},
    {'E', "empty", NULL, "send empty lines too", option_flag, AT(send.empty), 0, 0},
    {'T', "tee", NULL, "copy each message to standard output once delivered", option_flag,
        AT(send.tee), 0, 0},
    {'i', "ids", NULL, "print the ID of each message", option_flag, AT(send.ids), 0, 0},
    {MAXLEN, "maxlen", "N", "trim the room, but keep at least N messages", option_number,
        AT(send.maxlen), 1, INT64_MAX},
    {MAXAGE, "maxage", "DURATION", "trim older messages: 30s, 10m, 12h, 7d, 2w, 1d12h",
        option_duration, AT(send.maxage), 0, 0},
    {MAX_MESSAGE, "max-message", "BYTES", "refuse longer messages; default 67108864 (64 MiB)",
        option_number, AT(send.max_message), 1, 1LL << 40},
    {REPLICAS, "replicas", "N", "a message is delivered once N replicas have it", option_number,
        AT(send.replicas), 1, 1000},
    {AT_LEAST_ONCE, "at-least-once", NULL, "a little faster, but an outage may double messages",
        option_flag, AT(send.at_least_once), 0, 0},
    {0},
};

static const struct option_clash clashes[] = {
    {"whole", "null tsv"},
    {"null", "tsv"},
    {"keep-ids", "+tsv"},
    {"keep-ids", "at-least-once"},
    {"maxlen", "maxage"},
    SERVER_CLASHES,
    {0},
};

/* The operands after the room, joined by spaces, are the message. */
static int take_words(
    struct send_settings *set, const struct option_parser *p, char **words, int n, struct err *e)
{
    static const char *const not_with[][2] = {
        {"null", "-0"}, {"whole", "-w"}, {"tsv", "-t"}, {"empty", "-E"}};

    if (n <= 0)
        return 0;
    for (size_t i = 0; i < sizeof not_with / sizeof *not_with; i++)
        if (options_given(p, not_with[i][0]))
            return err_set(e, EXIT_USAGE,
                "%s and words on the command line cannot be used together", not_with[i][1]);
    set->mode = SEND_WORDS;
    for (int i = 0; i < n; i++) {
        buf_add_text(&set->words, i > 0 ? " " : "");
        buf_add_text(&set->words, words[i]);
    }
    return 0;
}

static int take_operands(
    struct arguments *a, const struct option_parser *p, char **operands, int n, struct err *e)
{
    struct send_settings *set = &a->send;

    set->mode = a->null ? SEND_NULL : a->whole ? SEND_WHOLE : a->tsv ? SEND_TSV : SEND_LINES;
    if (n > 0)
        set->room = operands[0];
    if (set->room == NULL && set->mode != SEND_TSV)
        return err_set(e, EXIT_USAGE, "no room given; see --help");
    if (set->room && set->room[0] == 0)
        return err_set(e, EXIT_USAGE, "the name of the room must not be empty");
    return take_words(set, p, operands + 1, n - 1, e);
}

/* Whether both are the same terminal. One may have been opened as /dev/tty, the controlling
 * terminal, which is the only one whose foreground process group can be asked for. */
static bool is_same_terminal(int one, int other)
{
    struct stat a, b;

    if (!isatty(one) || !isatty(other) || fstat(one, &a) < 0 || fstat(other, &b) < 0)
        return false;
    return a.st_rdev == b.st_rdev || (tcgetpgrp(one) >= 0 && tcgetpgrp(other) >= 0);
}

/* If lines are typed on the terminal that standard error is, show notices above them. */
static int choose_screen(const struct send_settings *set, bool progress, struct err *e)
{
    if (!set->prompt || !is_same_terminal(STDIN_FILENO, STDERR_FILENO))
        return 0;
    if (progress)
        return err_set(e, EXIT_USAGE,
            "--progress would overwrite the line that is being typed on this terminal");
    err_set_screen(SCREEN_ALWAYS);
    return 0;
}

/* Choose the sender's name, unless the rows have their own. */
static int choose_name(struct sender *s, struct send_settings *set, struct err *e)
{
    const char *name = getenv("CHAT_NAME");
    const struct passwd *user;

    if (set->name || set->mode == SEND_TSV)
        return 0;
    set->name = name;
    if (name && name[0])
        return 0;
    user = getpwuid(getuid());
    if (set->prompt)
        set->name = s->asked_name = send_ask_name(&s->input.lines, user ? user->pw_name : "none");
    if (!set->prompt || set->name == NULL)
        set->name = user ? user->pw_name : NULL;
    return set->name
               ? 0
               : err_set(e, EXIT_USAGE, "user %d has no login name; use -n NAME", (int)getuid());
}

static enum exit_code run(struct sender *s, struct send_settings *set, struct route *route,
    const struct server_settings *server, struct err *e)
{
    int64_t retry = server->retry == SESSION_DEFAULT ? RETRY_MS : server->retry;

    s->session = session_open(route, server->retry, retry, e);
    if (s->session == NULL)
        return e->code;
    s->delivery = delivery_new(set, s->session, retry, &s->out, &s->progress);
    input_start(&s->input, set);
    if (choose_name(s, set, e) < 0)
        return e->code;
    progress_start(&s->progress, server->progress);
    send_run(s, e);
    progress_end(&s->progress);
    if (s->out.closed)
        wait_die(SIGPIPE);
    return e->code;
}

int main(int argc, char **argv)
{
    struct arguments a = {.send.max_message = 64 * 1024 * 1024};
    struct server_settings server = SERVER_SETTINGS;
    char libraries[LINK_LIBRARIES];
    const struct option_table tables[] = {
        {"What to send", rows, &a}, {"The server", server_options, &server}, {0}};
    struct option_parser parser = {"chat-send", "[options] room [word ...]",
        "Send each line of standard input, or the words, to a room (a Redis stream).", tables,
        clashes, libraries, 2, {0}};
    struct sender s = {.set = &a.send};
    static struct route route; /* large: it has all slots of a cluster */
    struct err e = {0};
    enum exit_code code = EXIT_USAGE;
    int operand;

    wait_begin();
    link_libraries(libraries);
    operand = options_parse(&parser, argc, argv, &e);
    out_prepare(); /* after --help, which dies of a closed pipe like any filter */
    if (operand > 0 && take_operands(&a, &parser, argv + operand, argc - operand, &e) == 0) {
        server.input_is_data = a.send.mode != SEND_WORDS;
        a.send.prompt = a.send.mode == SEND_LINES && isatty(STDIN_FILENO);
        if (choose_screen(&a.send, server.progress, &e) == 0
            && server_route(&server, "chat-send", &route, &e) == 0)
            code = run(&s, &a.send, &route, &server, &e);
    }
    if (e.code != EXIT_DONE) {
        err_line_end();
        err_say(ERR_ALWAYS, "%s", e.text);
    }
    if (wait_signal())
        wait_die(wait_signal());
    send_free(&s);
    session_close(s.session);
    buf_free(&a.send.words);
    route_free(&route);
    server_free(&server);
    return (int)code;
}
