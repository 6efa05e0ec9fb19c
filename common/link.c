#include "common/link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "common/wait.h"

enum {
    WRITE_CHUNK = 256 * 1024, /* hiredis moves what is left of its buffer after every write: keep that small */
    READ_ROUNDS = 8,          /* reads, of hiredis' 16 KiB each, before replies are parsed */
    RETRY_MS = 20             /* a unix socket with a full backlog says EAGAIN, and nothing tells when to come again */
};

enum link_state { CONNECTING, LOGGING_IN, READY, LOST };

struct link {
    enum link_state state;
    const struct uri *address;
    const char *name;
    struct addrinfo *found, *next;  /* the host's addresses; the next one to try */
    struct addrinfo unix_info;      /* the only one, of a unix socket */
    struct sockaddr_un unix_address;
    int fd;
    bool full;                      /* the backlog was: connect again in a moment */
    redisContext *context;          /* NULL until connected */
    struct reply_target target;
    struct buf out;                 /* commands not yet handed to hiredis, from out_at on */
    size_t out_at;
    bool handed, mute;              /* hiredis holds unwritten bytes; writing has failed, but replies may still come */
    int logins;                     /* replies still to come before the link is ready */
    enum { OTHER, SERVER, VERSION } field; /* of the reply to HELLO */
    char peer[256], server[64], why[128];
    struct err refused;             /* what the server said to the login */
};

static void describe_peer(struct link *l)
{
    const struct uri *a = l->address;

    if (a->socket)
        snprintf(l->peer, sizeof l->peer, "%s", a->socket);
    else
        snprintf(l->peer, sizeof l->peer, strchr(a->host, ':') ? "[%s]:%d" : "%s:%d", a->host, a->port);
}

static int find_socket(struct link *l, struct err *e)
{
    const char *path = l->address->socket;

    if (strlen(path) >= sizeof l->unix_address.sun_path)
        return err_set(e, EXIT_USAGE, "socket path longer than %zu bytes: %s", sizeof l->unix_address.sun_path - 1, path);
    l->unix_address.sun_family = AF_UNIX;
    strcpy(l->unix_address.sun_path, path);
    l->unix_info = (struct addrinfo){.ai_family = AF_UNIX, .ai_socktype = SOCK_STREAM,
        .ai_addr = (struct sockaddr *)&l->unix_address, .ai_addrlen = sizeof l->unix_address};
    l->next = &l->unix_info;
    return 0;
}

static int find_host(struct link *l, struct err *e)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[16];
    int failed;

    snprintf(port, sizeof port, "%d", l->address->port);
    failed = getaddrinfo(l->address->host, port, &hints, &l->found);
    if (failed)
        return err_set(e, EXIT_NO_CONNECTION, "cannot find host '%s': %s", l->address->host,
            failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
    l->next = l->found;
    return 0;
}

