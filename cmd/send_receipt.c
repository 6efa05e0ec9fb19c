#include "cmd/send_receipt.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/outage.h"
#include "common/route.h"

static void add_user(struct buf *key, const char *user)
{
    for (; *user; user++) {
        unsigned char c = (unsigned char)*user;

        if (c < 0x80 && (isalnum(c) || strchr("._-", c)))
            buf_add(key, user, 1);
        else
            buf_printf(key, "%%%02X", c);
    }
}

static void name_key(struct receipt *r, const char *user, const char *sender)
{
    size_t hashed = r->room.len;
    bool tagged = route_hashed(r->room.data, &hashed) != r->room.data;

    buf_clear(&r->key);
    buf_add_text(&r->key, tagged ? "" : "{");
    buf_add(&r->key, r->room.data, r->room.len);
    buf_printf(&r->key, "%s:chat-send:", tagged ? "" : "}");
    add_user(&r->key, user);
    buf_printf(&r->key, ":%s", sender);
}

void receipt_begin(
    struct receipt *r, struct span room, const char *user, int64_t retry, int64_t now)
{
    enum { HOUR_MS = 3600 * 1000, WEEK_MS = 7 * 24 * HOUR_MS };
    unsigned char chance[16];
    char sender[2 * sizeof chance + 1];

    if (getrandom(chance, sizeof chance, 0) != sizeof chance) {
        err_say(ERR_ALWAYS, "cannot get random numbers: %s", strerror(errno));
        exit(EXIT_FAILED);
    }
    for (size_t i = 0; i < sizeof chance; i++)
        snprintf(sender + 2 * i, 3, "%02x", chance[i]);
    if (r->acked > 0) {
        r->before = r->acked;
        r->before_first = r->first;
    }
    r->state = RECEIPT_BEGUN;
    r->acked = 0;
    r->first = 0;
    r->used = now;
    r->life = retry == SESSION_FOREVER ? WEEK_MS
              : retry < HOUR_MS / 4    ? HOUR_MS
                                       : 4 * (uint64_t)retry;
    if (room.at != r->room.data) {
        buf_clear(&r->room);
        buf_add(&r->room, room.at, room.len);
        buf_reserve(&r->room, 1); /* never NULL, even if the name is empty */
    }
    name_key(r, user, sender);
}

bool receipt_lies_beside(const struct receipt *r)
{
    return route_slot(r->key.data, r->key.len) == route_slot(r->room.data, r->room.len);
}

bool receipt_is_old(const struct receipt *r, int64_t now)
{
    return (uint64_t)(now - r->used) >= r->life / 4;
}

void receipt_value(const struct receipt *r, uint64_t count, size_t line, struct buf *to)
{
    buf_clear(to);
    buf_printf(to, "%" PRIu64 " %zu", r->acked + count, line);
}

void receipt_acknowledge(struct receipt *r, const struct batch_part *part)
{
    const struct send_batch *b = part->batch;
    const struct batch_entry *last = &b->entries.at[part->end];
    struct span room = batch_room(b, part->end);

    r->acked += part->count;
    r->first = r->first ? r->first : b->entries.at[part->first].line;
    r->last = last->line;
    if (id_compare(last->id, ID_LEAST) == 0)
        return;
    r->last_id = last->id;
    buf_clear(&r->last_room);
    buf_add(&r->last_room, room.at, room.len);
    r->checked = true;
}

bool receipt_parse(const char *text, size_t n, struct receipt_content *content)
{
    const char *blank = n ? memchr(text, ' ', n) : NULL, *end = text + n, *next;
    uint64_t line;

    *content = (struct receipt_content){.there = true};
    if (blank == NULL || id_number(text, (size_t)(blank - text), &content->entries) < 0)
        return false;
    next = memchr(blank + 1, ' ', (size_t)(end - blank - 1));
    if (id_number(blank + 1, (size_t)((next ? next : end) - blank - 1), &line) < 0)
        return false;
    content->line = (size_t)line;
    return next == NULL || id_parse(next + 1, (size_t)(end - next - 1), &content->id) == 0;
}

enum receipt_verdict receipt_judge(
    const struct receipt *r, uint64_t in_doubt, const struct receipt_content *content)
{
    if (!content->there)
        return RECEIPT_GONE;
    if (content->entries < r->acked)
        return RECEIPT_BEHIND;
    if (content->entries == r->acked)
        return RECEIPT_AGREES;
    return content->entries - r->acked <= in_doubt ? RECEIPT_RAN : RECEIPT_FOREIGN;
}

void receipt_free(struct receipt *r)
{
    buf_free(&r->room);
    buf_free(&r->key);
    buf_free(&r->last_room);
}
