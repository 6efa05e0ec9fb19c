#include "cmd/tail.h"

#include <inttypes.h>
#include <string.h>

#include "common/wait.h"

/* How long a master that is behind is not believed to be one. */
enum { BEHIND_MS = 3000 };

/* XINFO STREAM answers with names and values in turn; a key that does not exist is an error. */
static void on_field(struct tail_reader *r, const struct reply_item *item)
{
    struct tail_info *info = &r->info;
    struct id *id = strcmp(r->field, "last-generated-id") == 0         ? &info->last
                    : strcmp(r->field, "recorded-first-entry-id") == 0 ? &info->first
                                                                       : NULL;
    uint64_t *number = strcmp(r->field, "length") == 0          ? &info->length
                       : strcmp(r->field, "entries-added") == 0 ? &info->added
                                                                : NULL;

    if (id && item->type == REPLY_STRING)
        id_parse(item->bytes, item->len, id);
    if (number && item->type == REPLY_INTEGER && item->integer >= 0)
        *number = (uint64_t)item->integer;
}

void tail_info_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;
    size_t n = item->len < sizeof r->field ? item->len : sizeof r->field - 1;

    if (r->room->matched && r->room->state == ROOM_NEW && item->type == REPLY_ERROR)
        r->room->done = reply_is_error(item, "NOPERM"); /* not ours to read */
    if (item->type == REPLY_ERROR && !reply_is_error(item, "ERR no such key") && !r->room->done)
        reply_refusal(&r->problem, item, r->room->name);
    if (item->depth == 0)
        r->info = (struct tail_info){.exists = item->type == REPLY_ARRAY};
    if (item->depth != 1)
        return;
    if (item->index % 2 == 1) {
        on_field(r, item);
    } else if (item->type == REPLY_STRING) {
        memcpy(r->field, item->bytes, n);
        r->field[n] = 0;
    }
}

void tail_ask_info(struct tail_reader *r)
{
    link_command(session_link(r->session), "XINFO STREAM %b", r->room->name, r->room->len);
}

/*
 * Know how many entries there ever were up to the cursor: none is there any more, or none came
 * since. Between the two, that is found out when reading passes the anchor's end.
 */
static void count_passed(struct tail_room *room, const struct tail_info *info)
{
    room->counted = true;
    if (id_compare(room->cursor, info->last) >= 0)
        room->passed = info->added;
    else if (info->length == 0 || id_compare(room->cursor, info->first) < 0)
        room->passed = info->added - info->length;
    else
        room->counted = false;
}

void tail_anchor(struct tail_room *room)
{
    room->seen = room->anchor;
    count_passed(room, &room->anchor);
    if (id_compare(room->cursor, room->anchor.last) > 0) {
        room->counted = false; /* -S is in the future: what comes before it is not read */
        room->anchor.last = ID_MOST;
    }
}

void tail_passed(struct tail_room *room)
{
    int beyond = id_compare(room->cursor, room->anchor.last);

    if (room->counted) {
        room->passed++;
    } else if (beyond >= 0) {
        room->counted = true;
        room->passed = room->anchor.added + (beyond > 0);
    }
    if (id_compare(room->cursor, room->seen.last) > 0)
        room->seen.last = room->cursor;
    if (!room->anchor.exists && id_compare(room->anchor.last, ID_MOST) < 0) { /* its first entry */
        room->anchor = (struct tail_info){true, room->cursor, room->cursor, 1, 1};
        room->seen.first = room->cursor;
    }
}

/*
 * The room's last ID fell below what it was. On a server that was there all the time, that is
 * another room of the same name. After an outage it may be the old one, without its last entries:
 * the master is a replica that had not got all, or the server did not keep all. It is if it begins
 * as it did; if not, because it was trimmed, then it must hold what was there when we began.
 */
static bool is_anew(const struct tail_room *room, const struct tail_info *now, bool after_outage)
{
    if (!after_outage)
        return true;
    return id_compare(now->first, room->seen.first) != 0
           && (now->added < room->anchor.added || id_compare(now->last, room->anchor.last) < 0);
}

static void go_back(
    struct tail *t, struct tail_room *room, const struct tail_info *now, bool after_outage)
{
    char id[ID_TEXT];

    id_print(id, now->last);
    if (!now->exists && t->set->to_end) {
        room->exists = false; /* its end will not come: that is told as for any room that is not */
        room->done = true;
    } else if (!now->exists) {
        err_say(ERR_NOTICE, "%.64s: deleted; waiting for it to be made anew", room->name);
        room->cursor = t->since;
    } else if (is_anew(room, now, after_outage)) {
        err_say(
            ERR_NOTICE, "%.64s: deleted and made anew; reading it from its beginning", room->name);
        room->cursor = t->since;
        room->skip = 0;
    } else {
        err_say(ERR_NOTICE, "%.64s: went back to the entry %s; going on behind it", room->name, id);
        if (id_compare(room->cursor, now->last) > 0)
            room->cursor = now->last;
    }
    room->anchor = *now;
    tail_anchor(room);
}

static void check(
    struct tail *t, struct tail_room *room, const struct tail_info *now, bool after_outage)
{
    uint64_t missing;

    if (id_compare(now->last, room->seen.last) < 0) {
        go_back(t, room, now, after_outage);
        return;
    }
    room->seen = *now;
    if (now->length > 0 && id_compare(now->first, room->cursor) <= 0)
        return;
    if (!room->counted && id_compare(room->cursor, room->anchor.last) < 0) {
        err_say(ERR_NOTICE, "%.64s: messages may have been trimmed before they could be read",
            room->name);
        count_passed(room, now);
    }
    if (!room->counted)
        return;
    if (now->added < room->passed + now->length) { /* made anew, though its IDs went on */
        room->anchor = *now;
        count_passed(room, now);
        return;
    }
    missing = now->added - room->passed - now->length;
    if (missing == 0)
        return;
    err_say(ERR_ALWAYS, "%.64s: %" PRIu64 " message%s trimmed before %s could be read", room->name,
        missing, missing == 1 ? " was" : "s were", missing == 1 ? "it" : "they");
    room->passed += missing;
}

/*
 * Behind Sentinels, whoever lacks what was read may be the new master, or an old one that is about
 * to become a replica: what it lacks would come to it, and be read twice. So others are asked first
 * for a while. A node of a cluster is never read from unless it is the master.
 */
static bool is_doubtful(struct tail_reader *r)
{
    struct tail_room *room = r->room;

    if (!r->t->route->master || !r->after_outage
        || id_compare(r->info.last, room->seen.last) >= 0) {
        room->behind = 0;
        return false;
    }
    room->behind = room->behind ? room->behind : wait_now();
    if (wait_now() - room->behind >= BEHIND_MS)
        return false;
    err_set(&r->problem, EXIT_NO_CONNECTION, "%.64s: the master lacks what was read already",
        room->name);
    r->problem.kind = ERR_RECONNECT;
    return true;
}

static void looked(struct tail_reader *r)
{
    if (is_doubtful(r))
        return;
    check(r->t, r->room, &r->info, r->after_outage);
}

/* A look that was not answered begins again with the first room. */
static void look_again(struct tail_reader *r)
{
    r->looks = 0;
}

const struct tail_step tail_looks = {tail_ask_info, tail_info_item, looked, look_again};
