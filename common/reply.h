/*
 * RESP, the server's protocol: writing commands, and reading replies as a stream of items.
 *
 * hiredis' reader parses the replies, and our callbacks pass on each item once it is complete. So a
 * reply of any size needs no more memory than its longest string.
 */
#ifndef COMMON_REPLY_H
#define COMMON_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

enum reply_type { REPLY_STRING, REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_NIL, REPLY_ARRAY };

/* One element of a reply. The bytes live only until the sink returns. */
struct reply_item {
    enum reply_type type;
    int depth;         /* 0: the reply itself; 1: an element of it; ... */
    size_t index;      /* its place in its array, from 0 */
    size_t siblings;   /* how many elements that array has; 1 at depth 0 */
    const char *bytes; /* of a string, status or error; no NUL follows */
    size_t len;
    long long integer; /* an integer, or the length of an array, whose elements come next */
};

typedef void reply_sink(void *context, const struct reply_item *item);

/* The sink for replies that do not matter. */
void reply_ignore(void *context, const struct reply_item *item);

struct redisReader;

/* Private: what the callbacks of a reader use. */
struct reply_target {
    const struct redisReader *reader;
    reply_sink *sink;
    void *context;
    const char *wrong; /* what is wrong with the reply beyond what hiredis checks; or NULL */
};

/* Prepare a reader created by hiredis for reply_next(). `target` must outlive it. */
void reply_attach(struct redisReader *reader, struct reply_target *target);

/*
 * Parse the bytes that the reader has, and pass the items to `sink`. Returns 1 at the end of a
 * reply, though there may be more; 0 when more bytes are needed; -1 with the reason in the reader's
 * errstr when the bytes are not RESP2, or hold a line of more than 64 KiB or announce a string of
 * more than 1 GiB. Exits if there is no memory.
 */
int reply_next(struct redisReader *reader, reply_sink *sink, void *context);

/* Whether the item is an error whose text begins with `code`: "WRONGTYPE", "ERR no such key". */
bool reply_is_error(const struct reply_item *item, const char *code);

/*
 * Set `e` to an error reply: its text, after `about` and a colon unless that is NULL. Of `about`
 * only 64 bytes are used, so that a long name does not push out the text. The code is EXIT_REFUSED
 * for ERR_FINAL, and EXIT_FAILED for other kinds. Returns -1.
 */
int reply_refusal(struct err *e, const struct reply_item *item, const char *about);

/* Set `e` to a protocol error, because the reply is not one that the command can have, unless `e`
 * is an error already. `about` as above. */
void reply_reject(struct err *e, const char *about);

/* Append the head of a command of `n` words, and then each word: bytes, a string or a number. */
void reply_command(struct buf *to, size_t n);
void reply_word(struct buf *to, const char *bytes, size_t len);
void reply_text(struct buf *to, const char *text);
void reply_number(struct buf *to, uint64_t number);

#endif
