/* How a message becomes output, in each format, and how a TSV row becomes a message again. */
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
    FORMAT_ENTRIES, /* JSON: an object for each entry, all its messages in it */
    FORMAT_NULL,
    FORMAT_CUSTOM
};

/* Zero it and set what differs from: plain, no rooms, no times, no colours. */
struct format {
    enum format_kind kind;
    bool rooms;         /* plain and raw: the room before each line */
    bool colour;        /* plain and raw: names in colours */
    bool times;         /* plain and raw: the time before each line */
    bool shown;         /* for a terminal: in plain, texts in lines; custom: data as in plain */
    const char *time;   /* strftime(3) format of times; NULL: ISO 8601 with offset */
    const char *custom; /* FORMAT_CUSTOM: checked by format_check() */

    /* Private: the last time written; most messages share their second with the one before. */
    struct buf time_text;
    uint64_t time_second;
};

/* Check a custom format: %r %i %n %t %T %s %% \n \t \r \0 \\ \xHH. Fails with EXIT_USAGE. */
int format_check(const char *custom, struct err *e);

/* Whether it shows IDs. */
bool format_shows_ids(const char *custom);

/* Append the first message that is shown of an entry, its line end included. */
void format_message(struct format *f, struct buf *to, const struct entry_message *m);

/*
 * Append another message of the same entry. What was printed of the one before begins at `row` in
 * `to` and ends where `to` does: with FORMAT_TSV its ID gets a `+`, since its entry goes on in the
 * next row, and with FORMAT_ENTRIES the message goes into the same object. Returns where what was
 * printed of this message begins, the `row` of the next call.
 */
size_t format_another(struct format *f, struct buf *to, size_t row, const struct entry_message *m);

/* Whether a part of an entry would pass for all of it, so that it must be printed whole. */
bool format_keeps_entries(const struct format *f);

/* Append a time, in milliseconds since 1970, as `time` says. */
void format_time(struct format *f, struct buf *to, uint64_t ms);

/*
 * Read a TSV row, without its newline, as FORMAT_TSV writes it, undoing the escapes in place. The
 * bytes of `*m` lie in `row`; `key` is not set. Returns NULL, or what is wrong with the row.
 */
const char *format_parse_tsv(char *row, size_t n, struct entry_message *m);

void format_free(struct format *f);

#endif
