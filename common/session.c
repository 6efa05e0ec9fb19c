#include "common/session.h"

#include <stdlib.h>
#include <string.h>

#include "common/links.h"
#include "common/sentinel.h"
#include "common/wait.h"

/* How long an attempt to connect and log in may take. */
enum { CONNECT_MS = 10000 };

/* How many redirects are followed without a pause: more of them go round in a circle. */
enum { MOST_HOPS = 5 };

/* How often Sentinels are asked whether the master still is one: cut off from them, it would still
 * call itself so. */
enum { VERIFY_MS = 5000 };

struct session {
    struct route *route;
    int slot;           /* of the key that is asked about; -1: any */
    struct endpoint at; /* where the link leads */
    bool told;          /* `at` is where the Sentinels or a redirect have said to go next */
    bool asking;        /* so did an ASK */
    bool learning;      /* the server owes the cluster's slots */
    bool keeps_links;   /* session_keep_links() */
    struct links links; /* to other nodes */
    struct route_slots slots;
    unsigned hops; /* redirects since a command succeeded */
    size_t turn;   /* the node to try when it is not known who serves the slot */
    struct sentinel sentinel;
    bool consulting;      /* they are being asked, or could not be */
    int64_t verify;       /* ask the Sentinels again then */
    bool awaiting;        /* an answer is due */
    struct outage outage; /* `again`: no command either, on a link that is ready */
    struct link *link;    /* NULL: between two connections */
    int64_t connect_due;  /* the link must be ready by then */
    int64_t silence;      /* ms for which an answer has been due */
    bool broken;          /* the link has died, and session_reply() has not told */
    bool failed;          /* there is a `why` that has not been counted as an attempt */
    struct err why;       /* what went wrong last */
};

/* An attempt has failed, for `s->why`. -1: give up. */
static int suffer(struct session *s, struct err *e)
{
    s->failed = false;
    return outage_go_on(&s->outage, &s->why, e);
}

static void drop(struct session *s, const struct err *why)
{
    link_close(s->link);
    s->link = NULL;
    s->failed = true;
    if (why != &s->why)
        s->why = *why;
}

/* Where to, when nobody has said: in a cluster to the slot's node, and on from one to the next as
 * long as that fails, for another has taken over, or knows who has. */
static void choose_node(struct session *s)
{
    const struct endpoint *owner = s->outage.since ? NULL : route_owner(s->route, s->slot);

    s->at = owner ? *owner : *route_node(s->route, s->turn++ % s->route->n);
}

static void begin_to_connect(struct session *s)
{
    int64_t now = wait_now();

    if (s->route->master && !s->told) {
        sentinel_ask(&s->sentinel);
        s->consulting = true; /* though there may be none that can be asked: it will say so */
        return;
    }
    if (!s->told) {
        choose_node(s);
        s->asking = false;
    }
    s->told = false;
    s->connect_due = now + outage_left(&s->outage, CONNECT_MS);
    s->silence = 0;
    s->learning = false;
    s->verify = now + VERIFY_MS;
    s->link = link_open(&s->at, &s->route->login, &s->why);
    s->failed = s->link == NULL;
    if (s->keeps_links)
        return;
    if (s->link && s->asking)
        link_set_asking(s->link);
    s->asking = false;
}

/* The link has come up: is it who we wanted, and what can be learnt from it? */
static int greet(struct session *s, struct err *why)
{
    s->connect_due = WAIT_FOREVER;
    if (s->route->master && !link_is_master(s->link)) {
        err_set(why, EXIT_NO_CONNECTION, "%s is not the master now", link_peer(s->link));
        return -1;
    }
    if (link_in_cluster(s->link)) {
        s->route->cluster = s->learning = true;
        s->slots = (struct route_slots){.route = s->route, .from = s->at};
        link_command(s->link, "CLUSTER SLOTS");
    }
    return 0;
}

/* Go to `to` at once, without a word: nothing has failed. */
static void go(struct session *s, const struct endpoint *to, bool asking)
{
    if (s->keeps_links)
        links_keep(&s->links, &s->at, s->link);
    else
        link_close(s->link);
    s->at = *to;
    s->asking = asking;
    s->link = links_take(&s->links, to);
    s->told = s->link == NULL;
    s->silence = 0;
}

/* Whether an ASK has led here. */
static bool is_asking(const struct session *s)
{
    return s->keeps_links ? s->asking : s->link && link_is_asking(s->link);
}

