#include "cmd/tail_turn.h"

#include <stdlib.h>

#include "common/wait.h"

/* Without --ack, about as many entries are read at once as a pipe holds: those would not be left
 * for other readers in any case. */
enum { PIPE_BYTES = 64 * 1024 };

/* The idle time, in ms, of what is handed back: longer than any --claim, so that any reader may
 * claim it. */
static const char a_year[] = "31536000000";

static struct tail_turn *turn_of(void *request)
{
    return request;
}

static const struct tail_settings *settings(const struct tail_turn *u)
{
    return u->take->giving->set;
}

/* Send each command on its own: while a slot is migrating, each needs its own ASKING. */
static void send(struct link *link, struct buf *command)
{
    link_send(link, command->data, command->len);
    buf_clear(command);
}

static void add_id(struct buf *to, struct id id)
{
    char text[ID_TEXT];

    reply_word(to, text, id_print(text, id));
}

/* Begin a command of `words` words: its name, the room, the group. */
static void begin(struct tail_turn *u, struct buf *to, enum tail_update_kind kind,
    struct tail_room *room, size_t words)
{
    struct tail_update update = {kind, room};

    list_add(&u->updates, update);
    reply_command(to, words);
    reply_text(to, kind == TAIL_UPDATE_DONE ? "XACK" : "XCLAIM");
    reply_word(to, room->name, room->len);
    reply_text(to, settings(u)->group);
}

static void send_done(
    struct tail_turn *u, struct link *link, struct buf *to, struct tail_room *room)
{
    struct tail_share *share = room->share;

    share->sent_acks = share->acks.n;
    begin(u, to, TAIL_UPDATE_DONE, room, 3 + share->sent_acks);
    for (size_t i = 0; i < share->sent_acks; i++)
        add_id(to, share->acks.at[i]);
    send(link, to);
}

static void send_back(
    struct tail_turn *u, struct link *link, struct buf *to, struct tail_room *room)
{
    struct tail_share *share = room->share;

    share->sent_backs = share->backs.n;
    for (size_t i = 0; i < share->sent_backs; i++) {
        const struct tail_back *b = &share->backs.at[i];
        bool force = b->restored;

        begin(u, to, TAIL_UPDATE_BACK, room, 11U + force);
        reply_text(to, settings(u)->consumer);
        reply_number(to, force ? 0 : tail_share_idle(b->since, wait_now()));
        add_id(to, b->id);
        reply_text(to, "IDLE");
        reply_text(to, a_year);
        reply_text(to, "RETRYCOUNT");
        reply_number(to, b->count);
        reply_text(to, "JUSTID");
        if (force)
            reply_text(to, "FORCE");
        send(link, to);
    }
}

/* Renew what is in progress, so that other readers do not claim it. */
static void send_renewed(
    struct tail_turn *u, struct link *link, struct buf *to, struct tail_room *room)
{
    struct id_list ids = {0};
    int64_t period = tail_turn_renew_period(settings(u));
    uint64_t idle = tail_share_renewals(room->share, wait_now(), period, &ids);

    if (ids.n > 0) {
        begin(u, to, TAIL_UPDATE_RENEWED, room, 6 + ids.n);
        reply_text(to, settings(u)->consumer);
        reply_number(to, idle);
        for (size_t i = 0; i < ids.n; i++)
            add_id(to, ids.at[i]);
        reply_text(to, "JUSTID");
        send(link, to);
    }
    list_free(&ids);
}

/* Without --ack, entries are handed back only at the end: they are those that came too late. */
static bool hands_back(const struct tail_take *take, const struct tail_share *share)
{
    return share->backs.n > 0 && (take->giving->set->ack || take->giving->closing);
}

static void send_updates(struct tail_turn *u, struct link *link, struct buf *to)
{
    u->updates.n = 0;
    for (size_t i = 0; i < u->rooms->n; i++) {
        struct tail_share *share = u->rooms->at[i]->share;

        if (share->acks.n > 0)
            send_done(u, link, to, u->rooms->at[i]);
        if (hands_back(u->take, share))
            send_back(u, link, to, u->rooms->at[i]);
        if (share->n_given > 0)
            send_renewed(u, link, to, u->rooms->at[i]);
    }
}

