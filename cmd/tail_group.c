#include "cmd/tail.h"

#include <inttypes.h>
#include <string.h>

#include "common/wait.h"

/*
 * Sharing rooms with the other readers of a consumer group ("Consumer groups"): an entry that was
 * given to a reader is pending until that reader has acknowledged it, and may be claimed by another
 * one when that takes too long.
 */

static void send(const struct tail_reader *r, const struct buf *command)
{
    link_send(session_link(r->session), command->data, command->len);
}

static bool is_mine(const struct tail_reader *r, const struct tail_room *room)
{
    return room->reader == r && !room->done && (r->room == NULL || r->room == room);
}

void tail_share(struct tail_room *room, struct id id)
{
    char text[ID_TEXT];

    reply_word(&room->share.acks, text, id_print(text, id));
    room->share.n_acks++;
    room->share.own = id;
}

/* The group is not there: the room or the group was deleted. It is made again, and all is new. */
static void lose_group(struct tail_reader *r)
{
    for (size_t i = 0; i < r->t->n_rooms; i++)
        if (is_mine(r, r->t->rooms[i])) {
            struct tail_share *share = &r->t->rooms[i]->share;

            share->joined = false;
            share->lost = true;
            buf_clear(&share->acks);
            share->n_acks = 0;
        }
}

static bool is_no_group(const struct reply_item *item)
{
    return reply_is_error(item, "NOGROUP") || reply_is_error(item, "UNBLOCKED the stream key");
}

/* XGROUP CREATE, with the room if there is none. */
static void ask_join(struct tail_reader *r)
{
    const struct tail *t = r->t;
    const struct tail_room *room = r->room;
    char id[ID_TEXT] = "$";

    if (room->share.lost || room->fresh)
        strcpy(id, "0");
    else if (t->set->since.kind)
        id_print(id, t->since);
    link_command(session_link(r->session), "XGROUP CREATE %b %s %s MKSTREAM", room->name, room->len,
        t->set->group, id);
}

static void join_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;
    struct tail_share *share = &r->room->share;

    if (r->room->matched && reply_is_error(item, "NOPERM"))
        r->room->done = true; /* not ours to read */
    else if (item->type == REPLY_ERROR && !reply_is_error(item, "BUSYGROUP"))
        reply_refusal(&r->problem, item, r->room->name);
    else if (item->type != REPLY_ERROR && share->lost)
        err_say(ERR_NOTICE,
            "%.64s: the group %.64s was gone; made again, from the room's beginning", r->room->name,
            r->t->set->group);
}

static void joined(struct tail_reader *r)
{
    r->room->share.joined = !r->room->done;
    r->room->share.lost = false;
    r->room->share.drained = false;
    r->room->share.own = ID_LEAST;
}

const struct tail_step tail_joins = {ask_join, join_item, joined, NULL};

static void make_xreadgroup(const struct tail_reader *r, struct buf *to, bool own)
{
    const struct tail *t = r->t;
    size_t wanted = 0;
    bool block = !own && r->block >= 0;

    for (size_t i = 0; i < t->n_rooms; i++)
        wanted += is_mine(r, t->rooms[i]);
    reply_command(to, (block ? 9U : 7U) + 2 * wanted);
    reply_text(to, "XREADGROUP");
    reply_text(to, "GROUP");
    reply_text(to, t->set->group);
    reply_text(to, t->set->consumer);
    reply_text(
        to, "COUNT"); /* for each room: work that one has not begun shall be free for others */
    reply_number(to, 1);
    if (block) {
        reply_text(to, "BLOCK");
        reply_number(to, (uint64_t)r->block);
    }
    reply_text(to, "STREAMS");
    for (size_t i = 0; i < t->n_rooms; i++)
        if (is_mine(r, t->rooms[i]))
            reply_word(to, t->rooms[i]->name, t->rooms[i]->len);
    for (size_t i = 0; i < t->n_rooms; i++) {
        char id[ID_TEXT];

        if (is_mine(r, t->rooms[i]) && own)
            reply_word(to, id, id_print(id, t->rooms[i]->share.own));
        else if (is_mine(r, t->rooms[i]))
            reply_text(to, ">");
    }
}

