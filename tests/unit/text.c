#include "common/text.h"

#include <stdlib.h>

#include "tests/unit/unit.h"
#include "tests/unit/utf8.h"

/* What stands for a byte that may not be shown as it is. */
static void add_hidden(struct buf *to, unsigned char byte)
{
    if (byte == '\n' || byte == '\r')
        buf_add_text(to, byte == '\n' ? "\\n" : "\\r");
    else
        buf_printf(to, "\\x%02x", byte);
}

/* A single byte in a style, as the contract has it. */
static void add_expected(struct buf *to, unsigned char byte, enum text_style style)
{
    bool hidden = (byte < 0x20 && byte != '\t') || byte >= 0x7f;

    hidden = hidden || (style == TEXT_NAME && (byte == '[' || byte == ']'));
    hidden = hidden || (style == TEXT_ROOM && (byte == ' ' || byte == '['));
    if (style == TEXT_TSV && (byte == '\t' || byte == '\\'))
        buf_add_text(to, byte == '\t' ? "\\t" : "\\\\");
    else if (hidden)
        add_hidden(to, byte);
    else
        buf_add(to, &byte, 1);
}

static void shows_each_byte(void)
{
    static const enum text_style styles[] = {TEXT_PLAIN, TEXT_NAME, TEXT_ROOM, TEXT_TSV};
    struct buf got = {0}, want = {0};

    for (size_t s = 0; s < 4; s++)
        for (unsigned byte = 0; byte < 256; byte++) {
            char one = (char)byte, among[] = {'a', one, 'b'};

            buf_clear(&got);
            buf_clear(&want);
            text_show(&got, &one, 1, styles[s]);
            text_show(&got, among, 3, styles[s]);
            add_expected(&want, (unsigned char)byte, styles[s]);
            buf_add(&want, "a", 1);
            add_expected(&want, (unsigned char)byte, styles[s]);
            buf_add(&want, "b", 1);
            CHECK_SAME(got.data, got.len, want.data, want.len);
        }
    buf_free(&got);
    buf_free(&want);
}

static void shows_utf8(void)
{
    static const char *const rows[][2] = {
        {"gr\u00fc\u00df", "gr\u00fc\u00df"},
        {"\u20ac \U0001f600 \U0010ffff", "\u20ac \U0001f600 \U0010ffff"},
        {"\u07ff\u0800\uffff\U00010000", "\u07ff\u0800\uffff\U00010000"},
        {"\xc2\x80\xc2\x9f\xc2\xa0", "\\xc2\\x80\\xc2\\x9f\xc2\xa0"}, /* C1 and what follows */
        {"a\u202eb", "a\\xe2\\x80\\xaeb"},
        {"\u061c", "\\xd8\\x9c"},
        {"a\u2028b\u2029", "a\\xe2\\x80\\xa8b\\xe2\\x80\\xa9"}, /* line ends */
        {"\u2027\u202f\u2030", "\u2027\u202f\u2030"},               /* and what is beside */
        {"\xc0\x80", "\\xc0\\x80"},                  /* overlong */
        {"\xc1\xbf", "\\xc1\\xbf"},
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},
        {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},
        {"\xed\xa0\x80\xed\xbf\xbf", "\\xed\\xa0\\x80\\xed\\xbf\\xbf"}, /* surrogates */
        {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"},       /* their neighbours */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},                   /* above U+10FFFF */
        {"\xf5\x80\x80\x80\xff\xfe", "\\xf5\\x80\\x80\\x80\\xff\\xfe"},
        {"\x80", "\\x80"},                           /* a tail without a head */
        {"\xe2\x82", "\\xe2\\x82"},                  /* cut off */
        {"\xe2\x82x", "\\xe2\\x82x"},
        {"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
        {"\xe2\xe2\x82\xac", "\\xe2\u20ac"},         /* a head before a whole character */
        {"\xc3\xc3\xa9\xa9", "\\xc3\u00e9\\xa9"},
        {"\033[31mred\007", "\\x1b[31mred\\x07"},
        {"a\r\nb", "a\\r\\nb"},
    };
    struct buf got = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i][0];
        buf_clear(&got);
        text_show(&got, rows[i][0], strlen(rows[i][0]), TEXT_PLAIN);
        buf_add(&got, "", 1);
        CHECK_TEXT(got.data, rows[i][1]);
    }
    buf_free(&got);
}

/* Each code point there is: shown as it is, or byte by byte. */
static void shows_each_character(void)
{
    struct buf got = {0}, want = {0};
    size_t wrong = 0;

    for (uint32_t point = 0x80; point < 0x110000; point++) {
        char s[4];
        size_t n = utf8_encode(s, point);

        buf_clear(&got);
        buf_clear(&want);
        text_show(&got, s, n, TEXT_TSV);
        if (utf8_length(s, n) == n && !utf8_is_hidden(s, n))
            buf_add(&want, s, n);
        else
            for (size_t i = 0; i < n; i++)
                add_hidden(&want, (unsigned char)s[i]);
        wrong += got.len != want.len || memcmp(got.data, want.data, got.len) != 0;
    }
    CHECK_NUMBER(wrong, 0);
    buf_free(&got);
    buf_free(&want);
}

