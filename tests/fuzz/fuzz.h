/*
 * What the fuzz targets share. A target is a file with the function that libFuzzer calls; make fuzz
 * builds it with libFuzzer, make test with replay.c, which runs its corpus once.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold is a crash. */
#define PROPERTY(truth) ((truth) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #truth))

__attribute__((noreturn)) static inline void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* What is left of the input. */
struct fuzz_input {
    const char *at;
    size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return (uint8_t)*in->at++;
}

/* Take what comes before the next `end`, or all. In memory of its own, for the sanitizer. */
static inline struct buf fuzz_field(struct fuzz_input *in, char end)
{
    const char *found = in->left ? memchr(in->at, end, in->left) : NULL;
    size_t n = found ? (size_t)(found - in->at) : in->left;
    struct buf field = {.data = malloc(n + 1), .len = n, .cap = n + 1};

    if (field.data == NULL)
        abort();
    if (n > 0)
        memcpy(field.data, in->at, n);
    field.data[n] = 0;
    n += found != NULL;
    in->at += n;
    in->left -= n;
    return field;
}

static inline struct span fuzz_bytes(const struct buf *b)
{
    return (struct span){b->data, b->len};
}

static inline int fuzz_same(const char *a, size_t n, const char *b, size_t m)
{
    return n == m && (n == 0 || memcmp(a, b, n) == 0);
}

#endif
