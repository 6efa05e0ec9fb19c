#include "cmd/tail_room.h"

static void remember(struct tail_position *p, const struct tail_info *now)
{
    p->checked = true;
    p->check = now->last;
    p->check_added = now->added;
}

/* Everything up to the XINFO's last ID was read: the difference to what it says was lost. If it
 * says fewer, the room was created again and its IDs went on, or the server is another one. */
static struct tail_loss account(struct tail_position *p)
{
    struct tail_loss loss = {0};

    if (p->counted && p->check_added > p->count)
        loss.entries = p->check_added - p->count;
    p->counted = true;
    p->count = p->check_added;
    p->checked = false;
    return loss;
}

static bool is_empty_beyond(const struct tail_info *now, struct id cursor)
{
    return now->length == 0 || id_compare(cursor, now->first) < 0;
}

void tail_room_begin(struct tail_position *p, const struct tail_info *now, struct id cursor)
{
    int beyond = id_compare(cursor, now->last);

    *p = (struct tail_position){
        .cursor = cursor, .baseline = *now, .first = now->first, .top = now->last};
    p->ahead = beyond > 0;
    if (beyond < 0)
        remember(p, now);
    p->counted = beyond == 0 || (beyond < 0 && is_empty_beyond(now, cursor));
    p->count = beyond == 0 ? now->added : now->added - now->length;
}

/* Whether the place of an earlier run can be one of the room as it is now. */
static bool is_plausible(const struct tail_place *place, const struct tail_info *now)
{
    return place->counted && place->added <= now->added;
}

struct tail_loss tail_room_resume(
    struct tail_position *p, const struct tail_info *now, const struct tail_place *place)
{
    bool trimmed = now->length == 0 || id_compare(now->first, place->id) >= 0;
    struct tail_loss loss = {.unknown = !place->counted && tail_room_lost_start(now, place->id)};

    tail_room_begin(p, now, place->id);
    p->ahead = false;
    if (!is_plausible(place, now) || id_compare(place->id, now->last) > 0)
        return loss;
    if (trimmed) {
        remember(p, now);
        p->counted = true;
        p->count = place->added;
        return id_compare(place->id, now->last) == 0 ? account(p) : loss;
    }
    if (!p->counted && place->added >= now->added - now->length) {
        p->believed = true;
        p->count = place->added;
    }
    return loss;
}

bool tail_room_lost_start(const struct tail_info *now, struct id cursor)
{
    return id_compare(cursor, ID_LEAST) > 0 && now->added > now->length
           && id_compare(cursor, now->last) < 0 && is_empty_beyond(now, cursor);
}

void tail_room_begin_before(struct tail_position *p, struct id cursor, uint64_t entries)
{
    struct tail_info then = p->baseline;

    tail_room_begin(p, &then, cursor);
    p->counted = p->counted || then.added >= entries;
    if (then.added >= entries)
        p->count = then.added - entries;
}

struct tail_loss tail_room_pass(struct tail_position *p, struct id id)
{
    struct tail_loss loss = {0};

    return p->checked && id_compare(id, p->check) > 0 ? account(p) : loss;
}

struct tail_loss tail_room_read(struct tail_position *p, struct id id)
{
    struct tail_loss loss = tail_room_pass(p, id);

    p->cursor = id;
    p->count++;
    if (p->checked && id_compare(id, p->check) == 0)
        loss = account(p);
    if (id_compare(id, p->top) > 0)
        p->top = id;
    if (p->baseline.added == 0) {
        p->baseline = (struct tail_info){true, id, id, 1, 1};
        p->first = id;
    }
    return loss;
}

struct tail_loss tail_room_read_nothing(struct tail_position *p)
{
    struct tail_loss loss = {0};
    bool counted = p->counted;

    if (!p->checked)
        return loss;
    loss = account(p);
    loss.unknown = !counted;
    return loss;
}

/* After an outage the room is the old one, without its last entries, if it begins as before. If it
 * was trimmed and begins elsewhere, it still must have had what was there when we began. */
static bool is_recreated(const struct tail_position *p, const struct tail_info *now)
{
    return id_compare(now->first, p->first) != 0
           && (now->added < p->baseline.added || id_compare(now->last, p->baseline.last) < 0);
}

enum tail_fate tail_room_fate(
    const struct tail_position *p, const struct tail_info *now, bool after_outage)
{
    if (id_compare(now->last, p->top) >= 0)
        return TAIL_ROOM_GOES_ON;
    if (!now->exists)
        return TAIL_ROOM_DELETED;
    return !after_outage || is_recreated(p, now) ? TAIL_ROOM_RECREATED : TAIL_ROOM_WENT_BACK;
}

struct tail_loss tail_room_check(struct tail_position *p, const struct tail_info *now)
{
    struct tail_loss loss = {0};
    int beyond = id_compare(p->cursor, now->last);

    p->first = now->first;
    p->top = now->last;
    if (p->counted && now->added < p->count)
        p->counted = p->checked = false;
    if (!p->checked && beyond <= 0)
        remember(p, now);
    if (p->checked && !p->counted && beyond < 0 && is_empty_beyond(now, p->cursor)) {
        loss.unknown = now->added > now->length;
        p->counted = true;
        p->count = now->added - now->length;
    }
    return beyond == 0 && p->checked ? account(p) : loss;
}

struct tail_place tail_room_place(const struct tail_position *p)
{
    bool beyond = p->ahead && id_compare(p->cursor, p->top) > 0;

    return (struct tail_place){beyond ? p->top : p->cursor, p->counted || p->believed, p->count};
}
