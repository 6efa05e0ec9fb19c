#include "common/sentinel.h"

#include <string.h>

#include "common/id.h"
#include "common/wait.h"

/* How long a Sentinel may take to answer: there are others. */
enum { ANSWER_MS = 300 };

/* How often a master is watched. */
enum { WATCH_MS = 5000 };

static void ask_next(struct sentinel *s);

/* The Sentinel that was asked can not tell: go on to the next one. */
static void pass_on(struct sentinel *s)
{
    link_close(s->link);
    s->link = NULL;
    s->at = (s->at + 1) % s->route->n;
    s->asked++;
    ask_next(s);
}

/* Ask the one at hand, or those behind it if it can not be reached at all. */
static void ask_next(struct sentinel *s)
{
    s->sent = false;
    while (s->asked < s->route->n) {
        s->due = wait_now() + ANSWER_MS;
        s->link = link_open(route_node(s->route, s->at), &s->login, s->due, &s->why);
        if (s->link)
            return;
        s->unsure = true;
        s->at = (s->at + 1) % s->route->n;
        s->asked++;
    }
}

void sentinel_ask(struct sentinel *s)
{
    s->at = s->due > 0 ? (s->at + 1) % s->route->n : 0;
    s->asked = 0;
    s->unknown = s->unsure = false;
    s->busy = true; /* though there may be none that can be asked: sentinel_serve() says so */
    s->again = wait_now() + WATCH_MS;
    /* Sentinels mostly need no password: the one that is given is for the master. */
    s->login = (struct login){.name = s->route->login.name, .tls = s->route->login.tls};
    ask_next(s);
}

bool sentinel_is_busy(const struct sentinel *s)
{
    return s->busy;
}

struct pollfd sentinel_poll(struct sentinel *s, bool watch, int64_t *deadline)
{
    if (watch && !s->busy && wait_now() >= s->again)
        sentinel_ask(s);
    if (watch)
        *deadline = wait_earliest(*deadline, s->again);
    if (s->busy)
        *deadline = wait_earliest(*deadline, s->link ? s->due : 0);
    return link_poll(s->link, deadline);
}

/* An array of host and port, or nil. */
static void on_answer(void *context, const struct reply_item *item)
{
    struct sentinel *s = context;
    uint64_t port;

    if (item->type == REPLY_ERROR)
        reply_refusal(&s->why, item, link_peer(s->link));
    if (item->depth == 0)
        s->found = (struct endpoint){0};
    if (item->depth == 1 && item->index == 0 && item->len < sizeof s->found.host)
        memcpy(s->found.host, item->bytes, item->len);
    if (item->depth == 1 && item->index == 1 && id_number(item->bytes, item->len, &port) == 0
        && port <= 65535)
        s->found.port = (int)port;
}

/* Take the answer, if it is there: 1; 0 if not; -1: it can not come. */
static int take_answer(struct sentinel *s)
{
    const char *master = s->route->master;

    if (link_ready(s->link) && !s->sent) {
        link_command(s->link, "SENTINEL get-master-addr-by-name %s", master);
        s->sent = true;
    }
    return s->sent ? link_reply(s->link, on_answer, s, &s->why) : 0;
}

/* The login was refused for want of the password: try with it. Not again, if that is refused too.
 */
static bool try_password(struct sentinel *s)
{
    if (s->login.password || !s->route->login.password || !strstr(s->why.text, "NOAUTH"))
        return false;
    s->login = s->route->login;
    s->login.db = -1;
    link_close(s->link);
    ask_next(s);
    return true;
}

/* All have been asked. */
static int give_up(struct sentinel *s, struct err *e)
{
    const char *master = s->route->master;

    s->busy = false;
    if (s->unknown && !s->unsure)
        return err_set(e, EXIT_REFUSED, "the Sentinels know no master '%.100s'", master);
    if (s->unknown)
        return err_set(
            e, EXIT_NO_CONNECTION, "no Sentinel that answers knows a master '%.100s'", master);
    *e = s->why;
    e->code = EXIT_NO_CONNECTION;
    return -1;
}

int sentinel_serve(struct sentinel *s, short revents, struct endpoint *found, struct err *e)
{
    int done = s->link ? link_serve(s->link, revents, &s->why) : -1;

    if (done < 0 && s->link && try_password(s))
        return s->link ? 0 : give_up(s, e);
    if (done == 0)
        done = take_answer(s);
    if (done == 0 && wait_now() < s->due)
        return 0;
    if (done == 1 && s->found.port > 0) {
        *found = s->found;
        sentinel_stop(s);
        return 1;
    }
    if (done == 0)
        err_set(&s->why, EXIT_NO_CONNECTION, "cannot connect to %s: no answer", link_peer(s->link));
    s->unknown = s->unknown || done == 1;
    s->unsure = s->unsure || done != 1;
    if (s->link)
        pass_on(s);
    return s->link ? 0 : give_up(s, e);
}

void sentinel_stop(struct sentinel *s)
{
    link_close(s->link);
    s->link = NULL;
    s->busy = false;
}
