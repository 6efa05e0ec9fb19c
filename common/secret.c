#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"

enum { LINE_SIZE = 4096 }; /* the kernel limits a typed line to that */

/* The first line of `in` as a new string; NULL if it is empty or cannot be read. */
static char *read_line(FILE *in)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, in);

    if (n > 0)
        line[strcspn(line, "\r\n")] = 0;
    if (n <= 0 || line[0] == 0) {
        free(line);
        line = NULL;
    }
    return line;
}

/* The signals that would end or stop the program now: neither blocked nor ignored. */
static void acting_signals(const sigset_t *blocked, sigset_t *to)
{
    static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
    struct sigaction act;

    sigfillset(to);
    for (int sig = 1; sig < NSIG; sig++)
        if (sigismember(blocked, sig) == 1
            || (sigaction(sig, NULL, &act) == 0 && act.sa_handler == SIG_IGN))
            sigdelset(to, sig);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        sigdelset(to, harmless[i]);
}

/* Wait until the terminal is ready or a signal has come. Returns the signal, or 0. */
static int wait_for(int tty, short events, int signals)
{
    struct pollfd fds[] = {{signals, POLLIN, 0}, {tty, events, 0}};
    struct signalfd_siginfo info;

    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    if (fds[0].revents && read(signals, &info, sizeof info) == sizeof info)
        return (int)info.ssi_signo;
    return 0;
}

/* Show the prompt and read a line into `to`, which is empty if there is none. Returns the signal
 * that came instead, or 0. */
static int converse(int tty, int signals, char to[LINE_SIZE])
{
    static const char prompt[] = "password: ";
    ssize_t n = -1;
    int sig = wait_for(tty, POLLOUT, signals);

    if (sig == 0 && write(tty, prompt, sizeof prompt - 1) < 0)
        return 0;
    while (sig == 0 && n < 0 && (sig = wait_for(tty, POLLIN, signals)) == 0)
        if ((n = read(tty, to, LINE_SIZE - 1)) < 0 && errno != EAGAIN)
            break;
    to[n > 0 ? n : 0] = 0;
    to[strcspn(to, "\r\n")] = 0;
    return sig;
}

/*
 * Ask once, with echo off. Signals are blocked from before echo goes off until after it is back on,
 * so that none is lost, and the terminal is restored before one acts. Returns the signal that came,
 * or 0; -1 if the terminal cannot be used.
 */
static int ask(int tty, char to[LINE_SIZE])
{
    sigset_t before, held;
    struct termios shown, hidden;
    int signals, sig;

    /* A process in the background is stopped here until it is in the foreground. */
    if (tcgetattr(tty, &shown) < 0 || tcsetattr(tty, TCSANOW, &shown) < 0)
        return -1;
    sigprocmask(SIG_BLOCK, NULL, &before);
    acting_signals(&before, &held);
    signals = signalfd(-1, &held, SFD_CLOEXEC);
    if (signals < 0)
        return -1;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    sigprocmask(SIG_BLOCK, &held, NULL);
    tcsetattr(tty, TCSANOW, &hidden);
    tcflush(tty, TCIFLUSH);
    sig = converse(tty, signals, to);
    tcflush(tty, TCIFLUSH);
    tcsetattr(tty, TCSANOW, &shown);
    close(signals);
    if (write(tty, "\n", 1) < 0) {
        /* The terminal is gone, and reading has failed too. */
    }
    if (sig > 0)
        raise(sig); /* acts once it is unblocked */
    sigprocmask(SIG_SETMASK, &before, NULL);
    return sig;
}

char *secret_ask(struct err *e)
{
    int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    char typed[LINE_SIZE] = "", *line = NULL;

    if (tty < 0) {
        err_set(e, EXIT_USAGE,
            "--askpass needs a terminal; in scripts use --pass-file or $REDISCLI_AUTH");
        return NULL;
    }
    /* Ask again after a signal that only stopped the program. */
    while (ask(tty, typed) > 0) {
    }
    close(tty);
    if (typed[0] == 0)
        err_set(e, EXIT_USAGE, "--askpass: no password was typed");
    else if ((line = strdup(typed)) == NULL)
        buf_no_memory();
    explicit_bzero(typed, sizeof typed);
    return line;
}

/* Whether the file is standard input, by whatever name it was opened. */
static bool is_standard_input(FILE *in)
{
    struct stat file, input;

    return fstat(fileno(in), &file) == 0 && fstat(STDIN_FILENO, &input) == 0
           && file.st_dev == input.st_dev && file.st_ino == input.st_ino;
}

char *secret_from_file(const char *path, bool input_is_data, struct err *e)
{
    FILE *in = fopen(path, "re");
    bool refused = in && input_is_data && is_standard_input(in);
    char *line = in && !refused ? read_line(in) : NULL;

    if (refused)
        err_set(e, EXIT_USAGE,
            "--pass-file: standard input is read for messages or answers; use another file");
    else if (in == NULL || ferror(in))
        err_set(e, EXIT_USAGE, "--pass-file: cannot read %s: %s", path, strerror(errno));
    else if (line == NULL)
        err_set(e, EXIT_USAGE, "--pass-file: the first line of %s is empty", path);
    if (in)
        fclose(in);
    return line;
}
