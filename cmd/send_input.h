/* The input: records of standard input, or the words, made into entries. */
#ifndef CMD_SEND_INPUT_H
#define CMD_SEND_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/send_batch.h"
#include "cmd/send_lines.h"
#include "cmd/send_settings.h"
#include "common/buf.h"
#include "common/err.h"

/* Begun by input_start(); release with input_free(). */
struct send_input {
    const struct send_settings *set;
    struct lines lines;
    bool ended;         /* no more entries will come */
    struct err problem; /* with the input, or EXIT_DONE; entries before it are sent */

    /* Private. */
    struct entry_message row; /* the last record */
    bool continues;           /* the row's entry has more rows (-k) */
    struct send_entry entry;  /* being put together; it has no messages between two entries */
    struct buf room;          /* the entry's room */
    bool whole;               /* the entry is whole, and waits for a batch */
    struct buf echo;          /* -T: the entry's input, and skipped lines before it */
};

/* Read what `set` asks for from the start; `set` must outlive it. */
void input_start(struct send_input *in, const struct send_settings *set);

/* Move entries that have been read into the batch, as many as it takes. */
void input_take(struct send_input *in, struct send_batch *b, struct batch_limit most);

/* Whether to read more: the input has not ended, and no entry waits for a batch. */
bool input_wants(const struct send_input *in);

/* Read once from standard input, which should be ready. A failure becomes the `problem`. */
void input_read(struct send_input *in);

/* The line of the entry that waits for a batch or for more rows; 0 if there is none. */
size_t input_undelivered(const struct send_input *in);

/* Stop reading. Whole lines that were read are still sent, but not an entry that lacks rows. */
void input_stop(struct send_input *in);

void input_free(struct send_input *in);

#endif