/* Take the cluster's slots. Where they are not told, whoever asks the wrong node is sent on. */
static void learn(struct session *s)
{
    const struct endpoint *owner;
    struct err why;
    int told = s->learning ? link_reply(s->link, route_slots_item, &s->slots, &why) : 0;

    if (told == 0)
        return;
    s->learning = false;
    if (told < 0) {
        drop(s, &why);
        s->broken = true;
        return;
    }
    owner = route_owner(s->route, s->slot);
    if (owner && !route_same(owner, &s->at) && !is_asking(s) && s->hops++ < MOST_HOPS)
        go(s, owner, false);
}

/* Serve the link on its way up or when it is there. -1: refused for good. */
static int serve(struct session *s, short revents, struct err *e)
{
    struct err why;
    int done = link_serve(s->link, revents, &why);

    if (done == 0 && !link_ready(s->link) && wait_now() >= s->connect_due)
        done = err_set(
            &why, EXIT_NO_CONNECTION, "cannot connect to %s: no answer", link_peer(s->link));
    if (done == 0 && link_ready(s->link) && s->connect_due < WAIT_FOREVER)
        done = greet(s, &why);
    if (done == 0) {
        learn(s);
        return 0;
    }
    drop(s, &why);
    if (why.code == EXIT_NO_CONNECTION || why.kind != ERR_FINAL)
        return 0;
    *e = why;
    return -1;
}

/* Hear what the Sentinels have to say. -1: there is no such master. */
static int serve_sentinel(struct session *s, short revents, struct err *e)
{
    struct endpoint found;
    struct err why;
    int done = sentinel_serve(&s->sentinel, revents, &found, &why);

    if (done == 1 && s->link == NULL) {
        s->at = found;
        s->told = true;
    } else if (done == 1 && !route_same(&s->at, &found)) {
        char now[ENDPOINT_TEXT];

        err_set(&why, EXIT_NO_CONNECTION, "%s is not the master now, but %s is", link_peer(s->link),
            uri_endpoint_text(&found, now));
        drop(s, &why);
        s->broken = true;
        s->at = found;
        s->told = true;
    } else if (done < 0 && s->link == NULL) {
        s->why = why;
        s->failed = true;
        if (why.code == EXIT_REFUSED) {
            *e = why;
            return -1;
        }
    }
    return 0;
}

/* Count the silence of a server that owes an answer. */
static void count_silence(struct session *s, int64_t slept)
{
    struct err why;

    s->silence += slept;
    if (s->silence < SESSION_PATIENCE_MS)
        return;
    err_set(&why, EXIT_NO_CONNECTION, "connection to %s lost: no answer", link_peer(s->link));
    drop(s, &why);
    s->broken = true;
}

int session_prepare(struct session *s, struct pollfd fds[SESSION_FDS], int64_t *deadline,
    bool awaiting, struct err *e)
{
    int64_t now = wait_now();

    s->consulting = sentinel_is_busy(&s->sentinel);
    if (s->link && s->route->master && now >= s->verify && !sentinel_is_busy(&s->sentinel)) {
        sentinel_ask(&s->sentinel);
        s->verify = now + VERIFY_MS;
    }
    if (s->link == NULL && !s->failed && now >= s->outage.again && !sentinel_is_busy(&s->sentinel))
        begin_to_connect(s);
    if (s->failed && suffer(s, e) < 0)
        return -1;
    fds[0] = (struct pollfd){-1, 0, 0};
    if (s->link) {
        link_flush(s->link);
        fds[0] = (struct pollfd){link_fd(s->link), link_events(s->link), 0};
        *deadline = wait_earliest(*deadline, s->connect_due);
    }
    if (s->link && s->route->master)
        *deadline = wait_earliest(*deadline, s->verify);
    if (s->consulting && !sentinel_is_busy(&s->sentinel))
        *deadline = now;
    s->consulting = s->consulting || sentinel_is_busy(&s->sentinel);
    fds[1] = sentinel_poll(&s->sentinel, deadline);
    if (s->outage.again > now)
        *deadline = wait_earliest(*deadline, s->outage.again);
    s->awaiting = (awaiting || s->learning) && s->link && link_up(s->link)
                  && now >= s->outage.again;
    if (s->awaiting)
        *deadline = wait_earliest(*deadline, now + SESSION_PATIENCE_MS - s->silence);
    return 0;
}

int session_serve(
    struct session *s, const struct pollfd fds[SESSION_FDS], int64_t slept, struct err *e)
{
    if (fds[0].revents)
        s->silence = 0;
    else if (s->awaiting && s->link)
        count_silence(s, slept);
    if (s->consulting && serve_sentinel(s, fds[1].revents, e) < 0)
        return -1;
    return s->link ? serve(s, fds[0].revents, e) : 0;
}

