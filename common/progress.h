/* The line of --progress, and the summary of -v. */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    uint64_t messages, bytes; /* so far; the caller counts them */

    /* Private. */
    int64_t started, shown; /* wait_now() */
    uint64_t messages_shown;
    bool on;
};

/* Begin to count. `on`: show the line. */
void progress_start(struct progress *p, bool on);

/* When the line is due next: a deadline for wait_poll(). */
int64_t progress_due(const struct progress *p);

/* Rewrite the line on standard error, if it is due and nobody is typing on the terminal. */
void progress_show(struct progress *p);

/* Show the line for the last time and end it; with -v, print the summary. */
void progress_end(struct progress *p);

#endif
