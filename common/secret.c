#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void catch (int sig)
{
    caught = sig;
}

/* The first line of `in` as a new string; NULL if it is empty, or at an error or a signal. */
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

/* Read a line with the terminal's echo off, handing a signal on only once the echo is back. */
static char *read_hidden(FILE *tty)
{
    static const char prompt[] = "password: ";
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    enum { SIGNALS = sizeof signals / sizeof *signals };
    struct sigaction old[SIGNALS], act = {.sa_handler = catch};
    struct termios shown, hidden;
    char *line = NULL;

    if (tcgetattr(fileno(tty), &shown) < 0)
        return NULL;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &act, &old[i]);
    tcsetattr(fileno(tty), TCSAFLUSH, &hidden);
    if (write(fileno(tty), prompt, sizeof prompt - 1) > 0)
        line = read_line(tty);
    tcsetattr(fileno(tty), TCSAFLUSH, &shown);
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &old[i], NULL);
    return line;
}

char *secret_ask(struct err *e)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    FILE *tty = fd < 0 ? NULL : fdopen(fd, "r");
    char *line;

    if (tty == NULL) {
        err_set(e, EXIT_USAGE,
            "--askpass needs a terminal; in scripts use --pass-file or $REDISCLI_AUTH");
        return NULL;
    }
    line = read_hidden(tty);
    if (write(fd, "\n", 1) < 0 || line == NULL)
        err_set(e, EXIT_USAGE, "--askpass: no password was typed");
    fclose(tty);
    if (caught)
        raise(caught);
    return line;
}

char *secret_from_file(const char *path, struct err *e)
{
    FILE *in = fopen(path, "re");
    char *line = in ? read_line(in) : NULL;

    if (in == NULL || ferror(in))
        err_set(e, EXIT_USAGE, "--pass-file: cannot read %s: %s", path, strerror(errno));
    else if (line == NULL)
        err_set(e, EXIT_USAGE, "--pass-file: the first line of %s is empty", path);
    if (in)
        fclose(in);
    return line;
}
