#include "common/err.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void shows_a_hint_whole(void)
{
    static const char hint[] = "see --askpass, --pass-file and $REDISCLI_AUTH";
    struct err e;

    err_set(&e, EXIT_REFUSED, "%0600d", 0);
    err_hint(&e, hint);
    CHECK(strstr(e.text, hint) != NULL);
    err_add(&e, "; gave up after 60 s; 18446744073709551615 messages delivered");
    CHECK(strstr(e.text, "messages delivered") != NULL);
}

static void keeps_the_first_hint(void)
{
    struct err e;

    err_set(&e, EXIT_REFUSED, "no");
    err_hint(&e, "ask");
    err_hint(&e, "go away");
    CHECK_TEXT(e.text, "no; ask");
    err_set(&e, EXIT_REFUSED, "never");
    err_hint(&e, "go away");
    CHECK_TEXT(e.text, "never; go away");
}

/* Read all of a pipe, once it is full or all who write have ended. Returns how many lines came. */
static int read_late(int fd)
{
    char bytes[4096];
    int in_it = 0, lines = 0, size = fcntl(fd, F_GETPIPE_SZ);
    struct pollfd pipe = {fd, POLLIN, 0};
    ssize_t n;

    do
        poll(&pipe, 1, -1);
    while (ioctl(fd, FIONREAD, &in_it) == 0 && in_it + 200 < size && !(pipe.revents & POLLHUP));
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            lines += bytes[i] == '\n';
    return lines;
}

/* Another program has made non-blocking what is shared with it, and whoever reads is slow. */
static void waits_for_a_slow_reader(void)
{
    enum { LINES = 200 };
    int ends[2], standard = dup(STDERR_FILENO), status = 0;
    pid_t reader;

    CHECK_NUMBER(pipe(ends), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    if ((reader = fork()) == 0) {
        close(ends[1]);
        _exit(read_late(ends[0]));
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < LINES; i++)
        err_say(ERR_ALWAYS, "%0100d", i);
    dup2(standard, STDERR_FILENO);
    close(standard);
    waitpid(reader, &status, 0);
    CHECK_NUMBER(WEXITSTATUS(status), LINES);
}

UNIT_MAIN({"shows a hint whole, and what is added later", shows_a_hint_whole},
    {"keeps the first hint", keeps_the_first_hint},
    {"waits for a slow reader of standard error", waits_for_a_slow_reader})
