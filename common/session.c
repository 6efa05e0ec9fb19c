#include "common/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/peer.h"
#include "common/sentinel.h"
#include "common/wait.h"

enum {
    CONNECT_MS = 10000, /* how long an attempt to connect and log in may take */
    REST_MS = 100,      /* before connecting again after an idle close, in case it always closes */
    MOST_FDS = 2        /* to poll: the link, and the link to a Sentinel */
};

/*
 * What a session is doing. It has a link in the last three states only. The outage's `next_try`
 * may delay what comes next, even commands when it is UP.
 */
enum state {
    DOWN,             /* going to connect to the slot's node, or the master */
    DIRECTED,         /* going to connect to `at`, which a redirect or the Sentinels named */
    FAILED,           /* because of `why`, which is not yet counted in the outage */
    ASKING_SENTINELS, /* for the master's address */
    CONNECTING,       /* and logging in */
    ASKING_SLOTS,     /* of a cluster's node: which nodes serve them */
    UP,               /* the caller may send commands */
};

struct session {
    enum state state;
    struct peer peer;
    struct sentinel sentinel;
    struct outage outage;
    bool idle;       /* session_set_idle() */
    bool owed;       /* a reply is due during this sleep */
    bool unreported; /* session_reply() has not returned SESSION_BROKEN yet */
    int64_t silence; /* ms for which a reply has been due */
    int64_t tried;   /* when the failed attempt began */
    struct err why;  /* the last failure */
};

/* Close the link because of a failure. */
static void drop(struct session *s, const struct err *why)
{
    peer_close(&s->peer);
    if (s->state == UP) {
        s->unreported = true;
        s->tried = wait_now();
    }
    s->state = FAILED;
    s->why = *why;
}

/* The same. Returns -1 with `*e` if trying again cannot help. */
static int fail(struct session *s, const struct err *why, struct err *e)
{
    drop(s, why);
    if (why->code == EXIT_NO_CONNECTION || why->kind != ERR_FINAL)
        return 0;
    *e = *why;
    return -1;
}

/* Count the failure in the outage. Returns -1 if that has lasted too long. */
static int count_failure(struct session *s, struct err *e)
{
    if (s->state == FAILED)
        s->state = DOWN;
    return outage_count(&s->outage, route_outage(s->peer.route, &s->peer.at), s->tried, &s->why, e);
}

/* The server closed a connection on which it owed nothing. That is not an outage. */
static void on_idle_close(struct session *s)
{
    peer_close(&s->peer);
    s->state = DOWN;
    s->unreported = true;
    s->outage.next_try = wait_now() + REST_MS;
}

/* Count the silence of a server that owes an answer. */
static void count_silence(struct session *s, int64_t slept)
{
    struct err why;

    s->silence += slept;
    if (s->silence < SESSION_PATIENCE_MS)
        return;
    err_set(&why, EXIT_NO_CONNECTION, "connection to %s lost: no answer", link_peer(s->peer.link));
    drop(s, &why);
}

/* Begin to ask for the address or to connect, if it is time to. */
static void advance(struct session *s, int64_t now)
{
    bool idle = s->idle && s->outage.since == 0;
    int64_t due;

    if (s->state > DIRECTED || idle || now < s->outage.next_try || sentinel_is_busy(&s->sentinel))
        return;
    s->tried = now;
    if (s->state == DOWN && s->peer.route->master) {
        sentinel_ask(&s->sentinel);
        s->state = ASKING_SENTINELS;
        return;
    }
    if (s->state == DOWN)
        peer_choose(&s->peer, s->outage.since > 0);
    due = now + outage_left(&s->outage, CONNECT_MS);
    s->silence = 0;
    s->state = peer_connect(&s->peer, due, &s->why) == 0 ? CONNECTING : FAILED;
}

/* The peer has changed to another server, which is not a failure. */
static void moved(struct session *s)
{
    s->state = s->peer.link ? UP : DIRECTED;
    s->silence = 0;
}

