/*
 * chat-send's main loop. The layers, from top to bottom: chat-send.c (options), send.c (the loop),
 * send_input.c (input into batches) and send_delivery.c (what to send next), send_outcome.c (what
 * became of it), send_guard.c (receipts, and which one is guarded), send_reply.c (what replies
 * say), send_request.c (commands, and which reply is whose), send_flight.c (the batches in flight),
 * and the leaves: send_batch.c, send_receipt.c, send_step.c (decisions that need no server) and
 * send_lines.c.
 */
#ifndef CMD_SEND_H
#define CMD_SEND_H

#include "cmd/send_delivery.h"
#include "cmd/send_input.h"
#include "common/err.h"
#include "common/out.h"
#include "common/progress.h"
#include "common/session.h"

/* Zero it, fill in `set`, `session` and `delivery`, and start the input; release with send_free().
 */
struct sender {
    const struct send_settings *set;
    struct session *session; /* owned by the caller */
    struct delivery *delivery;
    struct send_input input;
    struct out out;           /* what -T and -i print */
    struct progress progress; /* of what was delivered */
    char *asked_name;         /* what the user typed as the name, owned; or NULL */
};

/*
 * Deliver all input, or up to a signal what was read by then. Returns 0, or -1 with `*e`, which
 * says how much was delivered and which line is the first that was not.
 */
int send_run(struct sender *s, struct err *e);

/*
 * Ask on standard error for the name to send as, offering `login`, and read it from `lines`.
 * Returns a new string, or NULL for an empty answer or at the end of input.
 */
char *send_ask_name(struct lines *lines, const char *login);

/* Release all but the session. */
void send_free(struct sender *s);

#endif
