#include "cmd/tail_leave.h"

#include "cmd/tail_dead.h"
#include "common/wait.h"

/* The consumer is only deleted where nothing is pending for it, and if nobody comes back to it. */
static struct request *leave_rooms(struct tail_sharer *s)
{
    struct request *asked;

    if (!s->giving->set->temporary || s->died)
        return NULL;
    for (; s->leaving <= TAIL_JOIN_LEAVE; s->leaving++, s->next = 0) {
        asked = tail_join_next(&s->join, s->leaving, &s->conn.rooms, &s->next);
        if (asked)
            return asked;
    }
    return NULL;
}

/* Report what became of the entries, then leave. */
static struct request *next_leaving(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    struct request *asked = tail_sharer_update(s);

    if (asked == NULL)
        asked = leave_rooms(s);
    c->over = asked == NULL;
    return asked;
}

/*
 * The server could still answer a read that blocks after we have gone. tail_leave_begin() closed
 * our direction of the connection, so the server closes the other one: take what it has sent until
 * then. After that it has forgotten the read.
 */
static void end_request(struct tail_sharer *s, int64_t deadline)
{
    struct tail_conn *c = &s->conn;
    struct err e;

    while (c->asked && wait_now() < deadline) {
        if (request_take(c->asked, c->session, &e) != 0)
            c->asked = NULL;
        else if (session_wait(c->session, NULL, deadline, true, &e) < 0)
            break;
    }
    s->died = s->died || c->asked;
}

void tail_leave_begin(struct tail_sharer *s)
{
    if (s->conn.asked && session_up(s->conn.session))
        link_hang_up(session_link(s->conn.session));
}

void tail_leave_finish(struct tail_sharer *s, int64_t deadline)
{
    static const struct tail_source source = {next_leaving, NULL, tail_sharer_close};
    struct tail_conn *c = &s->conn;
    bool asked = c->asked && session_up(c->session);

    if (asked)
        end_request(s, deadline);
    if (s->dead)
        tail_dead_hand_back(s->dead);
    if (asked || !session_up(c->session)) {
        int slot = session_slot(c->session);

        session_close(c->session);
        c->session = session_new(s->giving->t->route, slot, 0);
    }
    c->source = &source;
    c->asked = NULL;
    c->wake = 0;
    c->over = false;
    s->turn.forgives = true;
    s->leaving = TAIL_JOIN_PENDING;
    s->next = 0;
}
