/*
 * One connection to a server. It looks up the address, connects, does the TLS handshake and logs
 * in; then it sends commands and receives replies. Nothing here blocks: the caller polls what
 * link_poll() returns, and calls link_serve().
 */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/reply.h"
#include "common/tls.h"
#include "common/uri.h"

struct link;

/* Write the libraries in use, for --version: "hiredis 1.2.0, OpenSSL 3.5.1". */
enum { LINK_LIBRARIES = 64 };
void link_libraries(char to[LINK_LIBRARIES]);

/* How to log in to a server. What it points to must outlive the links. */
struct login {
    const char *name;     /* the client's, for CLIENT LIST */
    const char *user;     /* NULL: the default user */
    const char *password; /* NULL: none */
    int db;               /* below 1: the first database */
    struct tls *tls;      /* NULL: no TLS */
};

/*
 * Begin to connect and log in, which fails if it is not done by `due`, a wait_now(). The login must
 * outlive the link. Returns the link, for link_close(), or NULL with EXIT_NO_CONNECTION.
 */
struct link *link_open(
    const struct endpoint *at, const struct login *login, int64_t due, struct err *e);

/* Close and release; NULL is fine. */
void link_close(struct link *l);

/* What to poll; a descriptor of -1 if the link is NULL. `*deadline` becomes the time when
 * link_serve() must be called even if nothing is ready, if that is earlier. */
struct pollfd link_poll(const struct link *l, int64_t *deadline);

/*
 * Do what the descriptor is ready for: connect and log in, or write and read. Returns 0, or -1 when
 * the connection failed (EXIT_NO_CONNECTION), or the login was refused (EXIT_REFUSED, or
 * EXIT_FAILED if the refusal is temporary). Once link_ready(), link_reply() reports a lost
 * connection instead, after the last complete reply.
 */
int link_serve(struct link *l, short revents, struct err *e);

/* Write queued commands, as far as that does not block. link_serve() writes the rest, and failures
 * show there. NULL is fine. */
void link_flush(struct link *l);

/* Shut down the sending side. The server closes the connection once it has seen that, and no
 * command sent on this link runs after that. Replies can be taken until then. */
void link_hang_up(struct link *l);

/* Whether the login succeeded, even if the connection has been lost since. */
bool link_ready(const struct link *l);

/* Whether commands may be sent: the login succeeded, and the connection is not known to be lost. */
bool link_up(const struct link *l);

/* What the server's reply to HELLO said ("mode" and "role"). */
bool link_in_cluster(const struct link *l);
bool link_is_master(const struct link *l);

/* The distance to the server: the milliseconds that it took to answer the login. */
int64_t link_distance(const struct link *l);

/*
 * Send ASKING before each command from now on, because a slot is migrating to the server (Redis
 * Cluster specification, "ASK redirection").
 */
void link_set_asking(struct link *l);

/*
 * Queue a copy of the bytes of commands (reply_command()): of one at a time after
 * link_set_asking(), otherwise of any number. Does nothing if the link is NULL.
 */
void link_send(struct link *l, const char *bytes, size_t n);

/* Queue one command in the format of hiredis' redisCommand(): `%s`, `%llu`, `%b` (bytes, size_t).
 * Does nothing if the link is NULL. */
void link_command(struct link *l, const char *format, ...);

/*
 * Take the next reply, and pass its items to `sink`. Returns 1 when the reply is complete; 0 when
 * more must come first, in which case the next call needs the same sink; -1 when the connection is
 * lost (EXIT_NO_CONNECTION) or the server broke the protocol (EXIT_REFUSED).
 */
int link_reply(struct link *l, reply_sink *sink, void *context, struct err *e);

/* The server's name for messages: `127.0.0.1:6379`, or the socket's path. */
const char *link_peer(const struct link *l);

#endif
