#include "common/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The output of about one reply: write it while the server works on the next. */
enum { PLENTY = 1024 * 1024 };

void out_prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    /* open() takes the lowest free number. Reading 0, and writing 1 and 2, must still fail, so each
     * is opened for the opposite. */
    while (fcntl(STDIN_FILENO, F_GETFD) < 0 || fcntl(STDOUT_FILENO, F_GETFD) < 0
           || fcntl(STDERR_FILENO, F_GETFD) < 0)
        if (open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY) < 0)
            return;
}

bool out_commit(struct out *o)
{
    o->whole = o->buf.len;
    if (o->whole < PLENTY)
        return false;
    out_flush(o);
    return true;
}

void out_rollback(struct out *o)
{
    o->buf.len = o->whole;
}

/* How much may be written now. Other processes share the descriptor, so it must stay blocking; but
 * a pipe that polls as writable takes PIPE_BUF bytes without blocking. */
static size_t writable(const struct out *o, size_t left)
{
    struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};

    if (!o->nonblocking)
        return left;
    if (poll(&out, 1, 0) <= 0)
        return 0;
    return left < PIPE_BUF ? left : PIPE_BUF;
}

/* Let the reader see the end. Another file takes the number, so that no socket gets it. */
static void close_output(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere < 0)
        return;
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
}

/* Now and then only: what is left has to be moved. */
static void drop_written(struct out *o)
{
    if (o->written < o->whole && o->written <= o->whole / 2)
        return;
    if (o->written == o->buf.len)
        buf_clear(&o->buf);
    else
        buf_consume(&o->buf, o->written);
    o->whole -= o->written;
    o->written = 0;
}

/* The next bytes to write: of a frame, if lines are shown in frames now. A frame that was begun is
 * always finished. */
static const char *next(struct out *o, size_t *n)
{
    const char *lines = o->buf.data + o->written;
    size_t left = o->whole - o->written;

    if (o->framed == 0 && screen_is_on(&o->screen))
        o->framed = screen_show(&o->screen, lines, left);
    *n = o->framed ? o->screen.frame.len - o->frame_written : left;
    return o->framed ? o->screen.frame.data + o->frame_written : lines;
}

static void advance(struct out *o, size_t n)
{
    if (o->framed == 0) {
        o->written += n;
        return;
    }
    o->frame_written += n;
    if (o->frame_written < o->screen.frame.len)
        return;
    o->written += o->framed;
    o->framed = o->frame_written = 0;
}

/* End the line of --progress, so that output begins in a row of its own. */
static void leave_line(const struct out *o)
{
    if (o->written < o->whole && err_line_open() && !err_is_above() && isatty(STDOUT_FILENO)
        && isatty(STDERR_FILENO))
        err_line_end();
}

void out_flush(struct out *o)
{
    struct pollfd ready = {STDOUT_FILENO, POLLOUT, 0};

    leave_line(o);
    while (o->written < o->whole && o->failure.code == EXIT_DONE) {
        size_t left, most;
        const char *bytes = next(o, &left);
        ssize_t n;

        if ((most = writable(o, left)) == 0)
            break;
        n = write(STDOUT_FILENO, bytes, most);
        if (n >= 0) {
            advance(o, (size_t)n);
        } else if (errno == EAGAIN) { /* another process made the descriptor non-blocking */
            if (o->nonblocking)
                break;
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            o->closed = errno == EPIPE;
            err_set(
                &o->failure, EXIT_FAILED, "cannot write to standard output: %s", strerror(errno));
        }
    }
    if (o->failure.code != EXIT_DONE)
        o->written = o->whole;
    drop_written(o);
    if (o->finishing && o->whole == 0)
        close_output();
}

void out_finish(struct out *o)
{
    o->finishing = true;
    out_flush(o);
    o->finishing = o->whole > 0;
}

void out_free(struct out *o)
{
    buf_free(&o->buf);
    screen_free(&o->screen);
}
