#include "common/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { PLENTY = 64 * 1024 }; /* what a pipe holds */

void out_prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    /* open() takes the lowest free number; opened the wrong way round, reading 0 and writing 1 and
     * 2 fail as before. */
    while (fcntl(STDIN_FILENO, F_GETFD) < 0 || fcntl(STDOUT_FILENO, F_GETFD) < 0
           || fcntl(STDERR_FILENO, F_GETFD) < 0)
        if (open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY) < 0)
            return;
}

int out_commit(struct out *o, struct err *e)
{
    o->whole = o->buf.len;
    return o->whole >= PLENTY ? out_flush(o, e) : 0;
}

void out_rollback(struct out *o)
{
    o->buf.len = o->whole;
}

int out_flush(struct out *o, struct err *e)
{
    struct pollfd writable = {STDOUT_FILENO, POLLOUT, 0};
    size_t done = 0;
    int failed = 0;

    while (done < o->whole && !failed) {
        ssize_t n = write(STDOUT_FILENO, o->buf.data + done, o->whole - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN) /* somebody made the shared descriptor non-blocking */
            poll(&writable, 1, -1);
        else if (errno != EINTR)
            failed = err_set(
                e, EXIT_FAILED, "cannot write to standard output: %s", strerror(errno));
    }
    o->closed = o->closed || (failed && errno == EPIPE);
    if (o->whole == o->buf.len)
        buf_clear(&o->buf);
    else
        buf_consume(&o->buf, o->whole);
    o->whole = 0;
    return failed;
}

void out_free(struct out *o)
{
    buf_free(&o->buf);
}