static void read_group(struct tail_turn *u, struct buf *to)
{
    bool block = u->block >= 0;

    reply_command(to, (block ? 9U : 7U) + 2 * u->asked);
    reply_text(to, "XREADGROUP");
    reply_text(to, "GROUP");
    reply_text(to, settings(u)->group);
    reply_text(to, settings(u)->consumer);
    reply_text(to, "COUNT"); /* for each room */
    reply_number(to, u->count);
    if (block) {
        reply_text(to, "BLOCK");
        reply_number(to, (uint64_t)u->block);
    }
    reply_text(to, "STREAMS");
    for (size_t i = 0; i < u->rooms->n; i++)
        if (u->rooms->at[i]->share->asked)
            reply_word(to, u->rooms->at[i]->name, u->rooms->at[i]->len);
    for (size_t i = 0; i < u->rooms->n; i++)
        if (u->rooms->at[i]->share->asked && u->recovers)
            add_id(to, u->rooms->at[i]->share->recover_from);
        else if (u->rooms->at[i]->share->asked)
            reply_text(to, ">");
}

static void ask(struct request *r, struct link *link)
{
    struct tail_turn *u = turn_of(r);
    struct buf commands = {0};

    u->take->rooms = u->rooms;
    u->take->asked = wait_now();
    u->take->recovers = u->recovers;
    u->asked = u->came = 0;
    u->lost = false;
    u->batch.distance = (uint64_t)link_distance(link);
    for (size_t i = 0; i < u->rooms->n; i++) {
        u->asked += u->count > 0 && u->rooms->at[i]->share->asked;
        u->rooms->at[i]->share->came = 0;
    }
    tail_take_expect(u->take, ENTRY_XREAD, NULL);
    if (u->timed)
        link_command(link, "TIME");
    send_updates(u, link, &commands);
    if (u->asked > 0)
        read_group(u, &commands);
    send(link, &commands);
    buf_free(&commands);
    r->n = u->timed + u->updates.n + (u->asked > 0);
}

static bool is_lost(const struct tail_turn *u, const struct reply_item *item)
{
    return item->depth == 0
           && (reply_is_error(item, "NOGROUP") || reply_is_error(item, "UNBLOCKED the stream key")
               || (!u->strict
                   && (reply_is_error(item, "WRONGTYPE") || reply_is_error(item, "NOPERM"))));
}

/* Note which entries were renewed. Nothing else in these replies matters: if somebody has deleted
 * the room or the group, the read shows it. */
static void update_item(
    struct tail_turn *u, const struct tail_update *t, const struct reply_item *item)
{
    struct id id;

    if (item->type == REPLY_ERROR && !is_lost(u, item) && !u->forgives)
        reply_refusal(&u->request.problem, item, t->room->name);
    else if (t->kind == TAIL_UPDATE_RENEWED && item->depth == 1 && item->type == REPLY_STRING
             && id_parse(item->bytes, item->len, &id) == 0)
        tail_share_renewed(t->room->share, id, wait_now());
}

static void item(void *request, const struct reply_item *it)
{
    struct tail_turn *u = turn_of(request);
    size_t at = u->request.at - u->timed;

    if (u->timed && u->request.at == 0)
        tail_clock_item(&u->clock, it, &u->request.problem);
    else if (at < u->updates.n)
        update_item(u, &u->updates.at[at], it);
    else if (is_lost(u, it))
        u->lost = true;
    else
        tail_take_item(u->take, it, &u->request.problem);
}

static void answered(struct request *r)
{
    struct tail_turn *u = turn_of(r);

    for (size_t i = 0; i < u->rooms->n; i++) {
        struct tail_share *share = u->rooms->at[i]->share;

        tail_share_confirm(share);
        if (!share->asked || u->asked == 0)
            continue;
        u->came += share->came;
        if (u->recovers)
            share->recovers = u->lost || share->came > 0;
        else
            share->exhausted = share->came < u->count;
    }
    tail_batch_grow(&u->batch, &u->take->in);
}

static void broken(struct request *r)
{
    struct tail_turn *u = turn_of(r);

    tail_take_void(u->take);
    for (size_t i = 0; i < u->rooms->n; i++)
        tail_share_resend(u->rooms->at[i]->share);
    if (u->take->in.bytes > 0 || u->take->in.entries > 0)
        tail_batch_shrink(&u->batch, (size_t)u->count);
}

void tail_turn_start(struct tail_turn *u, struct tail_take *take)
{
    static const struct request_kind kind = {ask, item, NULL, answered, broken};

    u->request.kind = &kind;
    u->take = take;
    u->batch.entries = 1;
    u->batch.bytes = PIPE_BYTES;
}

int64_t tail_turn_renew_period(const struct tail_settings *set)
{
    return (int64_t)(set->claim / 3) + 1;
}

bool tail_turn_has_updates(const struct tail_turn *u, const struct tail_share *share)
{
    return share->acks.n > 0 || hands_back(u->take, share)
           || tail_share_renew_at(share, tail_turn_renew_period(settings(u))) <= wait_now();
}

void tail_turn_free(struct tail_turn *u)
{
    list_free(&u->updates);
}
