#include "common/sentinel.h"

#include <string.h>

#include "common/id.h"
#include "common/wait.h"

/* How long a Sentinel may take to answer, before the next one is asked. */
enum { ANSWER_MS = 300 };

/* How often to ask whether the master is still the same. */
enum { WATCH_MS = 5000 };

/* The Sentinel at `at` has been asked: the next one is to be asked. */
static void advance(struct sentinel *s)
{
    s->at = (s->at + 1) % s->route->nodes.n;
    s->asked++;
}

/* Connect to the Sentinel at `at`, or to the first one after it for which that does not fail at
 * once. */
static void ask(struct sentinel *s)
{
    link_close(s->link);
    s->link = NULL;
    s->sent = false;
    while (s->asked < s->route->nodes.n) {
        s->due = wait_now() + ANSWER_MS;
        s->link = link_open(route_node(s->route, s->at), &s->login, s->due, &s->why);
        if (s->link)
            return;
        s->away = true;
        advance(s);
    }
}

void sentinel_ask(struct sentinel *s)
{
    s->at = s->due > 0 ? (s->at + 1) % s->route->nodes.n : 0;
    s->asked = 0;
    s->unknown = s->away = false;
    s->refused.code = EXIT_DONE;
    s->busy = true; /* if all fail at once, sentinel_serve() reports that */
    s->watch_at = wait_now() + WATCH_MS;
    /* The password is for the master. Most Sentinels need none. */
    s->login = (struct login){.name = s->route->login.name, .tls = s->route->login.tls};
    ask(s);
}

bool sentinel_is_busy(const struct sentinel *s)
{
    return s->busy;
}

struct pollfd sentinel_poll(struct sentinel *s, bool watch, int64_t *deadline)
{
    if (watch && !s->busy && wait_now() >= s->watch_at)
        sentinel_ask(s);
    if (watch)
        *deadline = wait_earliest(*deadline, s->watch_at);
    if (s->busy)
        *deadline = wait_earliest(*deadline, s->link ? s->due : 0);
    return link_poll(s->link, deadline);
}

void sentinel_item(void *sentinel, const struct reply_item *item)
{
    struct sentinel *s = sentinel;
    uint64_t port;

    if (item->depth == 0)
        s->found = (struct endpoint){0}, s->nil = item->type == REPLY_NIL;
    if (item->type == REPLY_ERROR)
        reply_refusal(&s->why, item, s->link ? link_peer(s->link) : NULL);
    if (item->type != REPLY_STRING || item->depth != 1)
        return;
    if (item->index == 0)
        uri_set_host(&s->found, item->bytes, item->len);
    if (item->index == 1 && id_number(item->bytes, item->len, &port) == 0 && port <= 65535)
        s->found.port = (int)port;
}

/* Take the reply. Returns 1 when it is complete, 0 when more must come first, -1 if it failed. */
static int take_answer(struct sentinel *s)
{
    const char *master = s->route->master;

    if (link_ready(s->link) && !s->sent) {
        link_command(s->link, "SENTINEL get-master-addr-by-name %s", master);
        s->sent = true;
    }
    if (!s->sent)
        return 0;
    err_set(&s->why, EXIT_REFUSED, "%s does not answer with a host and a port",
        link_peer(s->link)); /* unless the reply is an error, which replaces this */
    return link_reply(s->link, sentinel_item, s, &s->why);
}

/* If the Sentinel wants a password, try the master's, once. */
static bool try_password(struct sentinel *s)
{
    if (s->login.password || !s->route->login.password || !strstr(s->why.text, "NOAUTH"))
        return false;
    s->login = s->route->login;
    s->login.db = -1;
    ask(s);
    return true;
}

/* All have been asked. If one did not answer, it is worth trying again. */
static int give_up(struct sentinel *s, struct err *e)
{
    enum exit_code code = s->away ? EXIT_NO_CONNECTION : EXIT_REFUSED;
    const char *master = s->route->master;

    s->busy = false;
    if (s->refused.code != EXIT_DONE)
        return err_set(e, code, "%s", s->refused.text);
    if (s->unknown && !s->away)
        return err_set(e, code, "the Sentinels know no master '%.100s'", master);
    if (s->unknown)
        return err_set(e, code, "no Sentinel that answered knows a master '%.100s'", master);
    return err_set(e, code, "%s", s->why.text);
}

/* Note why the Sentinel gave no address. `done` is what take_answer() returned. */
static void note_failure(struct sentinel *s, int done)
{
    if (done == 0)
        err_set(&s->why, EXIT_NO_CONNECTION, "cannot connect to %s: no answer", link_peer(s->link));
    if (done == 1 && s->nil)
        s->unknown = true;
    else if (s->why.code == EXIT_REFUSED)
        s->refused = s->why;
    else
        s->away = true;
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
    if (done == 1 && s->found.port > 0 && s->found.host[0]) {
        *found = s->found;
        sentinel_stop(s);
        return 1;
    }
    if (s->link) {
        note_failure(s, done);
        advance(s);
        ask(s);
    }
    return s->link ? 0 : give_up(s, e);
}

void sentinel_stop(struct sentinel *s)
{
    link_close(s->link);
    s->link = NULL;
    s->busy = false;
}