static void ask_group(struct tail_reader *r, bool own)
{
    struct buf command = {0};

    tail_expect(r, ENTRY_XREAD);
    make_xreadgroup(r, &command, own);
    send(r, &command);
    buf_free(&command);
    r->asked_at = wait_now();
}

static void group_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    if (item->depth == 0 && is_no_group(item))
        lose_group(r);
    else
        tail_read_item(r, item);
}

/* What came may be pending now without having been read whole: it is asked for again. */
static void group_again(struct tail_reader *r)
{
    tail_roll_back(r);
    for (size_t i = 0; i < r->t->n_rooms; i++)
        if (is_mine(r, r->t->rooms[i])) {
            r->t->rooms[i]->share.drained = false;
            r->t->rooms[i]->share.own = ID_LEAST;
        }
}

/* The new ones, of all rooms. */
static void ask_new(struct tail_reader *r)
{
    ask_group(r, false);
}

static void got_new(struct tail_reader *r)
{
    tail_roll_back(r);
    for (size_t i = 0; i < r->t->n_rooms; i++)
        if (is_mine(r, r->t->rooms[i]) && !r->t->rooms[i]->share.joined)
            return; /* the group was gone */
    if (r->in.entries == 0)
        tail_nothing_came(r);
}

const struct tail_step tail_takes = {ask_new, group_item, got_new, group_again};

/* Those that are pending for us, from when we were here before. */
static void ask_own(struct tail_reader *r)
{
    ask_group(r, true);
}

static void got_own(struct tail_reader *r)
{
    tail_roll_back(r);
    if (r->in.entries == 0)
        r->room->share.drained = true;
}

const struct tail_step tail_drains = {ask_own, group_item, got_own, group_again};

/* Those that another reader has left pending for too long: XAUTOCLAIM answers with where to go on,
 * the entries, and the IDs of those that were deleted meanwhile, which it strikes off. */
static void ask_claim(struct tail_reader *r)
{
    const struct tail_room *room = r->room;
    char from[ID_TEXT];

    id_print(from, room->share.claim_from);
    tail_expect(r, ENTRY_XAUTOCLAIM);
    link_command(session_link(r->session), "XAUTOCLAIM %b %s %s %llu %s COUNT 1", room->name,
        room->len, r->t->set->group, r->t->set->consumer, (unsigned long long)r->t->set->claim,
        from);
}

static void claim_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    if (item->depth == 1)
        r->part = item->index;
    if (item->depth == 0 && is_no_group(item))
        lose_group(r);
    else if (item->depth == 1 && item->index == 0 && item->type == REPLY_STRING)
        id_parse(item->bytes, item->len, &r->room->share.claim_from);
    else if (item->depth == 0 || r->part == 1)
        tail_read_item(r, item);
}

static void claimed(struct tail_reader *r)
{
    struct tail_share *share = &r->room->share;

    tail_roll_back(r);
    if (id_compare(share->claim_from, ID_LEAST) == 0)
        share->claim_due = wait_now()
                           + (r->t->set->claim < HEARTBEAT_MS ? (int64_t)r->t->set->claim
                                                              : HEARTBEAT_MS);
}

const struct tail_step tail_claims = {ask_claim, claim_item, claimed, group_again};

/* What has been written to standard output is done. */
static void ask_ack(struct tail_reader *r)
{
    struct tail_room *room = r->room;
    struct buf command = {0};

    reply_command(&command, 3 + room->share.n_acks);
    reply_text(&command, "XACK");
    reply_word(&command, room->name, room->len);
    reply_text(&command, r->t->set->group);
    buf_add(&command, room->share.acks.data, room->share.acks.len);
    send(r, &command);
    buf_free(&command);
}

