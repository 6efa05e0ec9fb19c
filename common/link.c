#include "common/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <hiredis/hiredis.h>

#include "common/dial.h"
#include "common/hello.h"
#include "common/wait.h"

/* Give hiredis no more than this at once: it moves the rest of its buffer after every write. */
enum { WRITE_CHUNK = 256 * 1024 };

/* Output memory to keep: the commands of a large batch. */
enum { OUTPUT_KEPT = 8 * 1024 * 1024 };

/* How long a handshake may take before the user is told what may be wrong. */
enum { SLOW_HANDSHAKE_MS = 2000 };

static bool tls_is_known; /* a server has spoken TLS, or the user was told that none seems to */

/* hiredis reads 16 KiB at a time: read so often at most before replies are parsed. */
enum { READ_SIZE = 16 * 1024, READ_ROUNDS = 8 };

/* hiredis releases an empty reader's memory beyond this. */
enum { READER_KEPT = 1024 * 1024 };

struct link {
    enum { CONNECTING, HANDSHAKING, LOGGING_IN, READY, LOST } state;
    struct dial dial;
    const struct login *login;
    int64_t due;            /* when to give up if it is not ready */
    redisContext *context;  /* NULL until connected */
    struct ssl_st *ssl;     /* the context's; NULL: no TLS */
    short handshake_events; /* what the handshake waits for */
    int64_t warn_at;        /* when to tell the user that it takes long */
    struct reply_target target;
    struct buf out; /* commands; hiredis has those before out_at */
    size_t out_at;
    bool writing;      /* hiredis has bytes to write */
    bool write_failed; /* but replies may still come */
    int logins;        /* replies that the login still waits for */
    int64_t distance;  /* ms from HELLO to its reply; until that comes, wait_now() of HELLO */
    char peer[ENDPOINT_TEXT];
    char why[TLS_WHY]; /* why the handshake failed or the connection was lost */
    const char *hint;  /* what may help if TLS could not begin; NULL: not known */
    struct hello hello;
    bool asking, asked; /* ASKING is sent before each command; it has been answered */
};

void link_libraries(char to[LINK_LIBRARIES])
{
    char tls[TLS_LIBRARY];

    snprintf(to, LINK_LIBRARIES, "hiredis %d.%d.%d, %s", HIREDIS_MAJOR, HIREDIS_MINOR,
        HIREDIS_PATCH, tls_library(tls));
}

struct link *link_open(
    const struct endpoint *at, const struct login *login, int64_t due, struct err *e)
{
    struct link *l = buf_zeroed(1, sizeof *l);

    l->dial.at = *at;
    l->login = login;
    l->due = l->dial.due = due;
    l->hello.peer = uri_endpoint_text(at, l->peer);
    if (dial_begin(&l->dial, e) == 0)
        return l;
    link_close(l);
    return NULL;
}

void link_close(struct link *l)
{
    if (l == NULL)
        return;
    if (l->context)
        redisFree(l->context); /* closes its descriptor */
    dial_end(&l->dial);
    buf_free(&l->out);
    free(l);
}

static bool has_output(const struct link *l)
{
    return !l->write_failed && (l->writing || l->out_at < l->out.len);
}

static short events(const struct link *l)
{
    if (l->state == HANDSHAKING)
        return l->handshake_events;
    return (short)(l->state == LOST ? 0 : has_output(l) ? POLLIN | POLLOUT : POLLIN);
}

struct pollfd link_poll(const struct link *l, int64_t *deadline)
{
    if (l == NULL)
        return (struct pollfd){-1, 0, 0};
    if (!link_ready(l))
        *deadline = wait_earliest(*deadline, l->due);
    if (l->state == CONNECTING)
        return dial_poll(&l->dial, deadline);
    if (l->state == HANDSHAKING)
        *deadline = wait_earliest(*deadline, l->warn_at);
    return (struct pollfd){l->context->fd, events(l), 0};
}

bool link_ready(const struct link *l)
{
    return l->state == READY || l->state == LOST;
}

bool link_up(const struct link *l)
{
    return l->state == READY;
}

bool link_in_cluster(const struct link *l)
{
    return l->hello.cluster;
}

