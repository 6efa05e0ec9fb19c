#include "common/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/lookup.h"
#include "common/wait.h"

/* How long an address may take to answer, if there are others. */
enum { ADDRESS_MS = 2000 };

/* How often to try again when the backlog of a unix socket is full, as poll(2) does not report when
 * it has space. */
enum { UNIX_RETRY_MS = 50 };

static int no_connection(const struct dial *d, int why, struct err *e)
{
    char peer[ENDPOINT_TEXT];

    err_set(e, EXIT_NO_CONNECTION, "cannot connect to %s: %s", uri_endpoint_text(&d->at, peer),
        strerror(why));
    if (why == ECONNREFUSED /* at the default address, or what people call it */
        && (strcmp(peer, "127.0.0.1:6379") == 0 || strcmp(peer, "localhost:6379") == 0))
        err_hint(e, "start a server there (redis-server), or name another with -h, -p, -s or -u");
    return -1;
}

static int no_host(const struct dial *d, const char *why, struct err *e)
{
    return err_set(e, EXIT_NO_CONNECTION, "cannot find host '%s': %s", d->at.host, why);
}

static void hang_up(struct dial *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

/* Connect to a unix socket, which succeeds at once unless the backlog is full. */
static int connect_unix(struct dial *d, struct err *e)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};

    if (strlen(d->at.host) >= sizeof path.sun_path)
        return no_connection(d, ENAMETOOLONG, e);
    strcpy(path.sun_path, d->at.host);
    if (d->fd < 0)
        d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return no_connection(d, errno, e);
    d->next_try = WAIT_FOREVER;
    if (connect(d->fd, (struct sockaddr *)&path, sizeof path) == 0)
        return 0;
    if (errno != EAGAIN)
        return no_connection(d, errno, e);
    d->next_try = wait_now() + UNIX_RETRY_MS;
    return 0;
}

/* When to give up on an address: each gets an equal share of the time, and the last one all that is
 * left. `next` is the address after it. */
static int64_t give_up_at(const struct dial *d)
{
    int64_t now = wait_now();
    int addresses = 1;

    for (const struct addrinfo *a = d->next; a; a = a->ai_next)
        addresses++;
    if (addresses == 1)
        return WAIT_FOREVER;
    return wait_earliest(now + ADDRESS_MS, now + (d->due - now) / addresses);
}

/* Begin to connect to the next address for which that does not fail at once. `why` is the error
 * number of the address before it. */
static int try_next(struct dial *d, int why, struct err *e)
{
    while (d->next) {
        const struct addrinfo *a = d->next;

        d->next = a->ai_next;
        d->next_try = give_up_at(d);
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

/* Try the host as an address, or else begin to look it up. */
static int find_host(struct dial *d, struct err *e)
{
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST};
    char port[16];

    snprintf(port, sizeof port, "%d", d->at.port);
    if (getaddrinfo(d->at.host, port, &hints, &d->found) == 0) {
        d->next = d->found;
        return try_next(d, 0, e);
    }
    d->found = NULL;
    d->next_try = d->due;
    d->lookup = lookup_begin(&d->at);
    return d->lookup ? 0 : no_host(d, strerror(errno), e);
}

/* Take the addresses, if the lookup has ended, and try the first. */
static int continue_lookup(struct dial *d, short revents, struct err *e)
{
    const char *why;

    if (!revents)
        return wait_now() < d->due ? 0 : no_host(d, "no answer", e);
    why = lookup_take(d->lookup, &d->found);
    if (why)
        return no_host(d, why, e);
    lookup_end(d->lookup);
    d->lookup = NULL;
    d->next = d->found;
    return try_next(d, 0, e);
}

int dial_begin(struct dial *d, struct err *e)
{
    d->fd = -1;
    return d->at.port == 0 ? connect_unix(d, e) : find_host(d, e);
}

struct pollfd dial_poll(const struct dial *d, int64_t *deadline)
{
    *deadline = wait_earliest(*deadline, d->next_try);
    if (d->lookup)
        return (struct pollfd){lookup_fd(d->lookup), POLLIN, 0};
    if (d->at.port == 0 && d->next_try < WAIT_FOREVER)
        return (struct pollfd){-1, 0, 0};
    return (struct pollfd){d->fd, POLLOUT, 0};
}

/* Send each line at once, and notice a dead peer even while nothing is sent. */
static void tune(int fd)
{
    static const int on = 1, idle = 15, interval = 5, count = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

int dial_serve(struct dial *d, short revents, struct err *e)
{
    int why = 0;
    socklen_t n = sizeof why;

    if (d->lookup)
        return continue_lookup(d, revents, e);
    if (!revents && wait_now() < d->next_try)
        return 0;
    if (!revents)
        return d->at.port == 0 ? connect_unix(d, e) : try_next(d, ETIMEDOUT, e);
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
    lookup_end(d->lookup);
    d->lookup = NULL;
    if (d->found)
        freeaddrinfo(d->found);
    d->found = d->next = NULL;
}
