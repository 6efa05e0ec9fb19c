/*
 * chat-send's own. Layers: chat-send.c (options) over send.c (the loop) over send_input.c (input
 * into batches) and send_delivery.c (what is sent next). Below that: send_outcome.c (what became of
 * it), send_guard.c (receipts, and which is guarded), send_reply.c (what replies say),
 * send_request.c (what is asked), send_flight.c (batches under way), and the leaves: send_batch.c,
 * send_receipt.c, send_step.c (what can be decided without a server), send_lines.c.
 */
#ifndef CMD_SEND_H
#define CMD_SEND_H

#include "cmd/send_delivery.h"
#include "cmd/send_input.h"
#include "common/err.h"
#include "common/out.h"
#include "common/progress.h"
#include "common/session.h"

/* Zero it, fill in the settings, session and delivery, and start the input. */
struct sender {
    const struct send_settings *set;
    struct session *session; /* owned by the caller */
    struct delivery *delivery;
    struct send_input input;
    struct out out;           /* what -T and -i print */
    struct progress progress; /* what was delivered */
    char *asked_name;         /* owned; NULL: not asked */
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
