/* How far it is: the line of --progress, and the closing words of -v. */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    uint64_t messages, bytes; /* so far; count them here */
    int64_t started, shown;   /* wait_now() */
    uint64_t messages_shown;
    bool on; /* --progress was given */
};

void progress_start(struct progress *p, bool on);

/* When progress_show() has something to do next: a deadline for wait_poll(). */
int64_t progress_due(const struct progress *p);

/* Rewrite the line on standard error, if it is due, unless lines are shown above that one now. */
void progress_show(struct progress *p);

/* Show the last state and end the line; with -v say the sum. */
void progress_end(struct progress *p);

#endif
