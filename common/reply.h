/*
 * RESP, the server's protocol: writing commands, and reading replies as a stream of items, without
 * a tree in between.
 *
 * Replies are parsed by hiredis' reader with callbacks of our own. An item is passed on as soon as
 * it is whole, so that a reply of any size needs no more memory than its longest string.
 */
#ifndef COMMON_REPLY_H
#define COMMON_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

enum reply_type { REPLY_STRING, REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_NIL, REPLY_ARRAY };

/* One element of a reply. The strings live only as long as the callback that gets them. */
struct reply_item {
    enum reply_type type;
    int depth;         /* 0: the reply itself; 1: an element of it; ... */
    size_t index;      /* its place in the array around it, from 0 */
    size_t siblings;   /* how many elements that array has; 1 at depth 0 */
    const char *bytes; /* of a string, status or error; no NUL follows */
    size_t len;
    long long
        integer; /* of an integer; of an array, passed before them, the number of its elements */
};

typedef void reply_sink(void *context, const struct reply_item *item);

/* The sink for replies that nobody needs. */
void reply_ignore(void *context, const struct reply_item *item);

struct redisReader;

/* Private: what a reader's callbacks know. */
struct reply_target {
    const struct redisReader *reader;
    reply_sink *sink;
    void *context;
    const char *wrong; /* with what came, beyond what hiredis sees; NULL: nothing */
};

/* Make a reader created by hiredis ready for reply_next(). `target` must outlive it. */
void reply_attach(struct redisReader *reader, struct reply_target *target);

/*
 * Parse what the reader was fed and pass its items to `sink`. Returns 1 at the end of a reply
 * (another may follow), 0 when more bytes are needed, -1 when the bytes are no reply that RESP2
 * knows, or hold a line of more than 64 KiB or a string of more than 1 GiB, which is seen once its
 * length has come: the reader's errstr says what is wrong. Without memory the program ends, as
 * everywhere.
 */
int reply_next(struct redisReader *reader, reply_sink *sink, void *context);

/* Whether the item is an error whose text begins with this code: "WRONGTYPE", "ERR no such key". */
bool reply_is_error(const struct reply_item *item, const char *code);

/*
 * Make an error out of an error reply: its words, behind `about` and a colon if that is not NULL
 * (at most 64 bytes of it, so that a long name does not hide the words). What passes (out of
 * memory, loading, read-only, ...) is EXIT_FAILED of another kind than ERR_FINAL; all
 * else is EXIT_REFUSED for good. Returns -1.
 */
int reply_refusal(struct err *e, const struct reply_item *item, const char *about);

/* Make an error of a reply that is none to what was asked, behind `about` as above; unless there is
 * one in `e` already. */
void reply_reject(struct err *e, const char *about);

/* Append the head of a command of `n` words, then a word: of any bytes, a string, a number. */
void reply_command(struct buf *to, size_t n);
void reply_word(struct buf *to, const char *bytes, size_t len);
void reply_text(struct buf *to, const char *text);
void reply_number(struct buf *to, uint64_t number);

#endif
