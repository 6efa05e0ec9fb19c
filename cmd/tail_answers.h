/*
 * --ack: what the program behind answers on standard input, line by line. A line begins with `ID`
 * or `room<TAB>ID`; what follows after another tab is ignored. The entry is done; with a dash
 * before the ID it failed; with a `+` after the ID it continues in the next row, whose answer
 * counts.
 */
#ifndef CMD_TAIL_ANSWERS_H
#define CMD_TAIL_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/entry.h"
#include "common/id.h"

struct tail_answered_id {
    bool found; /* otherwise the others mean nothing */
    struct id id;
    bool failed, goes_on;
};

/* A line, which may begin with an ID, or with a room and an ID. If both are possible, because the
 * name of the room looks like an ID, the caller has to choose. Neither: it is malformed. */
struct tail_answer {
    struct tail_answered_id first, second;
    struct span room; /* before the second; lives as long as the line */
};

/* Parse a line without its newline. The escapes of the room are decoded within `line`. */
void tail_answer_parse(char *line, size_t n, struct tail_answer *a);

/* Splits a stream of bytes into lines, and keeps their heads only. Zero it; release it with
 * tail_answers_free(). */
struct tail_answers {
    struct buf line; /* private: the head of the current line */
    bool skips;      /* private: its head is complete: ignore the rest */
};

/* Take bytes, and pass on each line that is complete now. */
typedef void tail_answered_line(void *context, const struct tail_answer *a);
void tail_answers_feed(
    struct tail_answers *s, const char *bytes, size_t n, tail_answered_line *each, void *context);

void tail_answers_free(struct tail_answers *s);

#endif
