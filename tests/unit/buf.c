#include "common/buf.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static void grows(void)
{
    struct buf b = {0};
    size_t wrong = 0;

    for (int i = 0; i < 100000; i++) {
        char byte = (char)i;

        buf_add(&b, &byte, 1);
    }
    CHECK_NUMBER(b.len, 100000);
    CHECK(b.cap >= b.len);
    for (size_t i = 0; i < b.len; i++)
        wrong += b.data[i] != (char)i;
    CHECK_NUMBER(wrong, 0);
    buf_free(&b);
    CHECK(b.data == NULL && b.len == 0 && b.cap == 0);
}

static void adds_any_bytes(void)
{
    struct buf b = {0};

    buf_add(&b, NULL, 0);
    CHECK_BYTES(b.data, b.len, "");
    buf_add(&b, "a\0b", 3);
    buf_add_text(&b, "");
    buf_add_text(&b, "cd");
    buf_printf(&b, "%s", "");
    buf_printf(&b, "-%d-%s-", 42, "x");
    CHECK_BYTES(b.data, b.len, "a\0bcd-42-x-");
    buf_free(&b);
}

static void prints_long_text(void)
{
    struct buf b = {0};

    buf_printf(&b, "<%10000d>", 7);
    CHECK_NUMBER(b.len, 10002);
    CHECK_BYTES(b.data, 3, "<  ");
    CHECK_BYTES(b.data + b.len - 3, 3, " 7>");
    buf_free(&b);
}

static void reserves(void)
{
    struct buf b = {0};
    char *at;

    buf_add_text(&b, "abc");
    at = buf_reserve(&b, 1000);
    CHECK(at == b.data + 3);
    CHECK_NUMBER(b.len, 3);
    CHECK(b.cap - b.len >= 1000);
    memset(at, 'x', 1000);
    CHECK(buf_reserve(&b, 1000) == at);
    CHECK_BYTES(b.data, b.len, "abc");
    buf_free(&b);
}

static void consumes(void)
{
    struct buf b = {0};

    buf_consume(&b, 0);
    buf_add_text(&b, "abcdef");
    buf_consume(&b, 0);
    CHECK_BYTES(b.data, b.len, "abcdef");
    buf_consume(&b, 2);
    CHECK_BYTES(b.data, b.len, "cdef");
    buf_consume(&b, 4);
    CHECK_BYTES(b.data, b.len, "");
    buf_add_text(&b, "g");
    CHECK_BYTES(b.data, b.len, "g");
    buf_free(&b);
}

static void clears(void)
{
    struct buf b = {0};
    size_t cap;

    buf_clear(&b);
    buf_add_text(&b, "abc");
    cap = b.cap;
    buf_clear(&b);
    CHECK_NUMBER(b.len, 0);
    CHECK_NUMBER(b.cap, cap); /* kept: the next message is likely to be as long */
    buf_reserve(&b, 3 * 1024 * 1024);
    buf_clear(&b);
    CHECK_NUMBER(b.cap, 0);
    buf_add_text(&b, "abc");
    CHECK_BYTES(b.data, b.len, "abc");
    buf_free(&b);
}

UNIT_MAIN({"grows byte by byte", grows}, {"adds any bytes, strings, formats", adds_any_bytes},
    {"prints what is longer than any first guess", prints_long_text},
    {"reserves without adding", reserves}, {"drops bytes at the head", consumes},
    {"gives the memory of giants back, and only theirs", clears})
