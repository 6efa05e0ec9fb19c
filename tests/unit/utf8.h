/*
 * What clean output is, said a second time and in another way than common/text.c says it: by the
 * grammar of RFC 3629, section 4, and a list of the characters that must not come through.
 */
#ifndef TESTS_UNIT_UTF8_H
#define TESTS_UNIT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The length of the UTF-8 character at the head of the bytes; 0: there is none. */
static inline size_t utf8_length(const char *s, size_t n)
{
    static const struct {
        unsigned char first, last, second_first, second_last;
        size_t len;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0xff, 1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *at = (const unsigned char *)s;

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t len = forms[i].len;

        if (n < len || at[0] < forms[i].first || at[0] > forms[i].last)
            continue;
        if (len > 1 && (at[1] < forms[i].second_first || at[1] > forms[i].second_last))
            return 0;
        for (size_t k = 2; k < len; k++)
            if (at[k] < 0x80 || at[k] > 0xbf)
                return 0;
        return len;
    }
    return 0;
}

/* Whether the character of `len` bytes drives a terminal, ends a line, or turns its order round. */
static inline bool utf8_is_hidden(const char *s, size_t len)
{
    static const char *const hidden[] = {"\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b", "\u202c",
        "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"};
    unsigned char first = (unsigned char)s[0], second = len > 1 ? (unsigned char)s[1] : 0;

    if (len == 1)
        return first < 0x20 || first == 0x7f;
    if (first == 0xc2 && second < 0xa0) /* C1 */
        return true;
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (strlen(hidden[i]) == len && memcmp(hidden[i], s, len) == 0)
            return true;
    return false;
}

/* Whether all of it is UTF-8 without hidden characters, but for those of `allowed`. */
static inline bool utf8_is_clean(const char *s, size_t n, const char *allowed)
{
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_length(s + i, n - i);
        if (len == 0)
            return false;
        if (utf8_is_hidden(s + i, len) && (s[i] == 0 || strchr(allowed, s[i]) == NULL))
            return false;
    }
    return true;
}

/* Write a code point, also a surrogate, as UTF-8 would; returns the length. */
static inline size_t utf8_encode(char to[4], uint32_t point)
{
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = len; i-- > 1; point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)(heads[len] | point);
    return len;
}

#endif
