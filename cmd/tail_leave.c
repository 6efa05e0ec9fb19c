#include "cmd/tail_leave.h"

#include "cmd/tail_dead.h"
#include "common/wait.h"

static const struct tail_settings *settings(const struct tail_sharer *s)
{
    return s->giving->t->print.set;
}

/* Some rooms, to see whether the consumer may go, or to take it off. */
static struct request *leave_some(struct tail_sharer *s)
{
    const struct tail_room_list *rooms = &s->conn.rooms;
    bool checks = s->leaving == SHARER_CHECKS;

    (checks ? tail_join_check : tail_join_leave)(&s->join, s->giving->t);
    for (; s->next < rooms->n; s->next++)
        if (rooms->at[s->next]->share->state == TAIL_SHARE_JOINED
            && (checks || rooms->at[s->next]->share->leaves)
            && !tail_join_add(&s->join, rooms->at[s->next]))
            break;
    return s->join.n > 0 ? &s->join.request : NULL;
}

/* The end: say what became of the entries; then go where nothing is pending for us. */
static struct request *next_leaving(struct tail_conn *c)
{
    struct tail_sharer *s = (struct tail_sharer *)c;
    struct request *asked = NULL;

    if (tail_sharer_has_news(s))
        return tail_sharer_turn(s, 0, TAIL_NO_WAIT, false);
    if (!settings(s)->passing || s->died)
        s->leaving = SHARER_LEFT;
    while (s->leaving < SHARER_LEFT && asked == NULL) {
        if (s->leaving > SHARER_STAYS)
            asked = leave_some(s);
        if (asked == NULL) {
            s->leaving++;
            s->next = 0;
        }
    }
    c->over = asked == NULL;
    return asked;
}

/*
 * A read that waits could still be given something after we have gone. So its connection is closed
 * in one direction: the server then closes it in the other one, and until we see that, what it has
 * sent before is taken. After that it knows nothing of the read any more.
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
    s->leaving = SHARER_STAYS;
}