static void tune(const struct link *l)
{
    static const int on = 1, idle = 15, interval = 5, count = 3;

    if (l->address->socket)
        return;
    /* A lone line must leave at once, and a dead peer be noticed though nothing is sent. */
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(l->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static void drop_socket(struct link *l)
{
    if (l->context)
        redisFree(l->context); /* closes it */
    else if (l->fd >= 0)
        close(l->fd);
    l->context = NULL;
    l->fd = -1;
}

/* Begin to connect to the next address that takes it. */
static int try_next(struct link *l, int why, struct err *e)
{
    for (; l->next; why = errno) {
        const struct addrinfo *a = l->next;

        drop_socket(l);
        l->full = false;
        l->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (l->fd >= 0 && (connect(l->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS))
            return l->next = a->ai_next, 0;
        if (l->fd >= 0 && errno == EAGAIN) {
            l->full = true;
            return 0;
        }
        l->next = a->ai_next;
    }
    return err_set(e, EXIT_NO_CONNECTION, "cannot connect to %s: %s; name the server with -h, -p, -s or -u", l->peer,
        strerror(why));
}

struct link *link_open(const struct uri *address, const char *name, struct err *e)
{
    struct link *l = calloc(1, sizeof *l);

    if (l == NULL)
        err_no_memory();
    l->address = address;
    l->name = name;
    l->fd = -1;
    describe_peer(l);
    if ((address->socket ? find_socket(l, e) : find_host(l, e)) < 0 || try_next(l, 0, e) < 0) {
        link_close(l);
        return NULL;
    }
    return l;
}

void link_close(struct link *l)
{
    if (l == NULL)
        return;
    drop_socket(l);
    if (l->found)
        freeaddrinfo(l->found);
    buf_free(&l->out);
    free(l);
}

int link_fd(const struct link *l)
{
    return l->full ? -1 : l->fd;
}

short link_events(const struct link *l)
{
    if (l->state == CONNECTING)
        return POLLOUT;
    if (l->state == LOST)
        return 0;
    return (short)(POLLIN | (!l->mute && (l->handed || l->out_at < l->out.len) ? POLLOUT : 0));
}

bool link_ready(const struct link *l)
{
    return l->state == READY || l->state == LOST;
}

void link_send(struct link *l, const char *bytes, size_t n)
{
    buf_add(&l->out, bytes, n);
}

/* HELLO authenticates, names the client and tells what the server is, in one step that needs no permission. */
static void log_in(struct link *l)
{
    const struct uri *a = l->address;
    struct buf command = {0};

    reply_command(&command, a->password ? 7 : 4);
    reply_text(&command, "HELLO");
    reply_text(&command, "2");
    if (a->password) {
        reply_text(&command, "AUTH");
        reply_text(&command, a->user ? a->user : "default");
        reply_text(&command, a->password);
    }
    reply_text(&command, "SETNAME");
    reply_text(&command, l->name);
    l->logins = 1;
    if (a->db > 0) {
        reply_command(&command, 2);
        reply_text(&command, "SELECT");
        reply_number(&command, (uint64_t)a->db);
        l->logins = 2;
    }
    link_send(l, command.data, command.len);
    explicit_bzero(command.data, command.len);
    buf_free(&command);
}

/* HELLO answers with names and values in turn. */
static void on_login(void *context, const struct reply_item *item)
{
    struct link *l = context;
    int len = (int)item->len;

    if (item->type == REPLY_ERROR && item->depth == 0 && l->refused.code == EXIT_DONE)
        err_set(&l->refused, reply_refusal(item), "%s refused the login: %.*s", l->peer, len, item->bytes);
    if (item->depth != 1 || item->type != REPLY_STRING)
        return;
    if (item->index % 2 == 0)
        l->field = len == 6 && memcmp(item->bytes, "server", 6) == 0 ? SERVER
            : len == 7 && memcmp(item->bytes, "version", 7) == 0     ? VERSION
                                                                     : OTHER;
    else if (l->field == SERVER)
        snprintf(l->server, sizeof l->server, "%.*s ", len, item->bytes);
    else if (l->field == VERSION)
        snprintf(l->server + strlen(l->server), sizeof l->server - strlen(l->server), "%.*s", len, item->bytes);
}

static int go_on_connecting(struct link *l, short revents, struct err *e)
{
    int why = 0;
    socklen_t n = sizeof why;

    if (l->full)
        return try_next(l, 0, e);
    if (revents == 0)
        return 0;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
        why = errno;
    if (why)
        return try_next(l, why, e);
    tune(l);
    l->context = redisConnectFd(l->fd);
    if (l->context == NULL || l->context->err)
        err_no_memory();
    l->context->flags &= ~REDIS_BLOCK;
    reply_attach(l->context->reader, &l->target);
    log_in(l);
    l->state = LOGGING_IN;
    return 0;
}

static void write_some(struct link *l)
{
    int done = 1;

    while (done && (l->handed || l->out_at < l->out.len)) {
        if (!l->handed) {
            size_t n = l->out.len - l->out_at < WRITE_CHUNK ? l->out.len - l->out_at : WRITE_CHUNK;

            if (redisAppendFormattedCommand(l->context, l->out.data + l->out_at, n) != REDIS_OK)
                err_no_memory();
            l->out_at += n;
            l->handed = true;
        }
        if (redisBufferWrite(l->context, &done) != REDIS_OK) {
            /* The server may have said why before it closed: read on. */
            l->mute = true;
            l->context->err = 0;
            return;
        }
        l->handed = !done;
    }
    if (l->out_at == l->out.len) {
        buf_clear(&l->out);
        l->out_at = 0;
    }
}

static void read_some(struct link *l)
{
    for (int i = 0; i < READ_ROUNDS; i++) {
        size_t before = l->context->reader->len;

        if (redisBufferRead(l->context) != REDIS_OK) {
            snprintf(l->why, sizeof l->why, "%s", l->context->errstr);
            l->state = l->state == READY ? LOST : l->state;
            return;
        }
        if (l->context->reader->len - before < 16 * 1024)
            return;
    }
}

static int go_on_login(struct link *l, struct err *e)
{
    int told = 0;

    l->target = (struct reply_target){on_login, l};
    while (l->logins > 0 && (told = reply_next(l->context->reader)) == 1)
        if (--l->logins == 0)
            l->state = READY;
    if (l->refused.code != EXIT_DONE) {
        *e = l->refused;
        return -1;
    }
    if (told < 0)
        return err_set(e, EXIT_REFUSED, "%s does not speak the Redis protocol: %s", l->peer, l->context->reader->errstr);
    if (l->why[0] && l->state != READY)
        return err_set(e, EXIT_NO_CONNECTION, "connection to %s lost: %s", l->peer, l->why);
    return 0;
}

int link_serve(struct link *l, short revents, struct err *e)
{
    if (l->state == CONNECTING && go_on_connecting(l, revents, e) < 0)
        return -1;
    if (l->state == CONNECTING)
        return 0;
    if (l->state == LOST)
        return 0;
    if (!l->mute)
        write_some(l);
    if (revents & (POLLIN | POLLHUP | POLLERR))
        read_some(l);
    return l->state == LOGGING_IN ? go_on_login(l, e) : 0;
}

/* One step of link_connect(): -1 when it has failed. */
static int connect_step(struct link *l, int64_t deadline, int timeout, struct err *e)
{
    struct pollfd p = {link_fd(l), link_events(l), 0};
    int64_t again = wait_now() + RETRY_MS;

    wait_poll(&p, 1, l->full && again < deadline ? again : deadline);
    if (link_serve(l, p.revents, e) < 0)
        return -1;
    if (link_ready(l))
        return 0;
    if (wait_signal())
        return err_set(e, EXIT_FAILED, "interrupted while connecting to %s", l->peer);
    if (wait_now() >= deadline)
        return err_set(e, EXIT_NO_CONNECTION, "no answer from %s within %d s", l->peer, timeout / 1000);
    return 0;
}

struct link *link_connect(const struct uri *address, const char *name, int timeout, struct err *e)
{
    struct link *l = link_open(address, name, e);
    int64_t deadline = wait_now() + timeout;

    while (l && !link_ready(l))
        if (connect_step(l, deadline, timeout, e) < 0) {
            link_close(l);
            return NULL;
        }
    if (l)
        err_say(ERR_DETAIL, "connected to %s (%s)", l->peer, l->server);
    return l;
}

int link_reply(struct link *l, reply_sink *sink, void *context, struct err *e)
{
    int told;

    l->target = (struct reply_target){sink, context};
    told = reply_next(l->context->reader);
    if (told < 0)
        return err_set(e, EXIT_REFUSED, "protocol error from %s: %s", l->peer, l->context->reader->errstr);
    if (told == 0 && l->state == LOST)
        return err_set(e, EXIT_NO_CONNECTION, "connection to %s lost: %s", l->peer, l->why);
    return told;
}

const char *link_peer(const struct link *l)
{
    return l->peer;
}

const char *link_server(const struct link *l)
{
    return l->server;
}
