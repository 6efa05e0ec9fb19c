/*
 * Escaping bytes so that a line stays a line, in plain text, TSV and JSON; and decoding TSV.
 *
 * All of these escape C0 controls (except tab in plain text), DEL, C1 controls (which include the
 * line end U+0085), the line ends U+2028 and U+2029, the bidirectional controls U+061C, U+200E,
 * U+200F, U+202A-202E and U+2066-2069, and bytes that are not UTF-8 (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF). So the output is always valid UTF-8 that no terminal
 * obeys, and one line to any program that reads lines.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum text_style {
    TEXT_PLAIN, /* escaped bytes as \xHH, newline as \n, return as \r; a backslash stays as it is */
    TEXT_NAME,  /* as plain, and escapes `[` and `]`, which enclose a name in `[name]: text` */
    TEXT_ROOM,  /* as plain, and escapes space and `[`, which end a room in `room [name]: text` */
    TEXT_TSV    /* reversible: as plain, and tab as \t, backslash as \\ (as jq's @tsv) */
};

/* Append `n` bytes of `s`, escaped in `style`. */
void text_show(struct buf *to, const char *s, size_t n, enum text_style style);

/*
 * Append a room's name as TEXT_TSV, for the first column of a row. U+FEFF at its beginning is
 * escaped too: at the beginning of a file it would look like a byte order mark.
 */
void text_show_room(struct buf *to, const char *s, size_t n);

/*
 * Append the JSON string (RFC 8259) for `s`, with its quotes; characters are escaped as \uXXXX. If
 * `s` is not UTF-8, append an array of byte values instead, as journalctl does.
 */
void text_json(struct buf *to, const char *s, size_t n);

/*
 * Decode TEXT_TSV, and jq's \0, in place; `*n` becomes the new length. Returns 0, or -1 if there is
 * another escape or a lone backslash, in which case the bytes are unspecified.
 */
int text_from_tsv(char *s, size_t *n);

/*
 * Decode an escape. `s` is what follows the backslash, and must begin with one of \\ t n r 0 xHH,
 * whose length becomes `*len`. Returns the byte, or -1 if it is not an escape.
 */
int text_escape(const char *s, size_t n, size_t *len);

/*
 * Decode the character that `n` bytes, at least one, begin with. Returns its length, and its code
 * point in `*point`: 1 and U+FFFD if it is not UTF-8.
 */
size_t text_character(const char *s, size_t n, uint32_t *point);

/* The value of a hexadecimal digit, or -1. */
int text_hex(char c);

#endif