bool link_is_master(const struct link *l)
{
    return l->hello.master;
}

int64_t link_distance(const struct link *l)
{
    return l->distance;
}

void link_set_asking(struct link *l)
{
    l->asking = true;
}

void link_send(struct link *l, const char *bytes, size_t n)
{
    if (l == NULL)
        return;
    if (l->asking && l->state == READY) /* but not before those of the login */
        buf_add_text(&l->out, "*1\r\n$6\r\nASKING\r\n");
    buf_add(&l->out, bytes, n);
}

void link_command(struct link *l, const char *format, ...)
{
    char *command;
    va_list args;
    int n;

    va_start(args, format);
    n = redisvFormatCommand(&command, format, args);
    va_end(args);
    if (n < 0)
        buf_no_memory();
    link_send(l, command, (size_t)n);
    redisFreeCommand(command);
}

/* HELLO logs in and names the client in one command, which needs no permission. */
static void log_in(struct link *l)
{
    const struct login *a = l->login;

    if (a->password)
        link_command(l, "HELLO 2 AUTH %s %s SETNAME %s", a->user ? a->user : "default", a->password,
            a->name);
    else
        link_command(l, "HELLO 2 SETNAME %s", a->name);
    if (a->db > 0)
        link_command(l, "SELECT %d", a->db);
    l->logins = a->db > 0 ? 2 : 1;
    l->distance = wait_now();
    l->state = LOGGING_IN;
}

/* Add a hint if using TLS, or not using it, may be the mistake. */
static void hint_tls(const struct link *l, struct err *e)
{
    const char *hint = l->login->tls == NULL ? "a TLS port needs --tls"
                       : l->ssl              ? tls_hint(l->ssl)
                                             : l->hint;

    if (l->state != CONNECTING && l->dial.at.port > 0 && hint)
        err_hint(e, hint);
}

static int cannot_connect(const struct link *l, const char *why, struct err *e)
{
    err_set(e, EXIT_NO_CONNECTION, "cannot connect to %s: %s", l->peer, why);
    hint_tls(l, e);
    return -1;
}

static int continue_connecting(struct link *l, short revents, struct err *e)
{
    int done = dial_serve(&l->dial, revents, e);

    if (done <= 0)
        return done;
    l->context = redisConnectFd(l->dial.fd);
    if (l->context == NULL)
        buf_no_memory();
    l->dial.fd = -1; /* the context's now */
    l->context->flags &= ~REDIS_BLOCK;
    l->context->reader->maxbuf = READER_KEPT;
    reply_attach(l->context->reader, &l->target);
    if (l->login->tls == NULL) {
        log_in(l);
        return 0;
    }
    l->state = HANDSHAKING;
    l->warn_at = wait_now() + SLOW_HANDSHAKE_MS;
    l->ssl = tls_begin(l->login->tls, l->context, l->dial.at.host, l->why, &l->hint);
    return l->ssl ? 0 : cannot_connect(l, l->why, e);
}

/* A server without TLS may take the handshake for the beginning of a long command, and wait for the
 * rest. Tell the user before the link gives up. */
static void warn_if_slow(struct link *l)
{
    if (wait_now() < l->warn_at)
        return;
    l->warn_at = WAIT_FOREVER;
    if (!tls_is_known)
        err_say(ERR_NOTICE, "%s has not answered yet; %s", l->peer, tls_hint(l->ssl));
    tls_is_known = true;
}

static int continue_handshake(struct link *l, struct err *e)
{
    int done = tls_handshake(l->ssl, &l->handshake_events, l->why);

    if (done < 0)
        return cannot_connect(l, l->why, e);
    if (done == 0)
        warn_if_slow(l);
    else
        tls_is_known = true, log_in(l);
    return 0;
}

