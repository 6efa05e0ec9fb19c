/*
 * The one place where a program sleeps, and what may wake it: descriptors, time, signals.
 *
 * From wait_begin() on, INT, TERM and HUP end the program, also where it is process 1 of a
 * container. After wait_arm() the first of them is only remembered, so that what was read can be
 * delivered; the next one kills.
 */
#ifndef COMMON_WAIT_H
#define COMMON_WAIT_H

#include <poll.h>
#include <stdint.h>

/* A deadline, or "never": milliseconds of wait_now(). */
#define WAIT_FOREVER INT64_MAX

/* Milliseconds on a clock that nobody sets, and that goes on while the machine is suspended. */
int64_t wait_now(void);

/* The earlier of two deadlines. */
int64_t wait_earliest(int64_t a, int64_t b);

/* Handle the signals, except those that are ignored. To be called first of all, and once. */
void wait_begin(void);

/* Remember the next signal from now on. Calling it again does nothing. */
void wait_arm(void);

/* The signal that came, or 0. Until it was asked for, wait_poll() does not sleep. */
int wait_signal(void);

/*
 * Sleep until a descriptor is ready, as poll(2), the deadline has passed or a signal came. Returns
 * the number of ready descriptors; 0 if none is; -1 with errno when it cannot wait, as for more
 * descriptors than the process may have.
 */
int wait_poll(struct pollfd *fds, nfds_t n, int64_t deadline);

/*
 * From now on, wait_die() writes this text first if the terminal takes it, to leave the terminal as
 * it was. The text is not copied.
 */
void wait_write_last(int fd, const char *text);

/*
 * End the program by the signal, as if it had never been caught; with status 128 + `sig` where the
 * signal does nothing, as in process 1. A signal handler may call it.
 */
void wait_die(int sig) __attribute__((noreturn));

#endif
