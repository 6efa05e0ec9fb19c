#include "common/call.h"

void request_ask(struct request *r, struct session *s)
{
    r->n = r->at = 0;
    r->problem.code = EXIT_DONE;
    if (session_asking(s))
        link_set_asking(session_link(s));
    r->kind->ask(r, session_link(s));
}

static int give_up(struct request *r, struct session *s, struct err *e)
{
    if (r->kind->broken)
        r->kind->broken(r);
    if (r->problem.kind != ERR_FINAL)
        return session_refused(s, &r->problem, e) < 0 ? -1 : SESSION_BROKEN;
    *e = r->problem;
    return -1;
}

int request_take(struct request *r, struct session *s, struct err *e)
{
    while (r->at < r->n) {
        int came = session_reply(s, r->kind->item, r, e);

        if (came == SESSION_BROKEN && r->kind->broken)
            r->kind->broken(r);
        if (came != 1)
            return came;
        if (r->kind->replied)
            r->kind->replied(r);
        r->at++;
    }
    if (r->problem.code == EXIT_DONE && r->kind->answered)
        r->kind->answered(r);
    if (r->problem.code != EXIT_DONE)
        return give_up(r, s, e);
    session_succeeded(s);
    return 1;
}

/* Wait until commands may be sent. SESSION_BROKEN if a connection died meanwhile: what an earlier
 * request learnt on it may be wrong now. */
static int come_up(struct session *s, session_sleep *sleep, void *context, struct err *e)
{
    for (;;) {
        int came = session_reply(s, reply_ignore, NULL, e);

        if (came < 0 || came == SESSION_BROKEN)
            return came;
        if (came > 0)
            continue;
        if (session_up(s))
            return 0;
        came = sleep(context, s, false, e);
        if (came != 0)
            return came;
    }
}

int session_call(
    struct session *s, struct request *r, session_sleep *sleep, void *context, struct err *e)
{
    int done;

    r->problem.code = EXIT_DONE;
    done = come_up(s, sleep, context, e);
    if (done != 0)
        return done;
    request_ask(r, s);
    while ((done = request_take(r, s, e)) == 0) {
        done = sleep(context, s, true, e);
        if (done != 0)
            return done;
    }
    return done;
}
