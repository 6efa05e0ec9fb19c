/*
 * Unit tests that speak TAP. A test is a function; UNIT_MAIN lists them. A check that fails says
 * where it stands and what it saw, and the test goes on, so that one run shows all that is wrong.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

/* Which row of a table is being checked; NULL: none. Named when a check fails. */
static const char *unit_row;

static bool unit_failed; /* the test at hand */

static inline void unit_print(const char *label, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;

    printf("#   %s: ", label);
    for (size_t i = 0; at && i < n && i < 400; i++)
        printf(at[i] < ' ' || at[i] > '~' || at[i] == '\\' ? "\\x%02x" : "%c", at[i]);
    printf(at ? " (%zu bytes)\n" : "NULL\n", n);
}

static inline bool unit_check(bool passed, const char *file, int line, const char *what)
{
    if (!passed) {
        unit_failed = true;
        printf("# %s:%d: %s\n", file, line, what);
        if (unit_row)
            unit_print("in row", unit_row, strlen(unit_row));
    }
    return passed;
}

static inline void unit_number(uint64_t got, uint64_t want, const char *file, int line,
    const char *what)
{
    if (!unit_check(got == want, file, line, what))
        printf("#   got: %" PRId64 " (%#" PRIx64 ")\n#   want: %" PRId64 " (%#" PRIx64 ")\n",
            (int64_t)got, got, (int64_t)want, want);
}

static inline void unit_bytes(const void *got, size_t n, const void *want, size_t wanted,
    const char *file, int line, const char *what)
{
    bool same = n == wanted && (n == 0 || (got && want && memcmp(got, want, n) == 0));

    if (!unit_check(same, file, line, what)) {
        unit_print("got", got, n);
        unit_print("want", want, wanted);
    }
}

static inline void unit_text(const char *got, const char *want, const char *file, int line,
    const char *what)
{
    bool same = got && want ? strcmp(got, want) == 0 : got == want;

    if (!unit_check(same, file, line, what)) {
        unit_print("got", got, got ? strlen(got) : 0);
        unit_print("want", want, want ? strlen(want) : 0);
    }
}

#define CHECK(truth) unit_check((truth), __FILE__, __LINE__, #truth)

/* Integers of any type. */
#define CHECK_NUMBER(got, want) \
    unit_number((uint64_t)(got), (uint64_t)(want), __FILE__, __LINE__, #got)

/* C strings, or NULL. */
#define CHECK_TEXT(got, want) unit_text((got), (want), __FILE__, __LINE__, #got)

/* Bytes, NULs among them, and a string literal. */
#define CHECK_BYTES(got, n, literal) \
    unit_bytes((got), (n), (literal), sizeof(literal) - 1, __FILE__, __LINE__, #got)

/* Two runs of bytes. */
#define CHECK_SAME(got, n, want, wanted) \
    unit_bytes((got), (n), (want), (wanted), __FILE__, __LINE__, #got)

/* Random numbers that are the same in each run. */
static inline uint32_t unit_random(void)
{
    static uint32_t x = 2463534242U; /* xorshift (Marsaglia 2003) */

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static inline int unit_run(const struct unit_test *tests, size_t n)
{
    bool failed = false;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%zu\n", n);
    for (size_t i = 0; i < n; i++) {
        unit_row = NULL;
        unit_failed = false;
        tests[i].run();
        printf("%s %zu - %s\n", unit_failed ? "not ok" : "ok", i + 1, tests[i].name);
        failed = failed || unit_failed;
    }
    return failed;
}

#define UNIT_MAIN(...) \
    int main(void) \
    { \
        static const struct unit_test tests[] = {__VA_ARGS__}; \
\
        return unit_run(tests, sizeof tests / sizeof *tests); \
    }

#endif
