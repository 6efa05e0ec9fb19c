/*
 * One connection to a server: found, opened, logged in, and from then on bytes out and replies in.
 * Nothing here blocks: the caller polls what link_poll() says and calls link_serve().
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

/* Write what links are made with, for --version: "hiredis 1.2.0, OpenSSL 3.5.1". */
enum { LINK_LIBRARIES = 64 };
void link_libraries(char to[LINK_LIBRARIES]);

/* Who we are, to any server. What it points to must outlive the links. */
struct login {
    const char *name;     /* CLIENT SETNAME */
    const char *user;     /* NULL: the default one */
    const char *password; /* NULL: none */
    int db;               /* below 1: the first */
    struct tls *tls;      /* NULL: in the clear */
};

/*
 * Resolve the address and begin to connect and log in, which must be done by `due`, a wait_now().
 * The login must outlive the link. Returns the link, for link_close(), or NULL with
 * EXIT_NO_CONNECTION.
 */
struct link *link_open(
    const struct endpoint *at, const struct login *login, int64_t due, struct err *e);

/* Close and release; NULL is fine. */
void link_close(struct link *l);

/* What to poll; nothing without a link (NULL). `*deadline` becomes the time when link_serve() must
 * be called though nothing is ready, if that is earlier. */
struct pollfd link_poll(const struct link *l, int64_t *deadline);

/*
 * Do what the descriptor is ready for: go on connecting (to each of a host's addresses in turn) and
 * logging in, write, read. Returns -1 when the connection could not be made or was refused
 * (EXIT_NO_CONNECTION, EXIT_REFUSED; EXIT_FAILED for a state that passes). Once link_ready(), a
 * lost connection is reported by link_reply() instead, after the last reply that came whole.
 */
int link_serve(struct link *l, short revents, struct err *e);

/* Write what was queued, as far as it goes; what is left, and how it went, link_serve() sees to.
 * NULL is fine. */
void link_flush(struct link *l);

/* Close the way there: the server closes the way back once it has seen that, and then no command
 * that it was sent on this link will do anything more. What it says until then can be taken. */
void link_hang_up(struct link *l);

/* Logged in, though perhaps lost again since. */
bool link_ready(const struct link *l);

/* Logged in and not known to be lost: commands may be sent. */
bool link_up(const struct link *l);

/* What a server that is logged in to has said of itself (HELLO, "mode" and "role"). */
bool link_in_cluster(const struct link *l);
bool link_is_master(const struct link *l);

/* How many milliseconds the server took to answer the login's HELLO: how far away it is. */
int64_t link_distance(const struct link *l);

/*
 * From here on, say ASKING before each command: the server is about to be given the slot (Redis
 * Cluster specification, "ASK redirection").
 */
void link_set_asking(struct link *l);

/*
 * Queue the bytes of one command (reply_command); unless the link is asking, any bytes of commands
 * will do. They are copied; the server takes them in time. Without a link (NULL), here and below,
 * nothing is sent.
 */
void link_send(struct link *l, const char *bytes, size_t n);

/* Queue one command, as hiredis' redisCommand() takes it: `%s`, `%llu`, `%b` (bytes, size_t). */
void link_command(struct link *l, const char *format, ...);

/*
 * Take the next reply, its items passed to `sink`. Returns 1 when all were; 0 when more must
 * come first (some may have been passed; go on with the same sink); -1 when the connection is lost
 * (EXIT_NO_CONNECTION) or what came is no reply (EXIT_REFUSED).
 */
int link_reply(struct link *l, reply_sink *sink, void *context, struct err *e);

/* Where to, for people: `127.0.0.1:6379`, or the socket's path. */
const char *link_peer(const struct link *l);

#endif
