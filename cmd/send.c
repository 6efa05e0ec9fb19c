#include "cmd/send.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "common/wait.h"

/* Batches in flight: one travels while the server works on the other. A giant one goes alone. */
enum { WINDOW = 2, WINDOW_BYTES = 2 * BATCH_BYTES };

/* For an answer. */
enum { PATIENCE_MS = 60000 };

enum { RING = sizeof((struct sender *)0)->batches / sizeof(struct send_batch) };

static struct send_batch *batch_at(struct sender *s, size_t n)
{
    return &s->batches[(s->first + n) % RING];
}

static void ignore(void *context, const struct reply_item *item)
{
    (void)context, (void)item;
}

static bool may_ship(struct sender *s)
{
    const struct send_batch *b = batch_at(s, s->in_flight);
    bool steps = s->set->keep_ids || s->set->maxage; /* more than one for a batch */
    size_t window = steps ? 1 : WINDOW;

    if ((b->n == 0 && b->echo.len == 0) || s->refused.code != EXIT_DONE || s->in_flight >= window)
        return false;
    return s->in_flight == 0 || batch_at(s, 0)->wire.len + b->wire.len <= WINDOW_BYTES;
}

/* Move input into batches and batches onto the link, as far as both go. */
static void fill(struct sender *s)
{
    while (input_take(&s->input, batch_at(s, s->in_flight)), may_ship(s)) {
        s->patience = PATIENCE_MS;
        batch_send(batch_at(s, s->in_flight++), s->set, s->link);
    }
}

/* Account for the oldest batch, which is through with. */
static void settle(struct sender *s)
{
    batch_settle(batch_at(s, 0), s->set, &s->out, &s->progress);
    s->first = (s->first + 1) % RING;
    s->in_flight--;
}

/* Take the replies that are there. -1: the connection is lost. */
static int take_replies(struct sender *s, struct err *e)
{
    for (;;) {
        struct send_batch *b = batch_at(s, 0);
        struct batch_replies replies = {b, s->set, &s->refused, &s->line};
        int told;

        if (s->in_flight > 0 && b->step == BATCH_SETTLED) {
            settle(s);
            continue;
        }
        told = link_reply(s->link, s->in_flight > 0 ? batch_item : ignore, &replies, e);
        if (told <= 0)
            return told;
        s->patience = PATIENCE_MS;
        if (s->in_flight > 0 && batch_replied(b))
            batch_send(b, s->set, s->link);
    }
}

/* Show the prompt, unless the next line was typed already. */
static void prompt(struct sender *s)
{
    struct pollfd typed = {STDIN_FILENO, POLLIN, 0};
    struct buf text = {0};

    if (!s->set->prompt || s->prompted || s->in_flight > 0 || !input_wants(&s->input)
        || s->input.lines.at < s->input.lines.in.len || poll(&typed, 1, 0) > 0)
        return;
    s->prompted = true;
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
    if (s->prompted && s->input.lines.ended)
        fputc('\n', stderr);
    s->prompted = false;
}

/* Nothing can be done until something comes: wait for input, the server, time or a signal. */
static int wait_for_more(struct sender *s, struct err *e)
{
    struct pollfd fds[] = {{-1, POLLIN, 0}, {link_fd(s->link), link_events(s->link), 0}};
    int64_t now, deadline;

    out_flush(&s->out);
    if (s->refused.code != EXIT_DONE || s->out.failure.code != EXIT_DONE)
        input_stop(&s->input);
    if (s->in_flight == 0 && s->input.lines.stopped)
        return 0;
    if (input_wants(&s->input) && !batch_full(batch_at(s, s->in_flight)))
        fds[0].fd = STDIN_FILENO;
    prompt(s);
    now = wait_now();
    deadline = progress_due(&s->progress);
    if (fds[0].fd == STDIN_FILENO)
        deadline = wait_earliest(deadline, input_due(&s->input, now));
    wait_poll(fds, 2, s->in_flight > 0 ? wait_earliest(deadline, now + s->patience) : deadline);
    s->patience -= wait_now() - now;
    if (fds[0].fd == STDIN_FILENO)
        s->input.silence += wait_now() - now;
    if (fds[1].revents)
        s->patience = PATIENCE_MS;
    progress_show(&s->progress);
    if (fds[0].revents)
        read_input(s);
    if (wait_signal())
        input_stop(&s->input);
    if (s->in_flight > 0 && s->patience <= 0)
        return err_set(
            e, EXIT_NO_CONNECTION, "connection to %s lost: no answer", link_peer(s->link));
    return link_serve(s->link, fds[1].revents, e);
}

/* The first line that is not in the room, of those that were read; 0 if there is none. */
static size_t first_undelivered(struct sender *s)
{
    for (size_t n = 0; n <= s->in_flight; n++) {
        const struct send_batch *b = batch_at(s, n);

        for (size_t i = 0; i < b->n; i++)
            if (b->slots[i].state != SLOT_DONE)
                return b->slots[i].line;
    }
    return s->input.entry.messages > 0 ? s->input.entry.line : s->input.given_up;
}

/* Give up: count what did arrive, and say so behind the reason. */
static int give_up(struct sender *s, struct err *e)
{
    size_t line = s->line ? s->line : first_undelivered(s), n;

    if (s->refused.code != EXIT_DONE)
        *e = s->refused; /* and not that the server then closed */
    while (s->in_flight > 0)
        settle(s);
    out_flush(&s->out);
    n = strlen(e->text);
    if (s->set->mode == SEND_WORDS || s->set->mode == SEND_WHOLE)
        return -1;
    snprintf(e->text + n, sizeof e->text - n, "; %" PRIu64 " message%s delivered",
        s->progress.messages, s->progress.messages == 1 ? "" : "s");
    n = strlen(e->text);
    if (line > 0)
        snprintf(e->text + n, sizeof e->text - n, ", line %zu was not", line);
    return -1;
}

static bool is_done(struct sender *s)
{
    if (s->in_flight > 0)
        return false;
    return s->refused.code != EXIT_DONE || (s->input.ended && batch_at(s, 0)->n == 0);
}

int send_run(struct sender *s, struct err *e)
{
    if (s->set->mode == SEND_WORDS)
        wait_arm();
    for (;;) {
        fill(s);
        if (take_replies(s, e) < 0)
            return give_up(s, e);
        fill(s);
        if (is_done(s))
            break;
        if (wait_for_more(s, e) < 0)
            return give_up(s, e);
    }
    out_flush(&s->out);
    *e = s->out.failure.code != EXIT_DONE ? s->out.failure : s->input.problem;
    return s->refused.code != EXIT_DONE || e->code != EXIT_DONE ? give_up(s, e) : 0;
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
    for (size_t i = 0; i < RING; i++)
        batch_free(&s->batches[i]);
    input_free(&s->input);
    free(s->asked_name);
    out_free(&s->out);
}
