/* Bytes: buffers that own them and grow, and spans of bytes that something else owns. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Zeroed, it is empty. */
struct buf {
    char *data; /* owned; NULL until something is added */
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
};

/*
 * Report that there is no memory, and exit with status 1. Nothing better can be done here, and what
 * the server has acknowledged is safe.
 */
void buf_no_memory(void) __attribute__((noreturn));

/* Memory for `n` items of `size` bytes, all zero, for free(). Exits if there is none. */
void *buf_zeroed(size_t n, size_t size) __attribute__((returns_nonnull));

/* Private to buf_reserve(): make room by allocating. */
char *buf_grow(struct buf *b, size_t extra) __attribute__((returns_nonnull));

/* Make room for `extra` bytes, and return where they go: `len` does not change. Exits if there is
 * no memory, as all that add to a buffer do. */
static inline char *buf_reserve(struct buf *b, size_t extra)
{
    if (b->data == NULL || extra > b->cap - b->len)
        return buf_grow(b, extra);
    return b->data + b->len;
}

/* Append `n` bytes, a NUL-terminated string, or formatted text (printf(3)). */
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

/* Remove the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);

/* Empty it. A buffer of more than 1 MiB, or `kept` bytes, is left from a giant message: that memory
 * is released, and `data` becomes NULL. */
void buf_clear(struct buf *b);
void buf_clear_above(struct buf *b, size_t kept);

/* Release the bytes. The buffer is empty then. */
void buf_free(struct buf *b);

struct span {
    const char *at; /* may be NULL if `len` is 0 */
    size_t len;
};

/* What a buffer, or a NUL-terminated string, holds now. */
static inline struct span span_of_buf(const struct buf *b)
{
    return (struct span){b->data, b->len};
}

static inline struct span span_of_text(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* The first bytes, at most `most`, as the two arguments of printf(3)'s %.*s. */
#define SPAN_TEXT(span, most) (int)((span).len < (most) ? (span).len : (most)), (span).at

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* FNV-1a. */
static inline uint32_t span_hash(struct span s)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.at[i]) * 16777619U;
    return hash;
}

#endif
