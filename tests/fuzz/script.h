/*
 * A server that says what a script has, whatever it is asked, in place of common/link.c; and a
 * clock, in place of common/wait.c, that stands still but while there is nothing to do. So a whole
 * program runs within a call, and each reply goes to whoever asked.
 *
 * A script is one item of a reply a line, in RESP, with `$` and the bytes themselves for a string,
 * `_` for nil, and `~` where the connection dies; the next one goes on behind that. The first line
 * holds letters for what the program is to do.
 */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include <stdbool.h>

#include "common/route.h"
#include "tests/fuzz/fuzz.h"

/* Standard input, and what was written to the other two. */
extern struct buf script_in, script_out, script_err;

/* Whether the script's first line has the letter. Those that all programs know: `c`, the server is
 * a node of a cluster; `y`, Sentinels are asked for it; `z`, it is far away; `q`, TERM comes. */
bool script_has(char letter);

/* Begin a script; the route becomes the way to its server. */
void script_begin(const uint8_t *data, size_t size, struct route *route);

/* How many entries can be in, at most, by what was said: an ID or an empty list may mean one, a
 * receipt as many as it counts. */
uint64_t script_said(void);

/* The program has ended, and says why if `e` is an error. What it said holds nothing that drives a
 * terminal. */
void script_end(struct route *route, const struct err *e);

#endif
