#include "common/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Which bytes must be looked at more closely, in each style: bit `1 << style`, or JSON. */
enum {
    PLAIN = 1 << TEXT_PLAIN | 1 << TEXT_NAME | 1 << TEXT_ROOM,
    TSV = 1 << TEXT_TSV,
    JSON = 1 << (TEXT_TSV + 1),
    ALL = PLAIN | TSV | JSON
};

#define ALL8 ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL
#define ALL64 ALL8, ALL8, ALL8, ALL8, ALL8, ALL8, ALL8, ALL8
static const uint8_t stops[256] = {
    [0] = ALL8,
    ALL,
    ['\t'] = TSV | JSON,
    ['\n'] = ALL8,
    ALL8,
    ALL,
    ALL,
    ALL,
    ALL,
    ALL,
    ALL,
    [' '] = 1 << TEXT_ROOM,
    ['['] = 1 << TEXT_ROOM | 1 << TEXT_NAME,
    [']'] = 1 << TEXT_NAME,
    ['"'] = JSON,
    ['\\'] = TSV | JSON,
    [0x7f] = ALL,
    ALL64,
    ALL64,
};

static const char hex[] = "0123456789abcdef";

/* A character. */
struct unit {
    size_t len;
    uint32_t point;
    bool valid; /* false: one byte that is not UTF-8 */
};

static struct unit unit_at(const unsigned char *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const struct unit invalid = {1, s[0], false};
    struct unit u = {1, s[0], true};

    if (s[0] < 0x80)
        return u;
    u.len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < u.len)
        return invalid;
    u.point = s[0] & (0x7fU >> u.len);
    for (size_t i = 1; i < u.len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return invalid;
        u.point = u.point << 6 | (s[i] & 0x3f);
    }
    if (u.point < least[u.len] || u.point > 0x10ffff || (u.point >= 0xd800 && u.point <= 0xdfff))
        return invalid;
    return u;
}

/* Characters above ASCII that can drive a terminal, end a line in some programs (U+0085, U+2028,
 * U+2029), or change the direction of writing. */
