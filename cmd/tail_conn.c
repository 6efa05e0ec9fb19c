#include "cmd/tail_conn.h"

#include <stdlib.h>

#include "cmd/tail_wait.h"
#include "common/wait.h"

void tail_conns_add(struct tail_conns *cs, struct tail_conn *c, int slot)
{
    cs->all = realloc(cs->all, (cs->n + 1) * sizeof(struct tail_conn *));
    if (cs->all == NULL)
        buf_no_memory();
    cs->all[cs->n++] = c;
    if (c->session == NULL)
        c->session = session_new(cs->t->route, slot, cs->t->retry);
}

static void lose(struct tail_conn *c)
{
    c->asked = NULL;
    if (c->source->broken)
        c->source->broken(c);
}

/* Take what has come. 1: something was answered, or lost; 0: more must come. */
static int take(struct tail_conn *c, struct err *e)
{
    int done = c->asked ? request_take(c->asked, c->session, e)
                        : session_reply(c->session, reply_ignore, NULL, e);

    if (done > 0)
        c->wake = 0;
    if (done == SESSION_BROKEN)
        lose(c);
    else if (done != 0)
        c->asked = NULL;
    return done < 0 ? -1 : done > 0;
}

/* Take answers and ask on, until an answer is awaited or there is nothing to ask. */
static int advance(struct tail *t, struct tail_conn *c, bool *moved, struct err *e)
{
    int done = 1;

    while (done == 1 && t->print.stop == TAIL_GOES_ON && !c->over) {
        done = take(c, e);
        *moved = *moved || done == 1;
        if (done != 0 || c->asked)
            continue;
        if (!session_up(c->session) || wait_now() < c->wake)
            return 0;
        c->wake = WAIT_FOREVER;
        c->asked = c->source->next(c);
        if (c->asked) {
            request_ask(c->asked, c->session);
            done = 1;
        } else {
            session_fine(c->session); /* there is nothing that it would refuse */
        }
    }
    return done < 0 ? -1 : 0;
}

static bool all_over(const struct tail_conns *cs)
{
    for (size_t i = 0; i < cs->n; i++)
        if (!cs->all[i]->over && !cs->all[i]->extra)
            return false;
    return true;
}

static int sleep_on(struct tail_conns *cs, struct err *e)
{
    int64_t deadline = cs->deadline ? cs->deadline : WAIT_FOREVER;
    struct tail_waiter waiter;

    buf_clear(&cs->waiters);
    for (size_t i = 0; i < cs->n; i++) {
        struct tail_conn *c = cs->all[i];

        if (c->over)
            continue;
        waiter = (struct tail_waiter){c->session, c->asked != NULL};
        buf_add(&cs->waiters, &waiter, sizeof waiter);
        if (c->asked == NULL && session_up(c->session))
            deadline = wait_earliest(deadline, c->wake);
    }
    return tail_wait(cs->t, (void *)cs->waiters.data, cs->waiters.len / sizeof waiter, deadline, e);
}

/* Close those that are not needed any more. */
static void close_unused(struct tail_conns *cs)
{
    size_t kept = 0;

    for (size_t i = 0; i < cs->n; i++) {
        if (!cs->all[i]->unused) {
            cs->all[kept++] = cs->all[i];
            continue;
        }
        session_close(cs->all[i]->session);
        cs->all[i]->source->close(cs->all[i]);
    }
    cs->n = kept;
}

int tail_conns_run(struct tail_conns *cs, struct err *e)
{
    while (cs->t->print.stop == TAIL_GOES_ON) {
        bool moved = false;

        for (size_t i = 0; i < cs->n; i++)
            if (advance(cs->t, cs->all[i], &moved, e) < 0)
                return -1;
        close_unused(cs);
        if (all_over(cs))
            cs->t->print.stop = TAIL_ENDED;
        if (cs->deadline && wait_now() >= cs->deadline)
            return 0;
        if (!moved && cs->t->print.stop == TAIL_GOES_ON && sleep_on(cs, e) < 0)
            return -1;
    }
    return 0;
}

void tail_conn_interrupt(struct tail_conn *c)
{
    c->wake = 0;
    if (c->asked == NULL || !session_up(c->session))
        return;
    err_set(&c->asked->problem, EXIT_FAILED, "given up"); /* the server is not to blame */
    if (c->asked->kind->broken)
        c->asked->kind->broken(c->asked);
    session_renew(c->session);
    c->asked = NULL;
}

void tail_conns_free(struct tail_conns *cs)
{
    for (size_t i = 0; i < cs->n; i++) {
        session_close(cs->all[i]->session);
        cs->all[i]->source->close(cs->all[i]);
    }
    free(cs->all);
    buf_free(&cs->waiters);
}
