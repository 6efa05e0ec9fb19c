/* Bytes and how many they are, owned by something else. */
#ifndef COMMON_SPAN_H
#define COMMON_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/buf.h"

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

/* The first `most` bytes, or all of them if there are fewer. */
static inline struct span span_head(struct span s, size_t most)
{
    return (struct span){s.at, s.len < most ? s.len : most};
}

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