static bool is_control(uint32_t point)
{
    return (point >= 0x80 && point < 0xa0) || point == 0x61c || point == 0x200e || point == 0x200f
           || (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* Append a character escaped: byte by byte, or in JSON by its code point. */
static void add_escape(struct buf *to, const unsigned char *s, const struct unit *u, unsigned style)
{
    static const char letters[] = "\n\r\t\\", names[] = "nrt\\";
    const char *letter = u->len == 1 && *s ? strchr(letters, *s) : NULL;

    if (style == JSON && (*s == '"' || *s == '\\')) {
        buf_add(to, "\\", 1);
        buf_add(to, s, 1);
    } else if (style == JSON) {
        const char escape[] = {'\\', 'u', hex[u->point >> 12 & 15], hex[u->point >> 8 & 15],
            hex[u->point >> 4 & 15], hex[u->point & 15]}; /* none of these is above U+FFFF */

        buf_add(to, escape, sizeof escape);
    } else if (letter) {
        char pair[] = {'\\', names[letter - letters]};

        buf_add(to, pair, 2);
    } else {
        for (size_t i = 0; i < u->len; i++) {
            char quad[] = {'\\', 'x', hex[s[i] >> 4], hex[s[i] & 15]};

            buf_add(to, quad, 4);
        }
    }
}

/* Whether no style but TEXT_ROOM escapes any of STRIDE bytes. Compilers vectorize the loop. */
enum { STRIDE = 16 };
static bool is_calm(const unsigned char *s)
{
    unsigned char stop = 0;

    for (int i = 0; i < STRIDE; i++)
        stop |= (unsigned char)((s[i] < 0x20) | (s[i] > 0x7e) | (s[i] == '"') | (s[i] == '\\')
                                | (s[i] == '[') | (s[i] == ']'));
    return stop == 0;
}

/* How many bytes at the beginning of `s` need no closer look. */
static size_t plain_run(const unsigned char *s, size_t n, unsigned stop)
{
    size_t run = 0;

    if (n >= STRIDE && stop != 1 << TEXT_ROOM) { /* TEXT_ROOM escapes spaces */
        while (n - run >= STRIDE && is_calm(s + run))
            run += STRIDE;
        if (n - run < STRIDE && is_calm(s + n - STRIDE))
            return n;
    }
    while (run < n && !(stops[s[run]] & stop))
        run++;
    return run;
}

/* Append the bytes, escaped in `style` (a bit of `stops`). Returns false if they are not UTF-8, and
 * the style is JSON. */
static bool add_text(struct buf *to, const char *s, size_t n, unsigned style)
{
    const unsigned char *at = (const unsigned char *)s, *end = n > 0 ? at + n : at;

    while (at < end) {
        size_t run = plain_run(at, (size_t)(end - at), style);
        struct unit u;

        buf_add(to, at, run);
        at += run;
        if (at == end)
            break;
        u = unit_at(at, (size_t)(end - at));
        if (u.valid && u.len > 1 && !is_control(u.point))
            buf_add(to, at, u.len);
        else if (!u.valid && style == JSON)
            return false;
        else
            add_escape(to, at, &u, style);
        at += u.len;
    }
    return true;
}

void text_show(struct buf *to, const char *s, size_t n, enum text_style style)
{
    add_text(to, s, n, 1U << style);
}

void text_show_room(struct buf *to, const char *s, size_t n)
{
    if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
        buf_add_text(to, "\\xef\\xbb\\xbf");
        s += 3;
        n -= 3;
    }
    text_show(to, s, n, TEXT_TSV);
}

/* All byte values in decimal with a comma, in four characters each, so that one copy writes one. */
#define TEN(tens, pad)                                                                       \
    tens "0," pad tens "1," pad tens "2," pad tens "3," pad tens "4," pad tens "5," pad tens \
         "6," pad tens "7," pad tens "8," pad tens "9," pad
#define HUNDRED(h)                                                                            \
    TEN(h "0", "")                                                                            \
    TEN(h "1", "")                                                                            \
    TEN(h "2", "") TEN(h "3", "") TEN(h "4", "") TEN(h "5", "") TEN(h "6", "") TEN(h "7", "") \
        TEN(h "8", "") TEN(h "9", "")
enum { DECIMAL = 4 };
static const char decimals[] = TEN("", "  ") TEN("1", " ") TEN("2", " ") TEN("3", " ") TEN("4", " ")
    TEN("5", " ") TEN("6", " ") TEN("7", " ") TEN("8", " ") TEN("9", " ") HUNDRED("1") HUNDRED("2");

static void json_bytes(struct buf *to, const unsigned char *s, size_t n)
{
    enum { PIECE = 4096 };

    buf_add(to, "[", 1);
    for (size_t left = n; left > 0;) {
        size_t piece = left < PIECE ? left : PIECE;
        char *start = buf_reserve(to, DECIMAL * piece), *end = start;

        for (size_t i = 0; i < piece; i++, s++) {
            memcpy(end, decimals + DECIMAL * *s, DECIMAL);
            end += 2 + (*s >= 10) + (*s >= 100);
        }
        to->len += (size_t)(end - start);
        left -= piece;
    }
    to->data[to->len - 1] = ']'; /* replaces the last comma; there is one, as n > 0 */
}

void text_json(struct buf *to, const char *s, size_t n)
{
    size_t start = to->len;

    buf_add(to, "\"", 1);
    if (add_text(to, s, n, JSON)) {
        buf_add(to, "\"", 1);
        return;
    }
    to->len = start;
    json_bytes(to, (const unsigned char *)s, n);
}

int text_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int text_escape(const char *s, size_t n, size_t *len)
{
    static const char names[] = "\\tnr0", bytes[] = "\\\t\n\r";
    const char *name = n > 0 ? memchr(names, s[0], sizeof names - 1) : NULL;

    *len = name ? 1 : 3;
    if (name)
        return bytes[name - names];
    if (n < 3 || s[0] != 'x' || text_hex(s[1]) < 0 || text_hex(s[2]) < 0)
        return -1;
    return text_hex(s[1]) << 4 | text_hex(s[2]);
}

size_t text_character(const char *s, size_t n, uint32_t *point)
{
    struct unit u = unit_at((const unsigned char *)s, n);

    *point = u.valid ? u.point : 0xfffd;
    return u.len;
}

int text_from_tsv(char *s, size_t *n)
{
    char *to = s, *end = s + *n;

    for (const char *at = s; at < end;) {
        size_t len = 0;
        int byte = (unsigned char)*at++;

        if (byte == '\\' && (byte = text_escape(at, (size_t)(end - at), &len)) < 0)
            return -1;
        *to++ = (char)byte;
        at += len;
    }
    *n = (size_t)(to - s);
    return 0;
}