/* The login succeeded. Check that the server is the master, or ask a cluster's node for slots. */
static int on_login(struct session *s, struct err *why)
{
    if (s->peer.route->master && !link_is_master(s->peer.link))
        return err_set(
            why, EXIT_NO_CONNECTION, "%s is not the master now", link_peer(s->peer.link));
    s->state = link_in_cluster(s->peer.link) ? ASKING_SLOTS : UP;
    if (s->state == ASKING_SLOTS)
        peer_ask_slots(&s->peer);
    return 0;
}

/* Serve the link. Returns -1 if the login was refused for good. */
static int serve_link(struct session *s, short revents, struct err *e)
{
    struct err why;
    int done = link_serve(s->peer.link, revents, &why);

    if (done == 0 && s->state == CONNECTING && link_ready(s->peer.link))
        done = on_login(s, &why);
    if (done == 0 && s->state == ASKING_SLOTS)
        done = peer_take_slots(&s->peer, &why);
    if (done == 1)
        moved(s);
    if (s->state == UP && !link_up(s->peer.link) && !s->owed && s->outage.since == 0)
        on_idle_close(s);
    return done < 0 ? fail(s, &why, e) : 0;
}

/* The Sentinels have named the master. */
static void on_master(struct session *s, const struct endpoint *found)
{
    char now[ENDPOINT_TEXT];
    struct err why;

    if (s->state == DOWN || s->state == ASKING_SENTINELS) {
        s->peer.at = *found;
        s->state = DIRECTED;
    } else if (s->peer.link && !route_same(&s->peer.at, found)) {
        err_set(&why, EXIT_NO_CONNECTION, "%s is not the master now, but %s is",
            link_peer(s->peer.link), uri_endpoint_text(found, now));
        drop(s, &why);
    }
}

/* Serve the Sentinels. Returns -1 if none of them ever will name the master. */
static int serve_sentinels(struct session *s, short revents, struct err *e)
{
    struct endpoint found;
    struct err why;
    int done;

    if (!sentinel_is_busy(&s->sentinel))
        return 0;
    done = sentinel_serve(&s->sentinel, revents, &found, &why);
    if (done == 1)
        on_master(s, &found);
    return done < 0 && s->state == ASKING_SENTINELS ? fail(s, &why, e) : 0;
}

size_t session_fds(const struct session *s)
{
    return s->peer.route->master ? MOST_FDS : 1;
}

int session_prepare(
    struct session *s, struct pollfd *fds, int64_t *deadline, bool awaiting, struct err *e)
{
    int64_t now = wait_now();

    advance(s, now);
    if (s->state == FAILED && count_failure(s, e) < 0)
        return -1;
    link_flush(s->peer.link);
    fds[0] = link_poll(s->peer.link, deadline);
    if (s->peer.route->master)
        fds[1] = sentinel_poll(&s->sentinel, s->peer.link != NULL, deadline);
    if (s->outage.next_try > now)
        *deadline = wait_earliest(*deadline, s->outage.next_try);
    s->owed = (awaiting || s->state == ASKING_SLOTS) && s->peer.link && link_up(s->peer.link)
              && now >= s->outage.next_try;
    if (s->owed)
        *deadline = wait_earliest(*deadline, now + SESSION_PATIENCE_MS - s->silence);
    return 0;
}

int session_serve(struct session *s, const struct pollfd *fds, int64_t slept, struct err *e)
{
    if (fds[0].revents)
        s->silence = 0;
    else if (s->owed && s->peer.link)
        count_silence(s, slept);
    if (s->peer.route->master && serve_sentinels(s, fds[1].revents, e) < 0)
        return -1;
    return s->peer.link ? serve_link(s, fds[0].revents, e) : 0;
}

int session_wait(
    struct session *s, struct pollfd *other, int64_t deadline, bool awaiting, struct err *e)
{
    struct pollfd fds[MOST_FDS + 1 + 1]; /* `other`, and one for wait_poll() */
    size_t n = session_fds(s);
    int64_t now;

    fds[n] = other ? *other : (struct pollfd){-1, 0, 0};
    if (session_prepare(s, fds, &deadline, awaiting, e) < 0)
        return -1;
    now = wait_now();
    if (wait_poll(fds, n + 1, deadline) < 0)
        return err_set(e, EXIT_FAILED, "cannot wait for the server: %s", strerror(errno));
    if (other)
        other->revents = fds[n].revents;
    return session_serve(s, fds, wait_now() - now, e);
}

