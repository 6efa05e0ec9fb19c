/* Where messages come from: records of standard input, or the words, made into entries. */
#ifndef CMD_SEND_INPUT_H
#define CMD_SEND_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_batch.h"
#include "cmd/send_lines.h"
#include "common/err.h"

struct send_input {
    const struct send_settings *set;
    struct lines lines;
    struct entry_message row; /* the record taken last, if it still waits for its entry */
    bool has_row;
    struct send_entry entry; /* being put together; without messages: none */
    struct buf room;         /* the entry's, copied */
    bool whole;              /* the entry is, and waits for a batch */
    int64_t silence;         /* ms spent in nothing but waiting since input came last */
    struct buf row_echo;     /* -T: the row as it was, skipped lines before it too */
    struct buf echo;         /* the entry's rows as they were */
    bool ended;              /* nothing more will come */
    size_t given_up;         /* the line of an entry that a bad row may belong to, or 0 */
    struct err problem;      /* of the input: what came before it still counts */
};

void input_start(struct send_input *in, const struct send_settings *set);

/* Move what has been read into the batch, as much as it takes. */
void input_take(struct send_input *in, struct send_batch *b);

/* Whether more can be read: there is more, and all that was read has found a batch. */
bool input_wants(const struct send_input *in);

/* Read from standard input, which should be ready. */
void input_read(struct send_input *in);

/* When, if no input comes, the entry being put together is whole: then input_take() takes it. */
int64_t input_due(const struct send_input *in, int64_t now);

/* Stop reading. Whole lines that were read still count, but not an entry that may go on. */
void input_stop(struct send_input *in);

void input_free(struct send_input *in);

#endif
