/* Where messages come from: records of standard input, or the words, made into entries. */
#ifndef CMD_SEND_INPUT_H
#define CMD_SEND_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/send_batch.h"
#include "cmd/send_lines.h"
#include "cmd/send_settings.h"
#include "common/buf.h"
#include "common/err.h"

struct send_input {
    const struct send_settings *set;
    struct lines lines;
    bool ended;         /* nothing more will come */
    struct err problem; /* of the input: what came before it still counts */

    /* Private. */
    struct entry_message row; /* the record taken last, */
    bool continues;           /* whose entry has more rows (-k) */
    struct send_entry entry;  /* being put together; without messages: none */
    struct buf room;          /* the entry's, copied */
    bool whole;               /* the entry is, and waits for a batch */
    struct buf echo;          /* -T: its rows as they were, skipped lines before it too */
};

void input_start(struct send_input *in, const struct send_settings *set);

/* Move what has been read into the batch, as much as it takes. */
void input_take(struct send_input *in, struct send_batch *b, struct batch_limit most);

/* Whether more can be read: there is more, and all that was read has found a batch. */
bool input_wants(const struct send_input *in);

/* Read from standard input, which should be ready. */
void input_read(struct send_input *in);

/* The line of an entry that waits for a batch or for its other rows; 0: there is none. */
size_t input_undelivered(const struct send_input *in);

/* Stop reading. Whole lines that were read still count, but not an entry that goes on. */
void input_stop(struct send_input *in);

void input_free(struct send_input *in);

#endif
