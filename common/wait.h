/*
 * Sleeping until a descriptor is ready, a time has come, or a signal has come.
 *
 * From wait_begin() on, INT, TERM and HUP end the program, even as process 1 of a container. After
 * wait_arm() the first of them is only remembered, so that what was read can be delivered; the next
 * one ends the program.
 */
#ifndef COMMON_WAIT_H
#define COMMON_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* The deadline that never comes. Others are times of wait_now(). */
#define WAIT_FOREVER INT64_MAX

/* Milliseconds on a clock that is never set, and that runs while the machine is suspended. */
int64_t wait_now(void);

/* The earlier of two deadlines. */
int64_t wait_earliest(int64_t a, int64_t b);

/* Handle the signals, except those that are ignored. Call it once, before anything else. */
void wait_begin(void);

/* Remember the next signal from now on. Calling it again does nothing. */
void wait_arm(void);

/* The signal that was remembered, or 0. Until this has returned it, wait_poll() does not sleep. */
int wait_signal(void);

/* Whether the process was stopped and has continued (SIGCONT) since the last call. wait_poll()
 * returns when it continues. */
bool wait_continued(void);

/*
 * Sleep until a descriptor is ready as for poll(2), the deadline has passed, or a signal came.
 * `fds` has room for one more than the `n` to wait for, which is used for the signals. Returns the
 * number of ready descriptors, which may be 0; -1 with errno when it cannot wait, for example for
 * more descriptors than the process may have.
 */
int wait_poll(struct pollfd *fds, nfds_t n, int64_t deadline);

/*
 * From now on, wait_die() first writes this text to `fd`, to restore a terminal, unless that would
 * block. The text is not copied.
 */
void wait_write_last(int fd, const char *text);

/*
 * End the program by the signal, as if it had never been caught; or with status 128 + `sig` if the
 * signal has no effect, as in process 1. Signal handlers may call it.
 */
void wait_die(int sig) __attribute__((noreturn));

#endif