static void shows_nothing(void)
{
    struct buf got = {0};

    text_show(&got, "", 0, TEXT_PLAIN);
    text_show(&got, NULL, 0, TEXT_TSV); /* as an empty name out of a reply is */
    CHECK_NUMBER(got.len, 0);
    text_json(&got, NULL, 0);
    CHECK_BYTES(got.data, got.len, "\"\"");
    buf_free(&got);
}

static void writes_json(void)
{
    static const char *const rows[][2] = {
        {"", "\"\""},
        {"hello world", "\"hello world\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\t\n\r\b\001\177", "\"\\u0009\\u000a\\u000d\\u0008\\u0001\\u007f\""},
        {"\xc2\x85\u202e\u2069\u061c", "\"\\u0085\\u202e\\u2069\\u061c\""},
        {"\u2027\u2028\u2029\u202f", "\"\u2027\\u2028\\u2029\u202f\""},
        {"\u20ac\U0001f600", "\"\u20ac\U0001f600\""},
        {"a\xff", "[97,255]"},
        {"\xc3", "[195]"},
        {"ok \xed\xa0\x80", "[111,107,32,237,160,128]"},
    };
    struct buf got = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i][0];
        buf_clear(&got);
        text_json(&got, rows[i][0], strlen(rows[i][0]));
        buf_add(&got, "", 1);
        CHECK_TEXT(got.data, rows[i][1]);
    }
    buf_clear(&got);
    text_json(&got, "a\0b", 3);
    CHECK_BYTES(got.data, got.len, "\"a\\u0000b\"");
    buf_free(&got);
}

/* Bytes that are not UTF-8: each value there is, and more of them than are written in one go. */
static void writes_json_bytes(void)
{
    static const size_t sizes[] = {1, 2, 255, 256, 257, 4095, 4096, 4097, 8192, 8193};
    struct buf got = {0}, want = {0};
    char bytes[8193];

    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];

        buf_clear(&got);
        buf_clear(&want);
        buf_add_text(&want, "[");
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (char)(i * 7 + 255);
            buf_printf(&want, "%s%u", i ? "," : "", (unsigned char)bytes[i]);
        }
        buf_add_text(&want, "]");
        text_json(&got, bytes, n);
        CHECK_SAME(got.data, got.len, want.data, want.len);
    }
    buf_free(&got);
    buf_free(&want);
}

static void reads_tsv(void)
{
    static const char *const rows[][2] = {{"", ""}, {"abc", "abc"}, {"\\\\n", "\\n"},
        {"a\\tb\\nc\\rd", "a\tb\nc\rd"}, {"\\x41\\xfF\\xAb", "A\xff\xab"}, {"\\x5cn", "\\n"},
        {"\001\t\r\xff", "\001\t\r\xff"}};
    char text[32];
    size_t n;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i][0];
        n = strlen(rows[i][0]);
        memcpy(text, rows[i][0], n);
        CHECK_NUMBER(text_from_tsv(text, &n), 0);
        CHECK_SAME(text, n, rows[i][1], strlen(rows[i][1]));
    }
    unit_row = NULL;
    memcpy(text, "a\\0b\\x00\0", n = 9);
    CHECK_NUMBER(text_from_tsv(text, &n), 0);
    CHECK_BYTES(text, n, "a\0b\0\0");
}

static void refuses_bad_escapes(void)
{
    static const char *const bad[] = {"\\", "a\\", "\\\\\\", "\\q", "\\N", "\\x", "\\x4", "\\xg1",
        "\\x1g", "\\X41", "\\ ", "\\1", "\\u0041", "\\\t"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t n = strlen(bad[i]);
        char *exact = malloc(n); /* so that a read beyond it is seen */

        unit_row = bad[i];
        if (exact) {
            memcpy(exact, bad[i], n);
            CHECK_NUMBER(text_from_tsv(exact, &n), -1);
        }
        free(exact);
    }
}

/* Bytes that are likely to be next to each other in trouble. */
static size_t random_bytes(char *to, size_t most)
{
    static const char *const likely[] = {"\\", "\n", "\t", "\xc3\xa9", "\xe2\x80\xae", "\xed\xa0",
        "\xf0\x9f\x98\x80", "\xc2\x85", "\xe2\x80\xa8", "]", " [", "\\x41", "\x1b[1m"};
    size_t n = unit_random() % most, at = 0;

    while (at < n) {
        const char *some = likely[unit_random() % (sizeof likely / sizeof *likely)];

        if (unit_random() % 2 && at + strlen(some) <= n)
            for (; *some; some++)
                to[at++] = *some;
        else
            to[at++] = (char)unit_random();
    }
    return n;
}

