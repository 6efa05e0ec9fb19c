/* wait: signals that come before it is known that they came. */
#include "common/wait.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A look without sleeping may be what meets the signal first: the sleep behind it must not forget
 * it. */
static void remembers_a_signal(void)
{
    struct pollfd none[1];
    int64_t before = wait_now();

    signal(SIGHUP, SIG_IGN); /* as nohup does */
    wait_begin();
    wait_arm();
    raise(SIGTERM);
    CHECK_NUMBER(wait_poll(none, 0, 0), 0);
    CHECK_NUMBER(wait_poll(none, 0, before + 20000), 0);
    CHECK(wait_now() < before + 10000);
    CHECK_NUMBER(wait_signal(), SIGTERM);
    wait_poll(none, 0, wait_now() + 50); /* asked for: from here on it sleeps again */
    CHECK(wait_now() >= before + 50);
}

/* How a child ends that handles signals from the start, is armed or not, and gets some of them. */
static int end_of_child(bool arm, int signals)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        wait_begin();
        if (arm)
            wait_arm();
        for (int i = 0; i < signals; i++)
            raise(SIGTERM);
        _exit(wait_signal() == SIGTERM);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void kills_at_once_or_the_second_time(void)
{
    CHECK_NUMBER(end_of_child(false, 1), -SIGTERM);
    CHECK_NUMBER(end_of_child(true, 1), 1);
    CHECK_NUMBER(end_of_child(true, 2), -SIGTERM);
}

static void leaves_ignored_signals(void)
{
    struct sigaction act;

    CHECK(sigaction(SIGHUP, NULL, &act) == 0 && act.sa_handler == SIG_IGN);
}

static void reports_once_that_it_continues(void)
{
    CHECK(!wait_continued());
    raise(SIGCONT); /* whether it was stopped before makes no difference */
    CHECK(wait_continued());
    CHECK(!wait_continued());
}

static void finds_the_earlier(void)
{
    CHECK_NUMBER(wait_earliest(1, WAIT_FOREVER), 1);
    CHECK_NUMBER(wait_earliest(2, 1), 1);
}

static void says_when_it_cannot_wait(void)
{
    struct pollfd fds[8 + 1];
    struct rlimit few, before;

    for (int i = 0; i < 8; i++)
        fds[i] = (struct pollfd){-1, POLLIN, POLLIN};
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = 8;
    setrlimit(RLIMIT_NOFILE, &few);
    CHECK_NUMBER(wait_poll(fds, 8, WAIT_FOREVER), -1);
    CHECK_NUMBER(errno, EINVAL);
    CHECK_NUMBER(fds[7].revents, 0);
    CHECK_NUMBER(wait_poll(fds, 7, 0), 0);
    setrlimit(RLIMIT_NOFILE, &before);
}

UNIT_MAIN({"a signal kills at once until armed, and then the second one",
              kills_at_once_or_the_second_time},
    {"remembers a signal until asked for it", remembers_a_signal},
    {"leaves ignored signals ignored", leaves_ignored_signals},
    {"reports once that it continues", reports_once_that_it_continues},
    {"finds the earlier deadline", finds_the_earlier},
    {"says when it cannot wait", says_when_it_cannot_wait})
