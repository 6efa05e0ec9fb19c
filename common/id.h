/* Entry IDs: `ms-seq`, two 64-bit numbers, ordered (Redis Streams, "Entry IDs"). */
#ifndef COMMON_ID_H
#define COMMON_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct id {
    uint64_t ms;  /* when the entry was added: milliseconds since 1970, by the server's clock */
    uint64_t seq; /* counts up within a millisecond */
};

#define ID_LEAST ((struct id){0, 0}) /* below every entry */
#define ID_MOST ((struct id){UINT64_MAX, UINT64_MAX})

/* Room for the digits of the largest number; for the longest ID as text, and its NUL. */
enum { ID_DIGITS = 20, ID_TEXT = 2 * ID_DIGITS + 2 };

/* Parse `n` bytes as `ms-seq`. Returns 0, or -1 and leaves `*id` alone if they are not an ID. */
int id_parse(const char *s, size_t n, struct id *id);

/* Parse `n` bytes as an unsigned decimal number. Returns 0, or -1 and leaves `*number` alone if
 * they are not one or it is too large. */
int id_number(const char *s, size_t n, uint64_t *number);

/* Write the number's decimal digits without a NUL, at most ID_DIGITS. Returns how many. This is
 * faster than printf(3), and every word and ID that is sent needs it. */
size_t id_digits(char *to, uint64_t number);

/* Write the ID as text with a NUL. Returns the length without the NUL. */
size_t id_print(char to[ID_TEXT], struct id id);

/* Negative if `a` is less than `b`, 0 if they are equal, positive if `a` is greater. */
int id_compare(struct id a, struct id b);

/* The greatest ID below `id`, or ID_LEAST for ID_LEAST. */
struct id id_before(struct id id);

#endif
