/* A growable run of any bytes. A zeroed struct is an empty buffer. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>
#include <string.h>

struct buf {
    char *data; /* owned; NULL while nothing was ever added */
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
};

/*
 * Say that there is no memory and end the program with status 1: every buffer grows through one
 * place, which has no better way out, and what the server has acknowledged is safe.
 */
void buf_no_memory(void) __attribute__((noreturn));

/* What buf_reserve() does when there is not enough room. */
char *buf_grow(struct buf *b, size_t extra) __attribute__((returns_nonnull));

/* Make room for `extra` bytes and return where they go. Ends the program if there is no memory. */
static inline char *buf_reserve(struct buf *b, size_t extra)
{
    if (b->data == NULL || extra > b->cap - b->len)
        return buf_grow(b, extra);
    return b->data + b->len;
}

/* Append `n` bytes of `bytes`, a NUL-terminated string, or what a printf format gives. */
static inline void buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(buf_reserve(b, n), bytes, n);
    b->len += n;
}

static inline void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);

/* Empty it for its next use; memory beyond 1 MiB, or `kept` bytes, goes back: it is the trace of a
 * giant message. */
void buf_clear(struct buf *b);
void buf_clear_above(struct buf *b, size_t kept);

void buf_free(struct buf *b);

#endif
