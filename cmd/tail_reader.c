#include <stdlib.h>

#include "cmd/tail.h"

struct tail_reader *tail_add_reader(struct tail *t, struct session *session)
{
    struct tail_reader *r = calloc(1, sizeof *r);

    t->readers = realloc(t->readers, (t->n_readers + 1) * sizeof(struct tail_reader *));
    if (r == NULL || t->readers == NULL)
        buf_no_memory();
    t->readers[t->n_readers++] = r;
    r->t = t;
    r->session = session;
    return r;
}

/*
 * What is printed of an entry stands in the output from its first byte on, while its reader is
 * served; another reader must find it whole, so that what is not is set aside between.
 */
static void set_aside(struct tail_reader *r)
{
    struct out *o = &r->t->out;

    if (o->buf.len == o->whole)
        return;
    buf_add(&r->open.lines, o->buf.data + o->whole, o->buf.len - o->whole);
    out_rollback(o);
}

static void take_up(struct tail_reader *r)
{
    if (r->open.lines.len == 0)
        return;
    buf_add(&r->t->out.buf, r->open.lines.data, r->open.lines.len);
    buf_clear(&r->open.lines);
}

/* What was asked will not be answered, or not now. */
static void put_off(struct tail_reader *r)
{
    const struct tail_step *step = r->step;

    r->step = NULL;
    if (step && step->again)
        step->again(r);
    r->looked_at = 0;
}

static int answered(struct tail_reader *r, struct err *e)
{
    const struct tail_step *step = r->step;

    if (r->problem.code == EXIT_DONE)
        step->answered(r);
    if (r->problem.code == EXIT_DONE) {
        r->step = NULL;
        session_fine(r->session);
        return 0;
    }
    put_off(r);
    if (r->problem.kind != ERR_FINAL)
        return session_refused(r->session, &r->problem, e);
    *e = r->problem;
    return -1;
}

int tail_advance(struct tail_reader *r, bool *moved, struct err *e)
{
    while (r->t->stop == TAIL_GOES_ON) {
        int told;

        take_up(r);
        told = session_reply(r->session, r->step ? r->step->item : reply_ignore, r, e);
        if (told < 0)
            return -1;
        if (told == SESSION_BROKEN)
            put_off(r);
        else if (told == 1 && r->step && answered(r, e) < 0)
            return -1;
        *moved = *moved || told == 1;
        if (told != 0)
            continue;
        if (r->step) {
            set_aside(r);
            return 0;
        }
        if (!session_up(r->session) || r->t->stop != TAIL_GOES_ON)
            return 0;
        r->step = tail_choose(r);
        if (r->step == NULL) {
            session_fine(r->session); /* there is nothing that it would refuse */
            return 0;
        }
        r->problem.code = EXIT_DONE;
        r->step->ask(r);
    }
    return 0;
}
