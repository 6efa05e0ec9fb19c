/*
 * How bytes are written so that a line stays a line: plain, TSV and JSON, and TSV read back.
 *
 * Hidden everywhere: C0 controls (but tab in plain), DEL, C1 controls (U+0085, a line end, among
 * them), the line ends U+2028 and U+2029, the bidirectional controls U+061C, U+200E, U+200F,
 * U+202A-202E and U+2066-2069, and bytes that are not UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). What is written is therefore always valid UTF-8 that no
 * terminal obeys, and one line to any program that reads lines.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum text_style {
    TEXT_PLAIN, /* hidden bytes as \xHH, newline as \n, return as \r; a backslash stays one */
    TEXT_NAME,  /* as plain, and `[` and `]` hidden: they enclose a name in `[name]: text` */
    TEXT_ROOM,  /* as plain, and space and `[` hidden: they end a room in `room [name]: text` */
    TEXT_TSV    /* reversible: as plain, and tab as \t, backslash as \\ (as jq's @tsv) */
};

/* Append `n` bytes of `s`, written in `style`. */
void text_show(struct buf *to, const char *s, size_t n, enum text_style style);

/*
 * Append a room's name as TEXT_TSV, for the first column of a row. A U+FEFF at its head is hidden
 * too: what begins with the row would otherwise begin with what looks like a byte order mark.
 */
void text_show_room(struct buf *to, const char *s, size_t n);

/*
 * Append the JSON string (RFC 8259) for `s`, quotes included; hidden characters as \uXXXX. Bytes
 * that are not UTF-8 are given as an array of byte values, the way journalctl does.
 */
void text_json(struct buf *to, const char *s, size_t n);

/*
 * Undo TEXT_TSV, and jq's \0, in place: `*n` becomes the new, never larger, length. Bytes that need
 * no escape are themselves. Returns -1 (bytes unspecified) at any other escape or a lone backslash.
 */
int text_from_tsv(char *s, size_t *n);

/*
 * The byte that an escape stands for: the `n` bytes at `s`, behind the backslash, begin with one of
 * \\ t n r 0 xHH. Puts its length there in `*len`. -1 if they do not.
 */
int text_escape(const char *s, size_t n, size_t *len);

/*
 * The length of the character at the head of `n` bytes, of which there is one at least, and its
 * code point in `*point`: 1 and U+FFFD if they are not UTF-8.
 */
size_t text_character(const char *s, size_t n, uint32_t *point);

/* The value of a hexadecimal digit, or -1. */
int text_hex(char c);

#endif