int session_reply(struct session *s, reply_sink *sink, void *context, struct err *e)
{
    struct err why;

    if (s->state == UP && !s->unreported) {
        int done = link_reply(s->peer.link, sink, context, &why);

        if (done >= 0)
            return done;
        if (why.code != EXIT_NO_CONNECTION) {
            *e = why;
            return -1;
        }
        drop(s, &why);
    }
    if (!s->unreported)
        return 0;
    s->unreported = false;
    return SESSION_BROKEN;
}

int session_refused(struct session *s, const struct err *why, struct err *e)
{
    int redirected = peer_redirect(&s->peer, why);

    s->why = *why;
    s->tried = wait_now();
    if (redirected != 0) {
        moved(s);
    } else if (why->kind != ERR_TRANSIENT) {
        drop(s, why);
        s->unreported = false;
    }
    return redirected == 1 ? 0 : count_failure(s, e);
}

void session_reconnect(struct session *s)
{
    if (s->peer.link)
        s->state = DIRECTED; /* to the same server */
    peer_close(&s->peer);
}

bool session_use_slot(struct session *s, int slot)
{
    if (!s->peer.route->cluster || slot == s->peer.slot)
        return false;
    s->peer.slot = slot;
    if (s->state != UP || s->outage.since || !peer_follow_slot(&s->peer))
        return false;
    moved(s);
    return true;
}

void session_keep_links(struct session *s)
{
    s->peer.keeps_links = true;
}

void session_set_idle(struct session *s, bool idle)
{
    s->idle = idle;
}

void session_end_asking(struct session *s)
{
    if (s->state == UP && s->peer.asking && peer_follow_slot(&s->peer))
        moved(s);
}

bool session_asking(const struct session *s)
{
    return s->peer.asking;
}

int session_node(const struct session *s, int slot)
{
    return slot < 0 ? 0 : s->peer.route->owners[slot];
}

const char *session_user(const struct session *s)
{
    return s->peer.route->login.user ? s->peer.route->login.user : "default";
}

void session_succeeded(struct session *s)
{
    s->silence = 0;
    peer_succeeded(&s->peer);
    outage_end(&s->outage);
}

bool session_up(const struct session *s)
{
    return s->state == UP && link_up(s->peer.link) && wait_now() >= s->outage.next_try;
}

int session_slot(const struct session *s)
{
    return s->peer.slot;
}

bool session_in_cluster(const struct session *s)
{
    return s->peer.route->cluster;
}

struct link *session_link(const struct session *s)
{
    return s->peer.link;
}

struct session *session_new(struct route *route, int slot, int64_t retry)
{
    struct session *s = buf_zeroed(1, sizeof *s);

    s->peer.route = route;
    s->sentinel.route = route;
    s->peer.slot = slot;
    s->outage.retry = retry;
    return s;
}

struct session *session_open(struct route *route, int64_t retry, int64_t later_retry, struct err *e)
{
    struct session *s = session_new(route, -1, retry == SESSION_DEFAULT ? 0 : retry);

    while (!session_up(s))
        if (session_wait(s, NULL, WAIT_FOREVER, false, e) < 0) {
            if (e->code == EXIT_NO_CONNECTION)
                err_hint(e, "see -h, -p, -s and -u in --help");
            session_close(s);
            return NULL;
        }
    s->outage.retry = retry == SESSION_DEFAULT ? later_retry : retry;
    session_succeeded(s);
    err_say(ERR_DETAIL, "connected to %s", link_peer(s->peer.link));
    return s;
}

bool session_finish(struct session *s, int64_t deadline)
{
    struct err e;
    int done = 0;

    s->outage.retry = 0;
    while (session_up(s) && (done = session_reply(s, reply_ignore, NULL, &e)) == 0)
        if (wait_now() >= deadline || session_wait(s, NULL, deadline, false, &e) < 0)
            return false;
    return done == 1;
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    peer_free(&s->peer);
    sentinel_stop(&s->sentinel);
    outage_forget(&s->outage);
    free(s);
}
