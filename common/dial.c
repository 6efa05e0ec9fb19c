#include "common/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* For a place in the backlog of a unix socket. */
enum { BACKLOG_SECONDS = 10 };

static int no_connection(const struct dial *d, int why, struct err *e)
{
    char peer[ENDPOINT_TEXT];

    return err_set(e, EXIT_NO_CONNECTION, "cannot connect to %s: %s",
        uri_endpoint_text(&d->at, peer), strerror(why));
}

static void hang_up(struct dial *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

/*
 * A unix socket connects at once, or waits for a place in a full backlog; without waiting it would
 * only say EAGAIN, and nothing would tell when to try again.
 */
static int open_socket(struct dial *d, struct err *e)
{
    static const struct timeval patience = {BACKLOG_SECONDS, 0};
    struct sockaddr_un path = {.sun_family = AF_UNIX};

    if (strlen(d->at.host) >= sizeof path.sun_path)
        return no_connection(d, ENAMETOOLONG, e);
    strcpy(path.sun_path, d->at.host);
    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return no_connection(d, errno, e);
    setsockopt(d->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(d->fd, (struct sockaddr *)&path, sizeof path) < 0)
        return no_connection(d, errno == EAGAIN ? ETIMEDOUT : errno, e);
    return fcntl(d->fd, F_SETFL, O_NONBLOCK) < 0 ? no_connection(d, errno, e) : 0;
}

static int find_host(struct dial *d, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[16];
    int failed;

    snprintf(port, sizeof port, "%d", d->at.port);
    failed = getaddrinfo(d->at.host, port, &hints, &d->found);
    if (failed)
        return err_set(e, EXIT_NO_CONNECTION, "cannot find host '%s': %s", d->at.host,
            failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
    d->next = d->found;
    return 0;
}

/* Begin to connect to the next address that lets us; `why` the one before did not. */
static int try_next(struct dial *d, int why, struct err *e)
{
    while (d->next) {
        const struct addrinfo *a = d->next;

        d->next = a->ai_next;
        hang_up(d);
        d->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (d->fd >= 0 && connect(d->fd, a->ai_addr, a->ai_addrlen) == 0)
            return 0;
        if (d->fd >= 0 && errno == EINPROGRESS)
            return 0;
        why = errno;
    }
    return no_connection(d, why, e);
}

int dial_begin(struct dial *d, struct err *e)
{
    d->fd = -1;
    if (d->at.port == 0)
        return open_socket(d, e);
    return find_host(d, e) < 0 ? -1 : try_next(d, 0, e);
}

/* A lone line must leave at once, and a dead peer be noticed though nothing is sent. */
static void tune(int fd)
{
    static const int on = 1, idle = 15, interval = 5, count = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

int dial_go_on(struct dial *d, struct err *e)
{
    int why = 0;
    socklen_t n = sizeof why;

    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
        why = errno;
    if (why)
        return try_next(d, why, e);
    if (d->at.port)
        tune(d->fd);
    return 1;
}

void dial_end(struct dial *d)
{
    hang_up(d);
    if (d->found)
        freeaddrinfo(d->found);
    d->found = d->next = NULL;
}
