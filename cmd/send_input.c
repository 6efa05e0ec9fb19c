#include "cmd/send_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/format.h"
#include "common/wait.h"

/* After it an entry of several rows is whole. */
enum { SILENCE_MS = 100 };

/* For a row's room, ID and name, beside its text, which escapes make up to four times as long. */
enum { ROW_SLACK = 1024 * 1024 };

void input_start(struct send_input *in, const struct send_settings *set)
{
    size_t most = (size_t)set->max_message;

    *in = (struct send_input){.set = set};
    in->lines.fd = STDIN_FILENO;
    in->lines.end = set->mode == SEND_NULL ? 0 : set->mode == SEND_WHOLE ? LINES_WHOLE : '\n';
    in->lines.most = set->mode == SEND_TSV ? 4 * most + ROW_SLACK : most;
    if (set->mode == SEND_WORDS) {
        in->lines.end = LINES_WHOLE;
        in->lines.ended = true;
        buf_add(&in->lines.in, set->words.data, set->words.len);
    }
}

/* Something is wrong with a record: nothing more is taken. */
static void reject(struct send_input *in, size_t line, const char *why)
{
    in->has_row = false;
    buf_clear(&in->row_echo);
    if (in->set->mode == SEND_WORDS || in->set->mode == SEND_WHOLE)
        err_set(&in->problem, EXIT_FAILED, "the message is %s", why);
    else
        err_set(&in->problem, EXIT_FAILED, "line %zu is %s", line, why);
}

/* The open entry is not sent, so that a mended file, or the same again, can be sent whole. */
static void give_up_entry(struct send_input *in)
{
    in->given_up = in->entry.line;
    in->entry.messages = 0;
}

/* Whether the row belongs to the entry being put together. */
static bool joins(const struct send_input *in)
{
    struct id key;

    return in->set->keep_ids && in->entry.messages > 0
           && id_parse(in->row.id.at, in->row.id.len, &key) == 0
           && id_compare(key, in->entry.id) == 0 && in->entry.room.len == in->row.room.len
           && memcmp(in->entry.room.at, in->row.room.at, in->row.room.len) == 0;
}

/* Take a row of -t apart. NULL, or what is wrong with it. */
static const char *parse_row(struct send_input *in, char *record, size_t n)
{
    const struct send_settings *set = in->set;
    const char *wrong = format_parse_tsv(record, n, &in->row);

    if (set->room)
        in->row.room = (struct entry_bytes){set->room, strlen(set->room)};
    if (set->name)
        in->row.name = (struct entry_bytes){set->name, strlen(set->name)};
    if (wrong == NULL && set->keep_ids
        && (id_parse(in->row.id.at, in->row.id.len, &in->row.key) < 0
            || id_compare(in->row.key, ID_LEAST) == 0))
        wrong = "malformed: the second column must be an ID, as 1700000000000-0";
    return wrong;
}

/* Make the next record the row. False when there is none (yet), or the input is wrong. */
static bool next_row(struct send_input *in)
{
    const struct send_settings *set = in->set;
    const char *wrong = NULL;
    enum lines_result found;
    char *record;
    size_t n, raw;
    bool skip;

    do {
        found = lines_next(&in->lines, &record, &n, &raw);
        if (found == LINES_NONE)
            return false;
        skip = n == 0 && set->mode == SEND_LINES && !set->empty;
        if (set->tee && !(skip && set->ids))
            buf_add(&in->row_echo, record, raw);
        if (set->tee && set->mode == SEND_WORDS)
            buf_add(&in->row_echo, "\n", 1);
    } while (skip);
    in->row = (struct entry_message){.text = {record, n}};
    if (set->mode == SEND_TSV) {
        wrong = parse_row(in, record, n);
    } else {
        in->row.room = (struct entry_bytes){set->room, strlen(set->room)};
        in->row.name = (struct entry_bytes){set->name, strlen(set->name)};
    }
    if (found == LINES_TOO_LONG || in->row.text.len > (size_t)set->max_message)
        wrong = "too long; see --max-message";
    if (wrong == NULL)
        return true;
    reject(in, in->lines.count, wrong);
    if (joins(in))
        give_up_entry(in);
    return false;
}

/* Begin an entry with the row, or make it one more field of the one that is there. */
static void add_row(struct send_input *in)
{
    struct send_entry *entry = &in->entry;

    if (entry->messages == 0) {
        buf_clear(&in->room);
        buf_add(&in->room, in->row.room.at, in->row.room.len);
        buf_reserve(&in->room, 1);
        buf_clear(&entry->fields);
        buf_clear(&in->echo);
        entry->room = (struct entry_bytes){in->room.data, in->room.len};
        entry->id = in->row.key;
        entry->bytes = 0;
        entry->line = in->lines.count;
    }
    reply_word(&entry->fields, in->row.name.at, in->row.name.len);
    reply_word(&entry->fields, in->row.text.at, in->row.text.len);
    entry->messages++;
    entry->bytes += in->row.text.len;
    buf_add(&in->echo, in->row_echo.data, in->row_echo.len);
    buf_clear(&in->row_echo);
    in->has_row = false;
    in->whole = !in->set->keep_ids;
}

/* All that was read has been taken. Is it the end, or at least the end of the entry at hand? */
static void run_dry(struct send_input *in, struct send_batch *b)
{
    in->ended = in->lines.ended || in->lines.stopped || in->problem.code != EXIT_DONE;
    if (in->entry.messages > 0 && in->lines.stopped && !in->lines.ended)
        give_up_entry(in); /* nobody knows whether it was to go on */
    in->whole = in->entry.messages > 0 && (in->ended || in->silence >= SILENCE_MS);
    if (in->entry.messages == 0) { /* lines that were skipped */
        batch_echo(b, in->row_echo.data, in->row_echo.len);
        buf_clear(&in->row_echo);
    }
}

void input_take(struct send_input *in, struct send_batch *b)
{
    for (;;) {
        if (in->whole) {
            if (!batch_takes(b, &in->entry))
                return;
            batch_add(b, &in->entry);
            batch_echo(b, in->echo.data, in->echo.len);
            in->entry.messages = 0;
            in->whole = false;
        }
        if (!in->has_row && !in->ended)
            in->has_row = next_row(in);
        if (!in->has_row) {
            run_dry(in, b);
            if (!in->whole)
                return;
        } else if (in->entry.messages > 0 && !joins(in)) {
            in->whole = true;
        } else {
            add_row(in);
        }
    }
}

bool input_wants(const struct send_input *in)
{
    return !in->ended && !in->whole && !in->has_row && !in->lines.ended && !in->lines.stopped;
}

void input_read(struct send_input *in)
{
    in->silence = 0;
    if (lines_fill(&in->lines) < 0) {
        err_set(&in->problem, EXIT_FAILED, "cannot read standard input: %s", strerror(errno));
        input_stop(in);
    }
}

int64_t input_due(const struct send_input *in, int64_t now)
{
    return in->entry.messages > 0 && !in->whole ? now + SILENCE_MS - in->silence : WAIT_FOREVER;
}

void input_stop(struct send_input *in)
{
    in->lines.stopped = true;
}

void input_free(struct send_input *in)
{
    lines_free(&in->lines);
    buf_free(&in->entry.fields);
    buf_free(&in->room);
    buf_free(&in->echo);
    buf_free(&in->row_echo);
}
