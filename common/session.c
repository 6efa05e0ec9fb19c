#include "common/session.h"

#include <stdlib.h>
#include <sys/random.h>

#include "common/wait.h"

/* How long an attempt to connect and log in may take; less towards the end of --retry, but not
 * nothing. */
enum { CONNECT_MS = 10000, LEAST_CONNECT_MS = 1000 };

/* Pauses between attempts: they double, and each is cut by chance to between half of it and all. */
enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 2000 };

enum { FINISH_MS = 1000 };

struct session {
    const struct uri *address;
    const char *name;
    int64_t retry;
    struct link *link;   /* NULL: between two connections */
    int64_t connect_due; /* the link must be ready by then */
    int64_t again;       /* no attempt, or no command on a link that is ready, before then */
    int64_t silence;     /* ms for which an answer has been due */
    bool broken;         /* the link has died, and session_reply() has not told */
    bool failed;         /* there is a `why` that has not been counted as an attempt */
    struct err why;      /* what went wrong last */
    int64_t since;       /* an outage began then; 0: there is none */
    unsigned attempts;   /* in it */
};

static int64_t pause_before(unsigned attempt)
{
    int64_t longest = attempt < 5 ? FIRST_PAUSE_MS << attempt : LONGEST_PAUSE_MS;
    uint16_t chance = 0;

    if (longest > LONGEST_PAUSE_MS)
        longest = LONGEST_PAUSE_MS;
    if (getrandom(&chance, sizeof chance, 0) < 0)
        chance = UINT16_MAX; /* no more than politeness is lost */
    return longest / 2 + longest / 2 * chance / UINT16_MAX;
}

/* An attempt has failed: say so if it is the first, and when the next one is. -1: give up. */
static int suffer(struct session *s, struct err *e)
{
    int64_t now = wait_now();

    s->failed = false;
    if (s->since == 0) {
        s->since = now;
        s->attempts = 0;
        if (s->retry == SESSION_FOREVER)
            err_say(ERR_NOTICE, "%s; trying again", s->why.text);
        else if (s->retry > 0)
            err_say(ERR_NOTICE, "%s; trying again for %g s", s->why.text, (double)s->retry / 1000);
    } else {
        err_say(ERR_DETAIL, "%s", s->why.text);
    }
    if (s->retry <= now - s->since) {
        *e = s->why;
        if (s->retry > 0)
            err_add(e, "; gave up after %g s", (double)s->retry / 1000);
        return -1;
    }
    s->again = now + pause_before(s->attempts++);
    if (s->retry != SESSION_FOREVER)
        s->again = wait_earliest(s->again, s->since + s->retry);
    return 0;
}

static void drop(struct session *s, const struct err *why)
{
    link_close(s->link);
    s->link = NULL;
    s->failed = true;
    if (why != &s->why)
        s->why = *why;
}

static void begin_to_connect(struct session *s)
{
    int64_t now = wait_now(), most = CONNECT_MS;

    if (s->since && s->retry != SESSION_FOREVER) {
        most = wait_earliest(most, s->since + s->retry - now);
        most = most < LEAST_CONNECT_MS ? LEAST_CONNECT_MS : most;
    }
    s->connect_due = now + most;
    s->silence = 0;
    s->link = link_open(s->address, s->name, &s->why);
    s->failed = s->link == NULL;
}

/* Serve the link on its way up or when it is there. -1: refused for good. */
static int serve(struct session *s, short revents, struct err *e)
{
    struct err why;
    int done = link_serve(s->link, revents, &why);

    if (done == 0 && !link_ready(s->link) && wait_now() >= s->connect_due)
        done = err_set(
            &why, EXIT_NO_CONNECTION, "cannot connect to %s: no answer", link_peer(s->link));
    if (done == 0) {
        if (link_ready(s->link))
            s->connect_due = WAIT_FOREVER;
        return 0;
    }
    drop(s, &why);
    if (why.code == EXIT_NO_CONNECTION || why.kind != ERR_FINAL)
        return 0;
    *e = why;
    return -1;
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

int session_wait(
    struct session *s, struct pollfd *other, int64_t deadline, bool awaiting, struct err *e)
{
    struct pollfd fds[] = {{-1, 0, 0}, {-1, 0, 0}};
    int64_t now, slept;

    if (s->link == NULL && !s->failed && wait_now() >= s->again)
        begin_to_connect(s);
    if (s->failed && suffer(s, e) < 0)
        return -1;
    if (s->link)
        fds[0] = (struct pollfd){link_fd(s->link), link_events(s->link), 0};
    if (other)
        fds[1] = *other;
    now = wait_now();
    awaiting = awaiting && session_up(s);
    if (s->link)
        deadline = wait_earliest(deadline, s->connect_due);
    if (s->again > now)
        deadline = wait_earliest(deadline, s->again);
    if (awaiting)
        deadline = wait_earliest(deadline, now + SESSION_PATIENCE_MS - s->silence);
    wait_poll(fds, 2, deadline);
    slept = wait_now() - now;
    if (other)
        other->revents = fds[1].revents;
    if (fds[0].revents)
        s->silence = 0;
    else if (awaiting)
        count_silence(s, slept);
    return s->link ? serve(s, fds[0].revents, e) : 0;
}

int session_reply(struct session *s, reply_sink *sink, void *context, struct err *e)
{
    struct err why;

    if (!s->broken && s->link && link_ready(s->link)) {
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
    s->why = *why;
    if (why->kind == ERR_ELSEWHERE)
        drop(s, &s->why);
    return suffer(s, e);
}

void session_fine(struct session *s)
{
    s->silence = 0;
    if (s->since)
        err_say(ERR_NOTICE, "going on, after an outage of %.1f s",
            (double)(wait_now() - s->since) / 1000);
    s->since = 0;
}

bool session_up(const struct session *s)
{
    return s->link && link_up(s->link) && wait_now() >= s->again;
}

struct link *session_link(const struct session *s)
{
    return s->link;
}

struct session *session_open(
    const struct uri *address, const char *name, int64_t retry, int64_t later_retry, struct err *e)
{
    struct session *s = calloc(1, sizeof *s);

    if (s == NULL)
        buf_no_memory();
    s->address = address;
    s->name = name;
    s->retry = retry == SESSION_DEFAULT ? 0 : retry;
    while (!session_up(s))
        if (session_wait(s, NULL, WAIT_FOREVER, false, e) < 0) {
            if (e->code == EXIT_NO_CONNECTION)
                err_add(e, "; see -h, -p, -s and -u in --help");
            session_close(s);
            return NULL;
        }
    s->retry = retry == SESSION_DEFAULT ? later_retry : retry;
    session_fine(s);
    err_say(ERR_DETAIL, "connected to %s", link_peer(s->link));
    return s;
}

void session_finish(struct session *s)
{
    int64_t deadline = wait_now() + FINISH_MS;
    struct err e;

    s->retry = 0;
    while (session_up(s) && wait_now() < deadline && session_reply(s, reply_ignore, NULL, &e) == 0)
        if (session_wait(s, NULL, deadline, false, &e) < 0)
            return;
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    link_close(s->link);
    free(s);
}