static void write_some(struct link *l)
{
    int done = 1;

    while (done && has_output(l)) {
        size_t n = l->out.len - l->out_at;

        if (!l->writing) {
            n = n < WRITE_CHUNK ? n : WRITE_CHUNK;
            if (redisAppendFormattedCommand(l->context, l->out.data + l->out_at, n) != REDIS_OK)
                buf_no_memory();
            l->out_at += n;
        }
        if (redisBufferWrite(l->context, &done) != REDIS_OK) {
            l->context->err = 0; /* the server may have said why: read on */
            l->write_failed = true;
            tls_forget_errors();
        }
        l->writing = !done;
    }
    /* Release what was written, even if the output never runs empty. */
    if (l->out_at > l->out.len / 2)
        buf_consume(&l->out, l->out_at), l->out_at = 0;
    if (l->out.len == 0)
        buf_clear_above(&l->out, OUTPUT_KEPT);
}

void link_flush(struct link *l)
{
    if (l && l->state == READY)
        write_some(l);
}

void link_hang_up(struct link *l)
{
    link_flush(l);
    if (l && l->state == READY)
        shutdown(l->context->fd, SHUT_WR);
}

static void read_some(struct link *l)
{
    size_t before, now = READ_SIZE;

    for (int i = 0; i < READ_ROUNDS && now >= READ_SIZE; i++) {
        before = l->context->reader->len;
        if (redisBufferRead(l->context) != REDIS_OK) {
            if (l->context->err == REDIS_ERR_OOM)
                buf_no_memory();
            snprintf(l->why, sizeof l->why, "%s", l->context->errstr);
            if (l->ssl)
                tls_why(l->ssl, l->why);
            l->state = l->state == READY ? LOST : l->state;
            return;
        }
        now = l->context->reader->len - before;
    }
}

static void exchange(struct link *l, short revents)
{
    write_some(l);
    if (revents & (POLLIN | POLLHUP | POLLERR))
        read_some(l);
}

static int not_redis(const struct link *l, struct err *e)
{
    err_set(e, EXIT_REFUSED, "%s does not speak the Redis protocol: %s", l->peer,
        l->context->reader->errstr);
    if (strstr(e->text, "\"\\x15\"")) /* a TLS alert (RFC 8446, 5.1) */
        hint_tls(l, e);
    return -1;
}

static int continue_login(struct link *l, struct err *e)
{
    int done = 0;

    while (l->logins > 0 && (done = reply_next(l->context->reader, hello_take, &l->hello)) == 1)
        l->logins--;
    if (l->logins == 0) {
        l->state = READY;
        l->distance = wait_now() - l->distance;
    }
    if (l->hello.refused.code != EXIT_DONE) {
        *e = l->hello.refused;
        return -1;
    }
    if (done < 0)
        return not_redis(l, e);
    if (l->state == READY || !l->why[0])
        return 0;
    err_set(e, EXIT_NO_CONNECTION, "connection to %s lost: %s", l->peer, l->why);
    hint_tls(l, e);
    return -1;
}

/* Continue to connect and log in. */
static int continue_opening(struct link *l, short revents, struct err *e)
{
    if (l->state == CONNECTING && continue_connecting(l, revents, e) < 0)
        return -1;
    if (l->state == HANDSHAKING && continue_handshake(l, e) < 0)
        return -1;
    if (l->state == LOGGING_IN) {
        exchange(l, revents);
        if (continue_login(l, e) < 0)
            return -1;
    }
    if (l->state != READY && wait_now() >= l->due)
        return cannot_connect(l, "no answer", e);
    return 0;
}

int link_serve(struct link *l, short revents, struct err *e)
{
    if (!link_ready(l))
        return continue_opening(l, revents, e);
    if (l->state == READY)
        exchange(l, revents);
    return 0;
}

int link_reply(struct link *l, reply_sink *sink, void *context, struct err *e)
{
    int done = 1;

    if (l->asking && !l->asked) {
        done = reply_next(l->context->reader, reply_ignore, NULL);
        l->asked = done == 1;
    }
    if (done == 1) {
        done = reply_next(l->context->reader, sink, context);
        l->asked = l->asked && done != 1;
    }
    if (done < 0)
        return err_set(
            e, EXIT_REFUSED, "protocol error from %s: %s", l->peer, l->context->reader->errstr);
    if (done == 0 && l->state == LOST)
        return err_set(e, EXIT_NO_CONNECTION, "connection to %s lost: %s", l->peer, l->why);
    return done;
}

const char *link_peer(const struct link *l)
{
    return l->peer;
}
