#include "common/wait.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNALS = sizeof signals / sizeof *signals };

/* Sleep no longer at a time: it fits into an int, and callers sleep again. */
enum { LONGEST_SLEEP_MS = 24 * 60 * 60 * 1000 };

static volatile sig_atomic_t armed, caught, continued;
static bool reported;  /* wait_signal() has returned `caught` */
static int awake = -1; /* readable once a signal is remembered, to end a sleep that begins then */

/* What wait_die() writes, and how long it waits to do so. */
static struct {
    int fd;
    const char *text;
} last;
enum { LAST_MS = 100 };

/* Process 1 of a container does not get signals without a handler, so this one is never removed. */
static void on_signal(int sig)
{
    int before = errno;

    if (!armed || caught)
        wait_die(sig);
    caught = sig;
    eventfd_write(awake, 1);
    errno = before;
}

static void on_continue(int sig)
{
    (void)sig;
    continued = 1;
}

int64_t wait_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void wait_begin(void)
{
    struct sigaction act = {.sa_handler = on_signal}, old;
    const struct sigaction resume = {.sa_handler = on_continue, .sa_flags = SA_RESTART};

    sigaction(SIGCONT, &resume, NULL); /* never restarts poll(2) */
    for (int i = 0; i < SIGNALS; i++) {
        /* A signal stays ignored if it was ignored from the start, as nohup ignores HUP. */
        if (sigaction(signals[i], NULL, &old) < 0 || old.sa_handler == SIG_IGN)
            continue;
        sigaction(signals[i], &act, NULL);
    }
}

void wait_arm(void)
{
    if (awake < 0)
        awake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    armed = 1;
}

int wait_signal(void)
{
    reported = caught != 0;
    return caught;
}

bool wait_continued(void)
{
    bool was = continued;

    continued = 0;
    return was;
}

int64_t wait_earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int wait_poll(struct pollfd *fds, nfds_t n, int64_t deadline)
{
    int64_t left = wait_earliest(deadline - wait_now(), LONGEST_SLEEP_MS);
    int ready;

    fds[n] = (struct pollfd){reported ? -1 : awake, POLLIN, 0};
    ready = poll(fds, n + 1, left > 0 ? (int)left : 0);
    if (ready > 0 && fds[n].revents)
        ready--;
    if (ready < 0 && errno == EINTR)
        ready = 0;
    for (nfds_t i = 0; ready <= 0 && i < n; i++)
        fds[i].revents = 0;
    return ready;
}

void wait_write_last(int fd, const char *text)
{
    last.fd = fd;
    last.text = text;
}

/* Write the last text. A terminal that takes nothing must not keep the program alive, and one that
 * stops processes in the background that write must not stop it. */
static void write_last(void)
{
    struct pollfd out = {last.fd, POLLOUT, 0};

    signal(SIGTTOU, SIG_IGN);
    if (poll(&out, 1, LAST_MS) > 0 && write(last.fd, last.text, strlen(last.text)) < 0)
        return;
}

void wait_die(int sig)
{
    sigset_t all;

    signal(sig, SIG_DFL);
    sigemptyset(&all);
    sigaddset(&all, sig);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    if (last.text)
        write_last();
    raise(sig);
    _exit(128 + sig);
}