static void round_trips_tsv(void)
{
    struct buf shown = {0};
    char bytes[64];

    for (int i = 0; i < 50000; i++) {
        size_t n = random_bytes(bytes, sizeof bytes), back;

        buf_clear(&shown);
        text_show(&shown, bytes, n, TEXT_TSV);
        back = shown.len;
        buf_reserve(&shown, 1);
        if (!CHECK(utf8_is_clean(shown.data, shown.len, "")))
            unit_print("shown", shown.data, shown.len);
        CHECK_NUMBER(text_from_tsv(shown.data, &back), 0);
        CHECK_SAME(shown.data, back, bytes, n);
    }
    buf_free(&shown);
}

static void is_always_clean(void)
{
    struct buf shown = {0};
    char bytes[64];

    for (int i = 0; i < 50000; i++) {
        enum text_style style = (enum text_style)(i % 3);

        buf_clear(&shown);
        text_show(&shown, bytes, random_bytes(bytes, sizeof bytes), style);
        if (!CHECK(utf8_is_clean(shown.data, shown.len, "\t")))
            unit_print("shown", shown.data, shown.len);
        if (shown.len > 0) {
            CHECK(style != TEXT_NAME || memchr(shown.data, ']', shown.len) == NULL);
            CHECK(style != TEXT_ROOM || memchr(shown.data, ' ', shown.len) == NULL);
            CHECK(style != TEXT_ROOM || memchr(shown.data, '[', shown.len) == NULL);
        }
    }
    buf_free(&shown);
}

/* Undo a JSON string or array of bytes, the plainest way. */
static void from_json(struct buf *to, const char *at)
{
    bool string = *at++ == '"';
    unsigned value;
    int used;

    while (!string && sscanf(at, "%u%n", &value, &used) == 1) {
        buf_add(to, &(char){(char)value}, 1);
        at += used + 1;
    }
    for (; string && *at != '"'; at++) {
        char utf8[4];

        if (*at == '\\' && at[1] == 'u' && sscanf(at + 2, "%4x", &value) == 1) {
            buf_add(to, utf8, utf8_encode(utf8, value));
            at += 5;
        } else {
            at += *at == '\\';
            buf_add(to, at, 1);
        }
    }
}

static void round_trips_json(void)
{
    struct buf shown = {0}, back = {0};
    char bytes[32];

    for (int i = 0; i < 50000; i++) {
        size_t n = i % 2 ? random_bytes(bytes, sizeof bytes)
                         : utf8_encode(bytes, unit_random() % 0x110000);

        buf_clear(&shown);
        buf_clear(&back);
        text_json(&shown, bytes, n);
        if (!CHECK(utf8_is_clean(shown.data, shown.len, "")))
            unit_print("shown", shown.data, shown.len);
        buf_add(&shown, "", 1);
        from_json(&back, shown.data);
        CHECK_SAME(back.data, back.len, bytes, n);
    }
    buf_free(&shown);
    buf_free(&back);
}

static void reads_escapes(void)
{
    size_t len = 9;

    CHECK_NUMBER(text_escape("n", 1, &len), '\n');
    CHECK_NUMBER(len, 1);
    CHECK_NUMBER(text_escape("0xyz", 4, &len), 0);
    CHECK_NUMBER(len, 1);
    CHECK_NUMBER(text_escape("xffz", 4, &len), 255);
    CHECK_NUMBER(len, 3);
    CHECK_NUMBER(text_escape("x0a", 3, &len), '\n');
    CHECK_NUMBER(text_escape("x0a", 2, &len), -1);
    CHECK_NUMBER(text_escape("x0g", 3, &len), -1);
    CHECK_NUMBER(text_escape("n", 0, &len), -1);
    CHECK_NUMBER(text_escape("", 1, &len), -1);
}

static void reads_hex(void)
{
    for (int c = -128; c < 128; c++) {
        const char *digits = "0123456789abcdef", *capitals = "0123456789ABCDEF";
        const char *at = c > 0 ? strchr(digits, c) : NULL, *up = c > 0 ? strchr(capitals, c) : NULL;

        CHECK_NUMBER(text_hex((char)c), at ? at - digits : up ? up - capitals : -1);
    }
}

UNIT_MAIN({"shows each byte in each style", shows_each_byte},
    {"shows UTF-8, and hides what is not", shows_utf8},
    {"shows each character there is", shows_each_character}, {"shows nothing", shows_nothing},
    {"writes JSON strings, or arrays of bytes", writes_json},
    {"writes any number of bytes as an array", writes_json_bytes}, {"reads TSV escapes", reads_tsv},
    {"refuses bad TSV escapes", refuses_bad_escapes},
    {"brings any bytes back from TSV", round_trips_tsv},
    {"shows any bytes as one clean line", is_always_clean},
    {"brings any bytes back from JSON", round_trips_json}, {"reads escapes", reads_escapes},
    {"reads hexadecimal digits", reads_hex})
