/*
 * A connection to whoever serves a key, that outlives its connections: to the server, the master
 * that Sentinels name, or the key's node in a cluster (route.h). When the link to the server dies,
 * or the server refuses for a while, that is an outage: the session tries again, with pauses that
 * grow to 2 seconds, until --retry has run out, and says so in one line when it begins and one when
 * it ends. Redirects are followed without a word.
 *
 * What was asked and not answered when a link dies is the user's to ask again: only the user knows
 * what that means. One process may have several sessions; none of them blocks but in
 * session_open() and session_wait().
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
 * How long a server may be silent while an answer is due, in milliseconds, before its link is given
 * up as dead. A command that blocks on the server must do so for less.
 */
enum { SESSION_PATIENCE_MS = 10000 };

struct session;

/*
 * A session that is going to connect when it is waited for: to any server, or in a cluster to the
 * node of hash slot `slot` (-1: any). Outages may last `retry`. The route must outlive the session.
 * Returns it for session_close().
 */
struct session *session_new(struct route *route, int slot, int64_t retry);

/*
 * The same, waiting until it is connected and logged in. `retry` is what --retry gave: with
 * SESSION_DEFAULT the first connection must succeed at once, and later outages may last
 * `later_retry`. NULL with EXIT_NO_CONNECTION, EXIT_REFUSED, or EXIT_FAILED for a refusal that
 * would have passed.
 */
struct session *session_open(
    struct route *route, int64_t retry, int64_t later_retry, struct err *e);

/*
 * Say which hash slot will be asked about from now on; no reply may be due. In a cluster that may
 * change the link, or take it away until session_up() again; returns whether it did.
 */
bool session_use_slot(struct session *s, int slot);

/*
 * For a session whose slot changes often: keep the link to each node that was used, instead of
 * connecting again whenever the slot is another node's; and leave it to the caller to say ASKING
 * where session_asking() has it.
 */
void session_keep_links(struct session *s);

/* Whether the slot is being moved to the link's node, which takes a command, or a transaction, for
 * it only behind ASKING (Redis Cluster specification, "ASK redirection"). */
bool session_asking(const struct session *s);

/* What an ASK was about is done: ask the slot's owner again, for other keys of the slot may still
 * be there. No reply may be due. */
void session_end_asking(struct session *s);

/* A number for the node that serves a hash slot, as far as that is known; else 0. */
int session_node(const struct session *s, int slot);

/* The user that it logs in as. */
const char *session_user(const struct session *s);

/*
 * Whether there is nothing to ask for now, so that a server which closed the link meanwhile need
 * not be connected to again before there is. Until it is called, there is something.
 */
void session_set_idle(struct session *s, bool idle);

/* Close and release; NULL is fine. */
void session_close(struct session *s);

/* The hash slot that is asked about, or -1. */
int session_slot(const struct session *s);

/* Whether commands may be sent: the link is there, and no refusal is being waited out. */
bool session_up(const struct session *s);

/* Whether the server is a node of a cluster: keys of different slots live apart. */
bool session_in_cluster(const struct session *s);

/* The link to send commands on; NULL while there is none. It changes with each outage. */
struct link *session_link(const struct session *s);

/*
 * Sleep until the server may have said something, `other` (may be NULL) is ready, `deadline` has
 * passed, a signal came or the session's state changed; move bytes, and the outage on. `awaiting`:
 * an answer is due, so that silence counts; only time spent asleep does. Returns 0; -1 when the
 * outage has lasted too long (EXIT_NO_CONNECTION; EXIT_FAILED if the server answers, but refuses)
 * or the login is refused for good (EXIT_REFUSED).
 */
int session_wait(
    struct session *s, struct pollfd *other, int64_t deadline, bool awaiting, struct err *e);

/*
 * The two halves of it, for those who wait for several sessions: what to poll, and until when at
 * the latest; and, after `slept` milliseconds, what came of it. They fail as the whole does.
 * `fds` has room for session_fds(), which is the same for all sessions of a route.
 */
size_t session_fds(const struct session *s);
int session_prepare(
    struct session *s, struct pollfd *fds, int64_t *deadline, bool awaiting, struct err *e);
int session_serve(struct session *s, const struct pollfd *fds, int64_t slept, struct err *e);

/*
 * Take the next reply, as link_reply() does. Returns 1 when all of it was passed to `sink`, 0 when
 * more must come first, -1 (EXIT_REFUSED) when what came is no reply, and once SESSION_BROKEN when
 * the link has died: what was asked on it will not be answered, and a reply that was passed in part
 * is void; that is no error, and `*e` stays as it was.
 */
enum { SESSION_BROKEN = 2 };
int session_reply(struct session *s, reply_sink *sink, void *context, struct err *e);

/*
 * The server refused what was asked, with an error of another kind than ERR_FINAL. All answers must
 * have come. After a pause, or once the link leads to where the error points, session_up() is true
 * again. Returns -1 with that error when the outage has lasted too long.
 */
int session_refused(struct session *s, const struct err *why, struct err *e);

/* Connect again, at once and without a word: what state the link is in is not known. No reply may
 * be due. */
void session_reconnect(struct session *s);

/* The server did what was asked, or nothing is left to ask: an outage, if there was one, is over.
 */
void session_succeeded(struct session *s);

/*
 * Before closing: wait until then for one last reply that nothing depends on any more, so that what
 * asked for it reaches the server; without another try. Returns whether it came.
 */
bool session_finish(struct session *s, int64_t deadline);

#endif
