/*
 * chat-send's own. Layers: chat-send.c (options) over send.c (the loop) over send_input.c (input
 * into batches) and send_window.c and send_answers.c (batches until the server has them), the
 * window over send_wire.h (one batch to the server and back), and all over send_batch.c (entries in
 * batches).
 */
#ifndef CMD_SEND_H
#define CMD_SEND_H

#include "cmd/send_input.h"
#include "cmd/send_window.h"
#include "common/err.h"

/* Zero it, fill in what the window wants and the settings, and start the input. */
struct sender {
    const struct send_settings *set;
    struct send_input input;
    struct window window;
    char *asked_name; /* owned; NULL: not asked */
};

/*
 * Deliver all input. -1 with `*e`, which says how much was delivered and which line was the first
 * that was not, when that was not possible. Either way a signal may have ended it.
 */
int send_run(struct sender *s, struct err *e);

/*
 * Ask on standard error for the name to send as, and read it from `lines`. A new string; NULL for
 * an empty answer or at the end of input.
 */
char *send_ask_name(struct lines *lines, const char *login);

void send_free(struct sender *s);

#endif