int session_wait(
    struct session *s, struct pollfd *other, int64_t deadline, bool awaiting, struct err *e)
{
    struct pollfd fds[SESSION_FDS + 1];
    int64_t now;

    fds[SESSION_FDS] = other ? *other : (struct pollfd){-1, 0, 0};
    if (session_prepare(s, fds, &deadline, awaiting, e) < 0)
        return -1;
    now = wait_now();
    wait_poll(fds, SESSION_FDS + 1, deadline);
    if (other)
        other->revents = fds[SESSION_FDS].revents;
    return session_serve(s, fds, wait_now() - now, e);
}

int session_reply(struct session *s, reply_sink *sink, void *context, struct err *e)
{
    struct err why;

    if (!s->broken && s->link && link_ready(s->link) && !s->learning
        && s->connect_due == WAIT_FOREVER) {
        int told = link_reply(s->link, sink, context, &why);

        if (told >= 0)
            return told;
        if (why.code != EXIT_NO_CONNECTION) {
            *e = why;
            return -1;
        }
        drop(s, &why);
        s->broken = true;
    }
    if (!s->broken)
        return 0;
    s->broken = false;
    return SESSION_BROKEN;
}

int session_refused(struct session *s, const struct err *why, struct err *e)
{
    struct endpoint to;

    s->why = *why;
    if ((why->kind == ERR_MOVED || why->kind == ERR_ASK)
        && route_redirect(s->route, why->text, &s->at, &to)) {
        s->route->cluster = true;
        go(s, &to, why->kind == ERR_ASK);
        if (++s->hops <= MOST_HOPS)
            return 0;
    } else if (why->kind != ERR_TRANSIENT) {
        drop(s, &s->why);
    }
    return suffer(s, e);
}

void session_renew(struct session *s)
{
    link_close(s->link);
    s->link = NULL;
    s->told = true; /* to the same server */
}

bool session_use_slot(struct session *s, int slot)
{
    const struct endpoint *owner = route_owner(s->route, slot);

    if (!s->route->cluster || slot == s->slot)
        return false;
    s->slot = slot;
    if (owner == NULL || s->link == NULL || s->outage.since)
        return false;
    if (route_same(owner, &s->at) && !is_asking(s))
        return false;
    go(s, owner, false);
    return true;
}

void session_keep_links(struct session *s)
{
    s->keeps_links = true;
}

bool session_asking(const struct session *s)
{
    return s->asking;
}

int session_node(const struct session *s, int slot)
{
    return slot < 0 ? 0 : s->route->owners[slot];
}

const char *session_user(const struct session *s)
{
    return s->route->login.user ? s->route->login.user : "default";
}

void session_fine(struct session *s)
{
    s->silence = 0;
    s->hops = 0;
    outage_end(&s->outage);
}

bool session_up(const struct session *s)
{
    return s->link && link_up(s->link) && s->connect_due == WAIT_FOREVER && !s->learning
           && wait_now() >= s->outage.again;
}

int session_slot(const struct session *s)
{
    return s->slot;
}

bool session_in_cluster(const struct session *s)
{
    return s->route->cluster;
}

struct link *session_link(const struct session *s)
{
    return s->link;
}

struct session *session_new(struct route *route, int slot, int64_t retry)
{
    struct session *s = calloc(1, sizeof *s);

    if (s == NULL)
        buf_no_memory();
    s->route = route;
    s->sentinel.route = route;
    s->slot = slot;
    s->outage.retry = retry;
    return s;
}

struct session *session_open(struct route *route, int64_t retry, int64_t later_retry, struct err *e)
{
    struct session *s = session_new(route, -1, retry == SESSION_DEFAULT ? 0 : retry);

    while (!session_up(s))
        if (session_wait(s, NULL, WAIT_FOREVER, false, e) < 0) {
            if (e->code == EXIT_NO_CONNECTION)
                err_add(e, "; see -h, -p, -s and -u in --help");
            session_close(s);
            return NULL;
        }
    s->outage.retry = retry == SESSION_DEFAULT ? later_retry : retry;
    session_fine(s);
    err_say(ERR_DETAIL, "connected to %s", link_peer(s->link));
    return s;
}

bool session_finish(struct session *s, int64_t deadline)
{
    struct err e;
    int told = 0;

    s->outage.retry = 0;
    while (session_up(s) && (told = session_reply(s, reply_ignore, NULL, &e)) == 0)
        if (wait_now() >= deadline || session_wait(s, NULL, deadline, false, &e) < 0)
            return false;
    return told == 1;
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    link_close(s->link);
    links_free(&s->links);
    sentinel_stop(&s->sentinel);
    free(s);
}
