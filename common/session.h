/*
 * A session with the server that serves a key: the one that was named, the master that Sentinels
 * name, or the key's node in a cluster (route.h). When the link to it dies, or the server refuses
 * for a while, that is an outage: the session connects again, with pauses that grow to 2 seconds,
 * for as long as --retry allows, and reports the outage's beginning and end in one line each.
 * Redirects are followed silently.
 *
 * Unanswered commands die with the link; the caller resends them. A process may have several
 * sessions. They block in session_open(), session_wait() and session_finish() only.
 */
#ifndef COMMON_SESSION_H
#define COMMON_SESSION_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/link.h"
#include "common/outage.h"
#include "common/reply.h"
#include "common/route.h"

/*
 * How long a server may be silent while a reply is due, in milliseconds, before the link counts as
 * dead. A command that blocks at the server must block for less.
 */
enum { SESSION_PATIENCE_MS = 10000 };

struct session;

/*
 * A new session, which connects when session_wait() is called. In a cluster it connects to the node
 * of hash slot `slot`, or to any node for -1. Outages may last `retry` ms. The route must outlive
 * the session. Returns it, for session_close().
 */
struct session *session_new(struct route *route, int slot, int64_t retry);

/*
 * A new session for any slot, once it has connected and logged in. `retry` is the value of --retry;
 * if that is SESSION_DEFAULT, the first attempt to connect must succeed, and later outages may last
 * `later_retry` ms. Returns NULL on failure, with EXIT_NO_CONNECTION, EXIT_REFUSED, or EXIT_FAILED
 * if the refusal is temporary.
 */
struct session *session_open(
    struct route *route, int64_t retry, int64_t later_retry, struct err *e);

/*
 * Commands will be about this hash slot from now on. No reply may be due. In a cluster this may
 * change the link, or close it until session_up() is true again. Returns whether it did either.
 */
bool session_use_slot(struct session *s, int slot);

/*
 * For a session whose slot changes often: keep the link to each node that was used. The caller must
 * send ASKING itself while session_asking(); otherwise the link does.
 */
void session_keep_links(struct session *s);

/* Whether the slot is migrating to the link's node, which takes a command or a transaction about it
 * only after ASKING (Redis Cluster specification, "ASK redirection"). */
bool session_asking(const struct session *s);

/* The command that ASK redirected is answered: go back to the slot's owner, which may still have
 * the slot's other keys. No reply may be due. */
void session_end_asking(struct session *s);

/* A number for the node that serves a hash slot; 0 if it is not known. */
int session_node(const struct session *s, int slot);

/* The user that it logs in as. */
const char *session_user(const struct session *s);

/*
 * Whether the caller has nothing to send or receive now. While it is idle, the session does not
 * connect again if the server closes the link. A new session is not idle.
 */
void session_set_idle(struct session *s, bool idle);

/* Close and release; NULL is fine. */
void session_close(struct session *s);

/* The hash slot that commands are about, or -1. */
int session_slot(const struct session *s);

/* Whether commands may be sent: the link is up, and there is no pause after a refusal. */
bool session_up(const struct session *s);

/* Whether the server is a node of a cluster, so that commands about several slots may fail. */
bool session_in_cluster(const struct session *s);

/* The link to send commands on, or NULL. An outage, a redirect or another slot may change it. */
struct link *session_link(const struct session *s);

/*
 * Sleep until the server may have sent something, `other` is ready (unless it is NULL), `deadline`
 * has passed, a signal came, or the session's state changed; then serve the link. `awaiting`: a
 * reply is due, so the server's silence counts, for as long as this sleeps. Returns 0, or -1 when
 * the outage has lasted too long (EXIT_NO_CONNECTION, or EXIT_FAILED if the server answers but
 * refuses) or the login is refused for good (EXIT_REFUSED).
 */
int session_wait(
    struct session *s, struct pollfd *other, int64_t deadline, bool awaiting, struct err *e);

/*
 * The two halves of session_wait(), to wait for several sessions at once: one before the sleep,
 * which sets what to poll and lowers `*deadline`; one after it, `slept` being the milliseconds that
 * it took. They fail as the whole does. `fds` needs room for session_fds() descriptors, which is
 * the same number for all sessions of a route.
 */
size_t session_fds(const struct session *s);
int session_prepare(
    struct session *s, struct pollfd *fds, int64_t *deadline, bool awaiting, struct err *e);
int session_serve(struct session *s, const struct pollfd *fds, int64_t slept, struct err *e);

/*
 * Take the next reply, as link_reply() does. Returns 1 when it is complete, 0 when more must come
 * first, -1 (EXIT_REFUSED) when the server broke the protocol. Returns SESSION_BROKEN once after
 * the link has died: no more replies will come on it, and one that came in part is void. That is
 * not an error, and leaves `*e` alone.
 */
enum { SESSION_BROKEN = 2 };
int session_reply(struct session *s, reply_sink *sink, void *context, struct err *e);

/*
 * The server refused a command with an error that is not ERR_FINAL. No reply may be due. Once a
 * pause is over, or the redirect is followed, session_up() is true again. Returns 0, or -1 with the
 * error when the outage has lasted too long.
 */
int session_refused(struct session *s, const struct err *why, struct err *e);

/* Connect again at once and silently, because the link is in an unknown state. No reply may be due.
 */
void session_reconnect(struct session *s);

/* The server did what it was asked, or nothing is left to do: an outage, if there was one, is over.
 */
void session_succeeded(struct session *s);

/*
 * Before closing: wait for one more reply until `deadline`, without connecting again, so that the
 * command reaches the server. The reply is ignored. Returns whether it came.
 */
bool session_finish(struct session *s, int64_t deadline);

#endif
