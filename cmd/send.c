#include "cmd/send.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "common/wait.h"

/* Move input into batches. Returns whether delivery has taken one of them. */
static bool fill(struct sender *s)
{
    struct delivery *d = s->delivery;
    bool taken = false;

    while (input_take(&s->input, delivery_batch(d), delivery_limit(d)),
        delivery_take(d, !input_wants(&s->input)))
        taken = true;
    return taken;
}

/* Move input into batches and batches to the server, as far as both go. */
static int move(struct sender *s, struct err *e)
{
    do {
        fill(s);
        if (delivery_serve(s->delivery, e) < 0)
            return -1;
    } while (fill(s)); /* replies may have made space */
    return 0;
}

/* Show the prompt, unless the next line has been typed already. Wait for what is printed about the
 * last line, unless that will be shown above the prompt. */
static void prompt(struct sender *s)
{
    struct pollfd typed = {STDIN_FILENO, POLLIN, 0};
    bool waits = !err_is_above() || s->set->tee || s->set->ids;
    struct buf text = {0};

    if (!s->set->prompt || err_line_open() || (waits && delivery_is_busy(s->delivery))
        || !input_wants(&s->input) || s->input.lines.at < s->input.lines.in.len
        || poll(&typed, 1, 0) > 0)
        return;
    err_line_begun();
    text_show(&text, s->set->name, strlen(s->set->name), TEXT_PLAIN);
    buf_add_text(&text, "> ");
    err_write(text.data, text.len);
    buf_free(&text);
}

/* Back in the foreground: the shell has ended the line with the prompt, so show it again. What was
 * typed before the stop is gone, as the terminal drops it at ^Z. Some shells continue a process
 * twice: then the prompt replaces itself. */
static void resume_prompt(struct sender *s)
{
    if (!wait_continued() || !s->set->prompt || tcgetpgrp(STDIN_FILENO) != getpgrp())
        return;
    err_line_ended();
    err_write("\r", 1);
}

/* Once a line that the terminal cut is delivered, report that. */
static void report_cut(struct sender *s)
{
    struct lines *lines = &s->input.lines;

    if (lines->cut == 0 || delivery_is_busy(s->delivery))
        return;
    err_say(ERR_ALWAYS,
        "line %zu was cut: a terminal passes on only 4095 bytes of a line; send a longer one from "
        "a file or a pipe",
        lines->cut);
    lines->cut = 0;
}

static void read_input(struct sender *s)
{
    const struct lines *lines = &s->input.lines;

    wait_arm(); /* from here on, what was read is delivered before a signal ends the program */
    input_read(&s->input);
    if (!s->set->prompt)
        return;
    if (lines->ended)
        err_line_end();
    else if (lines->in.len > 0 && lines->in.data[lines->in.len - 1] == '\n')
        err_line_ended(); /* ^D within a line does not end it */
}

/* Wait for input, the server, a deadline or a signal. */
static int wait_for_more(struct sender *s, struct err *e)
{
    struct delivery *d = s->delivery;
    struct pollfd in = {-1, POLLIN, 0};

    out_flush(&s->out);
    if (s->out.failure.code != EXIT_DONE)
        input_stop(&s->input);
    if (!delivery_is_busy(d) && s->input.lines.stopped)
        return 0;
    if (input_wants(&s->input) && !batch_full(delivery_batch(d), delivery_limit(d)))
        in.fd = STDIN_FILENO;
    report_cut(s);
    resume_prompt(s);
    prompt(s);
    session_set_idle(
        s->session, !delivery_is_sending(d) && !s->input.ended && !s->input.lines.stopped);
    if (session_wait(s->session, &in, progress_due(&s->progress), delivery_is_owed(d), e) < 0)
        return -1;
    progress_show(&s->progress);
    if (in.revents)
        read_input(s);
    if (wait_signal())
        input_stop(&s->input);
    return 0;
}

/* Append to the error how many messages were delivered, and the first line that was not. */
static int report_undelivered(struct sender *s, struct err *e)
{
    const struct err *failure = delivery_failure(s->delivery);
    bool in_doubt, may_lack;
    size_t line = delivery_undelivered(s->delivery, &in_doubt);
    uint64_t lost = delivery_lost(s->delivery, &may_lack), delivered = 0;

    if (failure->code != EXIT_DONE)
        *e = *failure; /* not the lost connection that came of it */
    else if (line == 0)
        line = input_undelivered(&s->input);
    delivery_close(s->delivery);
    if (s->progress.messages > lost)
        delivered = s->progress.messages - lost;
    if (s->set->mode == SEND_WORDS || s->set->mode == SEND_WHOLE)
        return -1;
    err_add(e, "; %" PRIu64 " message%s delivered", delivered, delivered == 1 ? "" : "s");
    if (line > 0)
        err_add(e,
            in_doubt ? ", line %zu was not, or only its reply was lost" : ", line %zu was not",
            line);
    return -1;
}

/* Nothing more can be delivered. Report what is missing, if anything is. */
static int conclude(struct sender *s, struct err *e)
{
    bool may_lack;
    uint64_t lost = delivery_lost(s->delivery, &may_lack);

    report_cut(s);
    out_flush(&s->out);
    *e = s->out.failure.code != EXIT_DONE ? s->out.failure : s->input.problem;
    if (e->code == EXIT_DONE && lost > 0)
        err_set(e, EXIT_FAILED, "%" PRIu64 " message%s that the server had acknowledged %s lost",
            lost, lost == 1 ? "" : "s", lost == 1 ? "was" : "were");
    else if (e->code == EXIT_DONE && may_lack)
        err_set(e, EXIT_FAILED, "messages that the server had acknowledged may be lost");
    if (delivery_failure(s->delivery)->code != EXIT_DONE || e->code != EXIT_DONE)
        return report_undelivered(s, e);
    delivery_close(s->delivery);
    return 0;
}

int send_run(struct sender *s, struct err *e)
{
    struct delivery *d = s->delivery;

    if (s->set->mode == SEND_WORDS)
        wait_arm();
    for (;;) {
        if (move(s, e) < 0)
            return report_undelivered(s, e);
        if (delivery_failure(d)->code != EXIT_DONE
            || (!delivery_is_busy(d) && s->input.ended && delivery_batch(d)->entries.n == 0))
            return conclude(s, e);
        if (wait_for_more(s, e) < 0)
            return report_undelivered(s, e);
    }
}

char *send_ask_name(struct lines *lines, const char *login)
{
    struct pollfd typed[] = {{lines->fd, POLLIN, 0}, {0}}; /* and one for wait_poll() */
    enum lines_result found;
    struct buf question = {0};
    char *record = NULL, *name = NULL;
    size_t n = 0, raw;

    buf_printf(&question, "name [%s]: ", login);
    err_write(question.data, question.len);
    buf_free(&question);
    while ((found = lines_next(lines, &record, &n, &raw)) == LINES_NONE && !lines->ended)
        if (wait_poll(typed, 1, WAIT_FOREVER) < 0 || lines_fill(lines) < 0)
            break;
    lines->count = lines->cut = 0;
    if (found == LINES_ONE && n > 0)
        name = strndup(record, n);
    if (lines->ended)
        err_write("\n", 1);
    return name;
}

void send_free(struct sender *s)
{
    delivery_free(s->delivery);
    out_free(&s->out);
    input_free(&s->input);
    free(s->asked_name);
}
