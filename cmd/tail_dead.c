#include "cmd/tail_dead.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/tail_share.h"
#include "cmd/tail_wait.h"
#include "common/route.h"
#include "common/text.h"
#include "common/wait.h"

static const char last_field[] = "chat-tail:dead";

struct moving {
    struct tail_room *room;
    struct id id;
    uint64_t count;    /* deliveries */
    int64_t since;     /* wait_now() of when it was claimed */
    struct buf fields; /* as words of a command, */
    size_t words;      /* this many */
};

struct moving_list LIST(struct moving);

struct tail_dead {
    struct request request;
    struct tail *t;
    struct moving_list queue; /* the current request moves the first one: */
    bool added, acked;
    struct buf fields; /* of the next entry, as in struct moving */
    size_t words;
};

static struct tail_dead *dead_of(void *request)
{
    return request;
}

static void drop(struct tail_dead *d, size_t i)
{
    buf_free(&d->queue.at[i].fields);
    list_drop(&d->queue, i, 1);
}

static void send(struct link *link, struct buf *command)
{
    link_send(link, command->data, command->len);
    buf_free(command);
}

static void send_add(const struct tail_dead *d, struct link *link, const struct moving *m)
{
    const char *name = d->t->print.set->dead;
    struct buf command = {0}, from = {0};
    char id[ID_TEXT];

    text_show_room(&from, m->room->name, m->room->len);
    id_print(id, m->id);
    buf_printf(&from, "\t%s", id);
    reply_command(&command, 5 + m->words);
    reply_text(&command, "XADD");
    reply_text(&command, name);
    reply_text(&command, "*");
    buf_add(&command, m->fields.data, m->fields.len);
    reply_text(&command, last_field);
    reply_word(&command, from.data, from.len);
    buf_free(&from);
    send(link, &command);
}

static void ask_move(struct request *r, struct link *link)
{
    struct tail_dead *d = dead_of(r);
    const struct moving *m = d->queue.at;
    char id[ID_TEXT];

    id_print(id, m->id);
    d->added = d->acked = false;
    link_command(link, "MULTI");
    send_add(d, link, m);
    link_command(link, "XACK %b %s %s", m->room->name, m->room->len, d->t->print.set->group, id);
    link_command(link, "EXEC");
    r->n = 4;
}

/* An ID shows that the entry was added, a number that it was acknowledged: in the transaction or,
 * where MULTI is not permitted, outside. Only the first error says why something failed. */
static void move_item(void *request, const struct reply_item *item)
{
    struct tail_dead *d = dead_of(request);

    d->added = d->added || item->type == REPLY_STRING;
    d->acked = d->acked || item->type == REPLY_INTEGER;
    if (item->type == REPLY_ERROR && d->request.problem.code == EXIT_DONE)
        reply_refusal(&d->request.problem, item, d->t->print.set->dead);
}

static void moved(struct request *r)
{
    struct tail_dead *d = dead_of(r);
    const struct moving *m = d->queue.at;
    char id[ID_TEXT];

    if (!d->added) {
        reply_reject(&r->problem, d->t->print.set->dead);
        return;
    }
    id_print(id, m->id);
    err_say(ERR_NOTICE, "%.64s: %s was given out %llu times but never acknowledged; moved to %.64s",
        m->room->name, id, (unsigned long long)m->count - 1, d->t->print.set->dead);
    drop(d, 0);
}

/* A transaction acknowledges the entry even if it could not add it, as when the room of --dead is
 * not a stream or a permission is missing. Then make the entry pending again. */
static void broken(struct request *r)
{
    struct tail_dead *d = dead_of(r);
    const struct moving *m = d->queue.at;

    if (d->acked && !d->added)
        tail_share_restore(m->room->share, m->id, m->count);
    drop(d, 0);
}

static const struct request_kind moving = {ask_move, move_item, NULL, moved, broken};

static void ask_add(struct request *r, struct link *link)
{
    struct tail_dead *d = dead_of(r);

    d->added = false;
    send_add(d, link, d->queue.at);
    r->n = 1;
}

static void added(struct request *r)
{
    struct tail_dead *d = dead_of(r);
    const struct moving *m = d->queue.at;

    if (d->added)
        tail_share_ack(m->room->share, m->id);
    moved(r);
}

static const struct request_kind adding = {ask_add, move_item, NULL, added, NULL};

struct tail_dead *tail_dead_new(struct tail *t)
{
    struct tail_dead *d = buf_zeroed(1, sizeof *d);

    d->t = t;
    return d;
}

void tail_dead_field(struct tail_dead *d, const struct span *name, const struct span *text)
{
    reply_word(&d->fields, name->at, name->len);
    reply_word(&d->fields, text->at, text->len);
    d->words += 2;
}

void tail_dead_add(struct tail_dead *d, struct tail_room *room, struct id id, uint64_t count)
{
    struct moving m = {room, id, count, wait_now(), d->fields, d->words};

    list_add(&d->queue, m);
    d->fields = (struct buf){0};
    d->words = 0;
}

bool tail_dead_has(const struct tail_dead *d, const struct tail_room *room, struct id id)
{
    for (size_t i = 0; i < d->queue.n; i++)
        if (d->queue.at[i].room == room && id_compare(d->queue.at[i].id, id) == 0)
            return true;
    return false;
}

void tail_dead_void(struct tail_dead *d)
{
    buf_clear(&d->fields);
    d->words = 0;
}

static void add_elsewhere(struct tail_dead *d, int slot)
{
    struct tail_print *p = &d->t->print;
    struct err e = {0};

    d->request.kind = &adding;
    if (tail_call_until_answered(d->t, slot, &d->request, &e) < 0) {
        p->out.failure = e;
        p->stop = TAIL_ENDED;
    }
}

struct request *tail_dead_next(struct tail_dead *d)
{
    const char *name = d->t->print.set->dead;
    int slot = route_slot(name, strlen(name));

    while (d->queue.n > 0 && d->t->print.stop == TAIL_GOES_ON) {
        d->request.kind = &moving;
        if (!d->t->route->cluster || d->queue.at->room->slot == slot)
            return &d->request;
        add_elsewhere(d, slot);
    }
    return NULL;
}

void tail_dead_hand_back(struct tail_dead *d)
{
    while (d->queue.n > 0) {
        const struct moving *m = d->queue.at;

        tail_share_hand_back(m->room->share, m->id, m->count - 1, m->since);
        drop(d, 0);
    }
}

void tail_dead_forget(struct tail_dead *d, const struct tail_room *room)
{
    for (size_t i = d->queue.n; i-- > 0;)
        if (d->queue.at[i].room == room)
            drop(d, i);
}

void tail_dead_free(struct tail_dead *d)
{
    if (d == NULL)
        return;
    while (d->queue.n > 0)
        drop(d, d->queue.n - 1);
    list_free(&d->queue);
    buf_free(&d->fields);
    free(d);
}
