/* How messages are printed in each format, and how a TSV row is parsed. */
#ifndef COMMON_FORMAT_H
#define COMMON_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/entry.h"
#include "common/err.h"

enum format_kind {
    FORMAT_PLAIN,
    FORMAT_RAW,
    FORMAT_TSV,
    FORMAT_JSON,
    FORMAT_ENTRIES, /* JSON: one object for each entry, with all its messages */
    FORMAT_NULL,
    FORMAT_CUSTOM
};

/* Zeroed, it is plain without rooms, times and colours. Release with format_free(). */
struct format {
    enum format_kind kind;
    bool rooms;       /* plain and raw: the room before each line */
    bool colour;      /* plain and raw: names in colours */
    bool times;       /* plain and raw: the time before each line */
    bool shown;       /* for a terminal. plain: texts keep their lines; custom: data as in plain */
    const char *time; /* strftime(3) format of times; NULL: ISO 8601 with offset */
    const char *custom; /* FORMAT_CUSTOM: checked by format_check() */

    /* Private. */
    struct buf
        time_text; /* the last time, as most messages share their second with the one before */
    uint64_t time_second;
};

/* Check a custom format: %r %i %n %t %T %s %% \n \t \r \0 \\ \xHH. Fails with EXIT_USAGE. */
int format_check(const char *custom, struct err *e);

/* Whether a custom format shows IDs. */
bool format_shows_ids(const char *custom);

/* Append the first message of an entry that is printed, with its line end. */
void format_message(struct format *f, struct buf *to, const struct entry_message *m);

/*
 * Append another message of the same entry. The message before it begins at `row` in `to`, and ends
 * where `to` ends. FORMAT_TSV adds a `+` to the ID in that row, because its entry continues in the
 * next row; FORMAT_ENTRIES adds the message to the same object. Returns where this message begins,
 * which is the `row` of the next call.
 */
size_t format_another(struct format *f, struct buf *to, size_t row, const struct entry_message *m);

/* Whether an entry must be printed whole, because a part of it would look like all of it. */
bool format_keeps_entries(const struct format *f);

/* Append a time, given in milliseconds since 1970, in the format `time`. */
void format_time(struct format *f, struct buf *to, uint64_t ms);

/*
 * Parse a row of FORMAT_TSV without its newline. Escapes are decoded in place, so the bytes of `*m`
 * lie in `row`; `key` is not set. Returns NULL, or what is wrong with the row.
 */
const char *format_parse_tsv(char *row, size_t n, struct entry_message *m);

/* Release what it holds. */
void format_free(struct format *f);

#endif
