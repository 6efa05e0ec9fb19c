/* Buffers of bytes that grow. A zeroed struct is an empty buffer. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>
#include <string.h>

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

#endif
