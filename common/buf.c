#include "common/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALLEST = 256, KEPT = 1024 * 1024 };

void buf_no_memory(void)
{
    fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
    _exit(EXIT_FAILURE);
}

void *buf_zeroed(size_t n, size_t size)
{
    void *items = calloc(n, size);

    if (items == NULL)
        buf_no_memory();
    return items;
}

char *buf_grow(struct buf *b, size_t extra)
{
    size_t cap = b->cap ? b->cap : SMALLEST;

    if (extra > SIZE_MAX / 4 - b->len)
        buf_no_memory();
    while (cap < b->len + extra)
        cap *= 2;
    b->data = realloc(b->data, cap);
    if (b->data == NULL)
        buf_no_memory();
    b->cap = cap;
    return b->data + b->len;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n <= 0)
        return;
    va_start(args, format);
    vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    b->len -= n;
    if (n > 0 && b->len > 0)
        memmove(b->data, b->data + n, b->len);
}

void buf_clear_above(struct buf *b, size_t kept)
{
    if (b->cap > kept)
        buf_free(b);
    b->len = 0;
}

void buf_clear(struct buf *b)
{
    buf_clear_above(b, KEPT);
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}
