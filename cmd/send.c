#include "cmd/send.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "common/wait.h"

/*
 * Whether the batch that is filled should go now: a lone line at once, but when others are under
 * way, and more can be read, it is filled first: the server takes a few large batches in less time
 * than many small ones.
 */
static bool should_go(struct sender *s)
{
    struct pollfd in = {STDIN_FILENO, POLLIN, 0};

    return s->window.under_way == 0 || batch_full(window_filling(&s->window))
           || !input_wants(&s->input) || poll(&in, 1, 0) <= 0;
}

/* Move input into batches, and say whether one of them is under way now. */
static bool fill(struct sender *s)
{
    bool shipped = false;

    while (
        input_take(&s->input, window_filling(&s->window)), should_go(s) && window_ship(&s->window))
        shipped = true;
    return shipped;
}

/* Move input into batches and batches to the server, as far as both go. */
static int move(struct sender *s, struct err *e)
{
    do {
        fill(s);
        if (window_serve(&s->window, e) < 0)
            return -1;
    } while (fill(s)); /* what was answered has made space */
    return 0;
}

/* Show the prompt, unless the next line was typed already. */
static void prompt(struct sender *s)
{
    struct pollfd typed = {STDIN_FILENO, POLLIN, 0};
    struct buf text = {0};

    if (!s->set->prompt || err_line_open() || s->window.under_way > 0 || !input_wants(&s->input)
        || s->input.lines.at < s->input.lines.in.len || poll(&typed, 1, 0) > 0)
        return;
    err_line_begun();
    text_show(&text, s->set->name, strlen(s->set->name), TEXT_PLAIN);
    buf_add_text(&text, "> ");
    if (write(STDERR_FILENO, text.data, text.len) < 0) {
        /* Nobody sees the prompt: no harm. */
    }
    buf_free(&text);
}

static void read_input(struct sender *s)
{
    wait_arm(); /* what is read from here on shall be delivered, whatever comes */
    input_read(&s->input);
    if (!s->set->prompt)
        return;
    if (s->input.lines.ended)
        err_line_end();
    else
        err_line_ended();
}

/* Nothing can be done until something comes: wait for input, the server, time or a signal. */
static int wait_for_more(struct sender *s, struct err *e)
{
    struct window *w = &s->window;
    struct pollfd in = {-1, POLLIN, 0};
    int64_t now, deadline;

    out_flush(&w->out);
    if (w->trouble.kind == TROUBLE_FINAL || w->out.failure.code != EXIT_DONE)
        input_stop(&s->input);
    if (w->under_way == 0 && s->input.lines.stopped)
        return 0;
    if (input_wants(&s->input) && !batch_full(window_filling(w)))
        in.fd = STDIN_FILENO;
    prompt(s);
    now = wait_now();
    deadline = progress_due(&w->progress);
    if (in.fd == STDIN_FILENO)
        deadline = wait_earliest(deadline, input_due(&s->input, now));
    if (session_wait(w->session, &in, deadline, window_is_owed(w), e) < 0)
        return -1;
    if (in.fd == STDIN_FILENO)
        s->input.silence += wait_now() - now;
    progress_show(&w->progress);
    if (in.revents)
        read_input(s);
    if (wait_signal())
        input_stop(&s->input);
    return 0;
}

/* Behind the reason for which it ended: how much did arrive, and what did not. */
static int account(struct sender *s, struct err *e)
{
    struct window *w = &s->window;
    bool doubtful;
    size_t line = window_first_undelivered(w, &doubtful);

    if (w->trouble.line) {
        line = w->trouble.line;
        doubtful = false;
    }
    if (w->trouble.kind == TROUBLE_FINAL)
        *e = w->trouble.why; /* and not that the server then closed */
    if (line == 0)
        line = s->input.entry.messages > 0 ? s->input.entry.line : s->input.given_up;
    window_close(w);
    if (s->set->mode == SEND_WORDS || s->set->mode == SEND_WHOLE)
        return -1;
    err_add(e, "; %" PRIu64 " message%s delivered", w->progress.messages,
        w->progress.messages == 1 ? "" : "s");
    if (line > 0 && !w->trouble.unsure)
        err_add(e,
            doubtful ? ", line %zu was not, or only its answer was lost" : ", line %zu was not",
            line);
    return -1;
}

int send_run(struct sender *s, struct err *e)
{
    struct window *w = &s->window;

    if (s->set->mode == SEND_WORDS)
        wait_arm();
    for (;;) {
        if (move(s, e) < 0)
            return account(s, e);
        if (window_is_done(w)
            && (w->trouble.kind == TROUBLE_FINAL || (s->input.ended && window_filling(w)->n == 0)))
            break;
        if (wait_for_more(s, e) < 0)
            return account(s, e);
    }
    out_flush(&w->out);
    *e = w->out.failure.code != EXIT_DONE ? w->out.failure : s->input.problem;
    if (e->code == EXIT_DONE && w->lost > 0)
        err_set(e, EXIT_FAILED, "%" PRIu64 " message%s that the server had acknowledged %s lost",
            w->lost, w->lost == 1 ? "" : "s", w->lost == 1 ? "was" : "were");
    if (w->trouble.kind == TROUBLE_FINAL || e->code != EXIT_DONE)
        return account(s, e);
    window_close(w);
    return 0;
}

char *send_ask_name(struct lines *lines, const char *login)
{
    enum lines_result found;
    char *record = NULL, *name = NULL;
    size_t n = 0, raw;

    fprintf(stderr, "name [%s]: ", login);
    while ((found = lines_next(lines, &record, &n, &raw)) == LINES_NONE && !lines->ended)
        if (lines_fill(lines) < 0)
            break;
    lines->count = 0;
    if (found == LINES_ONE && n > 0)
        name = strndup(record, n);
    if (lines->ended)
        fputc('\n', stderr);
    return name;
}

void send_free(struct sender *s)
{
    window_free(&s->window);
    input_free(&s->input);
    free(s->asked_name);
}
