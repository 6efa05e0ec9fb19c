#include "common/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* As much as one reply of the server makes: it is written while the server works on the next. */
enum { PLENTY = 1024 * 1024 };

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

void out_flush(struct out *o)
{
    struct pollfd writable = {STDOUT_FILENO, POLLOUT, 0};
    size_t done = 0;

    while (done < o->whole && o->failure.code == EXIT_DONE) {
        ssize_t n = write(STDOUT_FILENO, o->buf.data + done, o->whole - done);

        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) { /* somebody made the shared descriptor non-blocking */
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            o->closed = errno == EPIPE;
            err_set(
                &o->failure, EXIT_FAILED, "cannot write to standard output: %s", strerror(errno));
        }
    }
    if (o->whole == o->buf.len)
        buf_clear(&o->buf);
    else
        buf_consume(&o->buf, o->whole);
    o->whole = 0;
}

void out_free(struct out *o)
{
    buf_free(&o->buf);
}
