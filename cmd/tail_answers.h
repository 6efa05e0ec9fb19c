/*
 * --ack: what the program behind says on standard input, line by line. `ID` or `room<TAB>ID`, with
 * anything behind another tab, is done; with a dash before the ID, it failed; with a `+` behind it
 * the entry goes on in the next row, which is answered instead.
 */
#ifndef CMD_TAIL_ANSWERS_H
#define CMD_TAIL_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/entry.h"
#include "common/id.h"

struct tail_answer {
    bool malformed;   /* there is no ID: nothing else is set */
    bool first_is_id; /* the line may begin with a bare ID: */
    struct id bare;
    bool bare_failed, bare_goes_on;
    bool second_is_id; /* the line may begin with a room and an ID: */
    struct span room;  /* which lives only during the call */
    struct id id;
    bool failed, goes_on;
};

/* Read a line, without its newline; `line` is written to, where the room has escapes. A room's name
 * may look like an ID, so that both readings may be possible: which it is, the caller must know. */
void tail_answer_parse(char *line, size_t n, struct tail_answer *a);

/* The lines of a stream of bytes, of which only the head matters. Zero it; tail_answers_free(). */
struct tail_answers {
    struct buf line; /* private: the head of a line that is not whole */
    bool skips;      /* private: the rest of it does not matter */
};

/* Take bytes; each line that is whole now is passed on. */
typedef void tail_answered_line(void *context, const struct tail_answer *a);
void tail_answers_feed(
    struct tail_answers *s, const char *bytes, size_t n, tail_answered_line *each, void *context);

void tail_answers_free(struct tail_answers *s);

#endif
