#include "cmd/send_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/format.h"

/* Space in a row for its room, ID and name. Its text is up to four times as long when escaped. */
enum { ROW_SLACK = 1024 * 1024 };

static const char TOO_LONG[] = "too long; see --max-message";

void input_start(struct send_input *in, const struct send_settings *set)
{
    size_t most = (size_t)set->max_message;

    *in = (struct send_input){.set = set};
    in->lines.fd = STDIN_FILENO;
    in->lines.typed = set->prompt;
    in->lines.end = set->mode == SEND_NULL ? 0 : set->mode == SEND_WHOLE ? LINES_WHOLE : '\n';
    in->lines.most = set->mode == SEND_TSV ? 4 * most + ROW_SLACK : most;
    if (set->mode == SEND_WORDS) {
        in->lines.end = LINES_WHOLE;
        in->lines.ended = true;
        buf_add(&in->lines.in, set->words.data, set->words.len);
    }
}

/* End the input here. Neither the line nor the entry it belongs to is sent, so that the file can be
 * sent again once it is corrected. */
static void reject(struct send_input *in, const char *why)
{
    if (in->set->mode == SEND_WORDS || in->set->mode == SEND_WHOLE)
        err_set(&in->problem, EXIT_FAILED, "the message is %s", why);
    else
        err_set(&in->problem, EXIT_FAILED, "line %zu is %s", in->lines.count, why);
}

/* Parse the row's ID (-k). A + at its end means that the entry continues in the next row. Returns
 * NULL, or what is wrong with the row. */
static const char *parse_id(struct send_input *in)
{
    struct entry_message *row = &in->row;

    in->continues = row->id.len > 0 && row->id.at[row->id.len - 1] == '+';
    if (in->continues)
        row->id.len--;
    if (id_parse(row->id.at, row->id.len, &row->key) < 0 || id_compare(row->key, ID_LEAST) == 0)
        return "malformed: the second column must be an ID, such as 1700000000000-0";
    if (in->entry.messages > 0
        && (!span_equal(row->room, in->entry.room) || id_compare(row->key, in->entry.id) != 0))
        return "not part of the entry before it, whose ID ends in +";
    return NULL;
}

/* Parse the columns of a row of -t. Returns NULL, or what is wrong with it. */
static const char *parse_columns(struct send_input *in, char *record, size_t n)
{
    static const char mark[] = "\xef\xbb\xbf"; /* U+FEFF */

    if (in->lines.count == 1 && n >= sizeof mark - 1 && memcmp(record, mark, sizeof mark - 1) == 0)
        return "malformed: it begins with a byte order mark";
    return format_parse_tsv(record, n, &in->row);
}

/* Make a record the row; `is_ended` if its newline was there. Returns NULL, or what is wrong. */
static const char *make_row(struct send_input *in, char *record, size_t n, bool is_ended)
{
    const struct send_settings *set = in->set;
    const char *wrong = NULL;

    in->row = (struct entry_message){.text = {record, n}};
    if (set->mode == SEND_TSV)
        wrong = parse_columns(in, record, n);
    if (set->room)
        in->row.room = span_of_text(set->room);
    if (set->name)
        in->row.name = span_of_text(set->name);
    if (wrong == NULL && in->row.room.len == 0)
        wrong = "malformed: its first column, the room, is empty";
    if (wrong == NULL && set->keep_ids)
        wrong = parse_id(in);
    if (wrong == NULL && set->keep_ids && !is_ended)
        wrong = "cut off: it does not end in a newline";
    return in->row.text.len > (size_t)set->max_message ? TOO_LONG : wrong;
}

/* Make the next record the row. Returns false if there is none yet, or if it was rejected. */
static bool next_row(struct send_input *in)
{
    const struct send_settings *set = in->set;
    size_t echo = in->echo.len, n, raw;
    enum lines_result found;
    const char *wrong;
    char *record;
    bool skip;

    do {
        found = lines_next(&in->lines, &record, &n, &raw);
        if (found == LINES_NONE)
            return false;
        skip = n == 0 && set->mode == SEND_LINES && !set->empty;
        if (set->tee && !(skip && set->ids))
            buf_add(&in->echo, record, raw);
        if (set->tee && set->mode == SEND_WORDS)
            buf_add(&in->echo, "\n", 1);
    } while (skip);
    wrong = make_row(in, record, n, raw > n);
    if (found == LINES_TOO_LONG)
        wrong = TOO_LONG;
    if (wrong == NULL)
        return true;
    in->echo.len = echo;
    reject(in, wrong);
    return false;
}

/* Begin an entry with the row, or add the row to the entry as one more field. */
static void add_row(struct send_input *in)
{
    struct send_entry *entry = &in->entry;

    if (entry->messages == 0) {
        buf_clear(&in->room);
        buf_add(&in->room, in->row.room.at, in->row.room.len);
        buf_clear(&entry->fields);
        entry->room = span_of_buf(&in->room);
        entry->id = in->row.key;
        entry->bytes = 0;
        entry->line = in->lines.count;
    }
    reply_word(&entry->fields, in->row.name.at, in->row.name.len);
    reply_word(&entry->fields, in->row.text.at, in->row.text.len);
    entry->messages++;
    entry->bytes += in->row.text.len;
    in->whole = !in->continues;
}

/* No whole record is left of what was read. */
static void on_all_taken(struct send_input *in, struct send_batch *b)
{
    if (in->lines.ended && in->entry.messages > 0 && in->problem.code == EXIT_DONE)
        reject(in, "cut off: its ID ends in +, but no row follows");
    in->ended = in->lines.ended || in->lines.stopped || in->problem.code != EXIT_DONE;
    if (in->entry.messages > 0)
        return;
    batch_echo(b, in->echo.data, in->echo.len); /* skipped lines */
    buf_clear(&in->echo);
}

void input_take(struct send_input *in, struct send_batch *b, struct batch_limit most)
{
    for (;;) {
        if (in->whole) {
            if (!batch_takes(b, &in->entry, most))
                return;
            batch_add(b, &in->entry, in->set);
            batch_echo(b, in->echo.data, in->echo.len);
            buf_clear(&in->echo);
            in->entry.messages = 0;
            in->whole = false;
        }
        if (in->ended)
            return;
        if (!next_row(in)) {
            on_all_taken(in, b);
            return;
        }
        add_row(in);
    }
}

bool input_wants(const struct send_input *in)
{
    return !in->ended && !in->whole && !in->lines.ended && !in->lines.stopped;
}

void input_read(struct send_input *in)
{
    if (lines_fill(&in->lines) < 0) {
        err_set(&in->problem, EXIT_FAILED, "cannot read standard input: %s", strerror(errno));
        input_stop(in);
    }
}

size_t input_undelivered(const struct send_input *in)
{
    return in->entry.messages > 0 ? in->entry.line : 0;
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
}