static void simple_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    if (item->type == REPLY_ERROR)
        reply_refusal(&r->problem, item, r->room->name);
}

static void acked(struct tail_reader *r)
{
    buf_clear(&r->room->share.acks);
    r->room->share.n_acks = 0;
}

const struct tail_step tail_acks = {ask_ack, simple_item, acked, NULL};

/* At the end: the consumer goes, if nothing is pending for it. */
static void found_own(struct tail_reader *r)
{
    tail_roll_back(r);
    r->room->share.leaving = r->in.entries == 0 ? SHARE_FREE : SHARE_LEFT;
}

static void own_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    if (item->type == REPLY_ERROR)
        r->in.entries = 1; /* who knows: it stays */
    r->in.entries += item->depth == ENTRY_XREAD + 1 && item->type == REPLY_ARRAY;
}

static void ask_mine(struct tail_reader *r)
{
    r->room->share.own = ID_LEAST;
    ask_group(r, true);
}

const struct tail_step tail_checks = {ask_mine, own_item, found_own, NULL};

static void ask_leave(struct tail_reader *r)
{
    link_command(session_link(r->session), "XGROUP DELCONSUMER %b %s %s", r->room->name,
        r->room->len, r->t->set->group, r->t->set->consumer);
}

static void left(struct tail_reader *r)
{
    r->room->share.leaving = SHARE_LEFT;
}

const struct tail_step tail_leaves = {ask_leave, simple_item, left, NULL};

/* How long the server may wait for something new: until there may be something to claim. */
static int64_t wait_for_new(const struct tail_reader *r)
{
    int64_t now = wait_now(), due = now + HEARTBEAT_MS;

    for (size_t i = 0; i < r->t->n_rooms; i++)
        if (is_mine(r, r->t->rooms[i]))
            due = wait_earliest(due, r->t->rooms[i]->share.claim_due);
    return due > now ? due - now : 1;
}

const struct tail_step *tail_choose_shared(struct tail_reader *r)
{
    struct tail *t = r->t;

    for (size_t i = 0; i < t->n_rooms; i++) {
        struct tail_share *share = &t->rooms[i]->share;

        r->room = NULL;
        if (!is_mine(r, t->rooms[i]) && !(t->rooms[i]->reader == r && share->n_acks > 0))
            continue;
        r->room = t->rooms[i];
        if (share->n_acks > 0) {
            tail_flush(t);
            return t->stop == TAIL_GOES_ON ? &tail_acks : NULL;
        }
        if (!share->joined)
            return &tail_joins;
        if (!share->drained)
            return &tail_drains;
        if (share->claim_due <= wait_now())
            return &tail_claims;
    }
    r->room = NULL;
    if (t->set->to_end)
        r->block = TAIL_NO_WAIT;
    else if (!r->timed || r->block > wait_for_new(r))
        r->block = wait_for_new(r);
    r->timed = false;
    return &tail_takes;
}

const struct tail_step *tail_choose_leaving(struct tail_reader *r)
{
    struct tail *t = r->t;

    for (size_t i = 0; i < t->n_rooms; i++) {
        struct tail_share *share = &t->rooms[i]->share;

        if (t->rooms[i]->reader != r || !share->joined)
            continue;
        r->room = t->rooms[i];
        r->room->done = false;
        if (share->n_acks > 0)
            return &tail_acks;
        if (share->leaving == SHARE_STAYS && t->set->passing)
            return &tail_checks;
        if (share->leaving == SHARE_FREE)
            return &tail_leaves;
    }
    r->over = true;
    t->stop = TAIL_ENDED;
    for (size_t i = 0; i < t->n_readers; i++)
        if (!t->readers[i]->over)
            t->stop = TAIL_GOES_ON;
    return NULL;
}
