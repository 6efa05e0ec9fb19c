/*
 * chat-send's own. Layers: chat-send.c (options) over send.c (the loop) over send_input.c (input
 * into batches) over send_batch.c (batches of commands, and what the server said to each).
 */
#ifndef CMD_SEND_H
#define CMD_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/send_lines.h"
#include "common/entry.h"
#include "common/link.h"
#include "common/out.h"
#include "common/progress.h"

enum send_mode { SEND_LINES, SEND_NULL, SEND_WHOLE, SEND_TSV, SEND_WORDS };

/* What the command line asks for. Strings belong to the argument list unless said otherwise. */
struct send_settings {
    enum send_mode mode;
    const char *room; /* NULL: from the rows */
    const char *name; /* NULL: from the rows */
    struct buf words; /* SEND_WORDS: the message */
    bool keep_ids, empty, tee, ids;
    int64_t maxlen;      /* 0: do not trim */
    uint64_t maxage;     /* ms; 0: do not trim */
    int64_t max_message; /* bytes */
    bool prompt;         /* input is typed on a terminal */
};

/* One entry on its way into a batch. */
struct send_entry {
    struct entry_bytes room, id; /* id: "*", the server makes one, or as given */
    struct id key;               /* of an ID as given */
    struct buf fields;           /* names and texts as words (reply.h) */
    size_t messages;             /* fields */
    size_t bytes;                /* of their texts */
    size_t line;                 /* of the first, from 1 */
};

struct send_slot {
    enum { SLOT_OPEN, SLOT_DONE, SLOT_UNSURE /* is the ID in the room? */, SLOT_FAILED } state;
    struct id id; /* given, or the server's once done */
    size_t messages, bytes, line;
    size_t echo; /* where its part of the echo ends */
};

enum { BATCH_ENTRIES = 1024, BATCH_BYTES = 1024 * 1024 };

/*
 * Up to 1,024 entries or about 1 MiB for one room. The slots are asked about in turn: first all are
 * added; then, with -k, those that the server found too old are looked up; last, with --maxage, the
 * room is trimmed.
 */
struct send_batch {
    enum { BATCH_FILLING, BATCH_ADDING, BATCH_LOOKING_UP, BATCH_TRIMMING, BATCH_SETTLED } step;
    struct buf room;
    struct buf wire; /* the commands */
    struct buf echo; /* -T: the input as it was, skipped lines too */
    struct send_slot slots[BATCH_ENTRIES];
    size_t n;
    size_t next; /* the slot that the next reply is about */
};

/* Whether more is better left for the next batch. */
bool batch_full(const struct send_batch *b);

/* Whether the entry may join: room for it, and the same chat room. An empty batch takes any. */
bool batch_takes(const struct send_batch *b, const struct send_entry *entry);

/* Add the entry. */
void batch_add(
    struct send_batch *b, const struct send_settings *set, const struct send_entry *entry);

/* Append input to the echo, as part of the entry added last. */
void batch_echo(struct send_batch *b, const char *bytes, size_t n);

/* Queue the commands of the batch's next step; with nothing left to ask it is BATCH_SETTLED. */
void batch_send(struct send_batch *b, const struct send_settings *set, struct link *l);

/*
 * Take one reply's item. A refusal fills in `*e` and fails the slot; the batch goes on, so that
 * what else was sent is accounted for. After each whole reply call batch_replied(), which is true
 * when the step has all of its replies.
 */
struct batch_replies {
    struct send_batch *batch;
    const struct send_settings *set;
    struct err *problem; /* the first one */
    size_t *line;        /* and the line it is about */
};
void batch_item(void *replies, const struct reply_item *item);
bool batch_replied(struct send_batch *b);

/* Count what is in the room and print it as -T and -i ask; empties the batch. */
void batch_settle(
    struct send_batch *b, const struct send_settings *set, struct out *out, struct progress *done);

void batch_free(struct send_batch *b);

/* send_input.c: where messages come from. */
struct send_input {
    const struct send_settings *set;
    struct lines lines;
    struct entry_message row; /* the record taken last, if it still waits for its entry */
    bool has_row;
    struct send_entry entry; /* being put together; without messages: none */
    struct buf room;         /* the entry's, copied */
    char id[ID_TEXT];
    bool whole;          /* the entry is, and waits for a batch */
    int64_t silence;     /* ms spent in nothing but waiting since input came last */
    struct buf row_echo; /* -T: the row as it was, skipped lines before it too */
    struct buf echo;     /* the entry's rows as they were */
    bool ended;          /* nothing more will come */
    size_t given_up;     /* the line of an entry that a bad row may belong to, or 0 */
    struct err problem;  /* of the input: what came before it still counts */
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

/* send.c: the loop. */
struct sender {
    const struct send_settings *set;
    struct link *link;
    struct send_input input;
    struct send_batch batches[3]; /* a ring: those in flight, then the one that is filled */
    size_t first, in_flight;
    struct out out;
    struct progress progress; /* counts what was delivered */
    struct err refused;       /* what the server refused first: then nothing new is begun */
    size_t line;              /* and its line, or 0 */
    int64_t patience;         /* ms for which the server may still keep us waiting */
    bool prompted;
    char *asked_name; /* owned; NULL: not asked */
};

/*
 * Deliver all input; `s` needs set, link and an input that was started. -1 with `*e`, which says
 * how much was delivered and which line was the first that was not, when that was not possible.
 * Then a signal may also have ended it.
 */
int send_run(struct sender *s, struct err *e);

/*
 * Ask on standard error for the name to send as, and read it from `lines`. A new string; NULL for
 * an empty answer or at the end of input.
 */
char *send_ask_name(struct lines *lines, const char *login);

void send_free(struct sender *s);

#endif
