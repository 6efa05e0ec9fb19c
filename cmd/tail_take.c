#include "cmd/tail_take.h"

#include "cmd/tail_dead.h"
#include "common/wait.h"

static void on_room(void *context, const struct span *name)
{
    struct tail_take *k = context;
    struct tail_room *room = tail_rooms_in_reply(
        k->rooms, k->rooms->n, &k->at, name, &k->in.problem);

    if (room)
        k->reading = room;
}

static bool is_unwanted(const struct tail_take *k, struct id id)
{
    const struct tail_print *p = &k->giving->t->print;

    return k->giving->closing || p->stop != TAIL_GOES_ON || tail_print_is_past(p, k->reading, id);
}

static void on_message(void *context, const struct entry_message *m)
{
    struct tail_take *k = context;

    k->any = true;
    if (k->dead)
        tail_dead_field(k->dead, &m->name, &m->text);
    else if (!is_unwanted(k, m->key))
        tail_print_message(&k->giving->t->print, &k->open, k->reading, m);
}

/*
 * Print the entry. Without --ack it is done once it is written, and with --ack if -x hides all of
 * it. A read of several rooms may bring more than --prefetch: hand those entries back, so that
 * another reader can begin them.
 */
static void give(struct tail_take *k, struct id id)
{
    struct tail_giving *g = k->giving;
    struct tail_share *share = k->reading->share;
    bool shown = k->open.messages > 0, acks = g->set->ack;

    if (acks && shown && g->unanswered >= (size_t)g->set->prefetch) {
        tail_print_void(&k->open, k->reading);
        tail_share_hand_back(share, id, k->count - 1, wait_now());
        return;
    }
    tail_print_entry(&g->t->print, &k->open, k->reading);
    if (!acks || !shown) {
        tail_share_ack(share, id);
        return;
    }
    tail_share_give(share, id, k->count, wait_now());
    g->unanswered++;
    g->ever = true;
    g->t->print.printed_at = 0; /* -W: not while something is unanswered */
}

/*
 * Whether the reply took so long, as when this process was stopped, that another reader may have
 * claimed the entry. Up to half of --claim is safe: we renew it within another third.
 */
static bool is_late(const struct tail_take *k)
{
    return wait_now() > k->asked + (int64_t)(k->giving->set->claim / 2);
}

/* Forget the entry, and ask the server what is still pending for us. */
static void recover(struct tail_take *k)
{
    tail_print_void(&k->open, k->reading);
    if (k->dead)
        tail_dead_void(k->dead);
    k->reading->share->recovers = true;
    k->reading->share->recover_from = ID_LEAST;
}

static void on_entry(void *context, const struct entry_message *m)
{
    struct tail_take *k = context;
    struct tail_share *share = k->reading->share;
    const struct tail_print *p = &k->giving->t->print;

    share->came++;
    if (!p->set->ack)
        share->recover_from = m->key;
    if (tail_print_is_past(p, k->reading, m->key))
        k->reading->state = TAIL_ROOM_DONE;
    if (!k->any) {
        tail_share_ack(share, m->key);
        share->deleted++;
    } else if (is_unwanted(k, m->key)) {
        if (k->dead)
            tail_dead_void(k->dead);
        tail_share_hand_back(share, m->key, k->count - 1, is_late(k) ? k->asked : wait_now());
    } else if (!k->recovers && is_late(k)) {
        recover(k);
    } else if (k->dead) {
        tail_dead_add(k->dead, k->reading, m->key, k->count);
    } else {
        give(k, m->key);
    }
    k->any = false;
    if (id_compare(m->key, p->until) == 0 && !share->recovers)
        k->reading->state = TAIL_ROOM_DONE;
}

void tail_take_start(struct tail_take *k, struct tail_giving *g)
{
    k->giving = g;
    k->in = (struct entry_decoder){
        .on_room = on_room, .on_message = on_message, .on_entry = on_entry, .context = k};
}

void tail_take_expect(struct tail_take *k, enum entry_reply reply, struct tail_room *room)
{
    k->count = 1;
    k->at = 0;
    k->reading = room;
    k->any = false;
    k->in.reply = reply;
    k->in.from = room ? (struct span){room->name, room->len} : (struct span){0};
    k->in.about = room ? room->name : NULL;
    entry_begin(&k->in);
}

void tail_take_item(struct tail_take *k, const struct reply_item *item, struct err *problem)
{
    entry_item(&k->in, item);
    if (k->in.problem.code != EXIT_DONE)
        *problem = k->in.problem;
}

void tail_take_void(struct tail_take *k)
{
    if (k->reading)
        tail_print_void(&k->open, k->reading);
    if (k->dead)
        tail_dead_void(k->dead);
    k->any = false;
}

void tail_take_report_deleted(struct tail_room *room)
{
    struct tail_share *share = room->share;

    if (share->deleted > 0)
        err_say(ERR_NOTICE, "%.64s: %zu %s deleted before %s done; skipped", room->name,
            share->deleted, share->deleted == 1 ? "entry was" : "entries were",
            share->deleted == 1 ? "it was" : "they were");
    share->deleted = 0;
}

void tail_take_free(struct tail_take *k)
{
    entry_free(&k->in);
    tail_entry_free(&k->open);
}
