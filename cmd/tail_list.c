#include "cmd/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/wait.h"

/* How many keys the server looks at for one answer, in which only the rooms among them are told. */
enum { SCAN_COUNT = 1000 };

static void ask_scan(struct tail_reader *r)
{
    const struct tail_settings *set = r->t->set;

    link_command(session_link(r->session), "SCAN %s MATCH %s COUNT %d TYPE stream",
        r->scan.next[0] ? r->scan.next : "0", set->match[r->scan.pattern], SCAN_COUNT);
}

/* -m: no option can name this room, and rows without one are malformed. Said once. */
static void skip_nameless(struct tail *t)
{
    if (!t->nameless)
        err_say(ERR_NOTICE, "a room without a name is skipped: no option can name it");
    t->nameless = true;
}

static void found_name(struct tail_reader *r, const struct reply_item *item)
{
    struct tail_room *room;

    if (item->len == 0 && !r->t->set->list) {
        skip_nameless(r->t);
        return;
    }
    room = tail_add_room(r->t, item->bytes, item->len);
    if (room == NULL)
        return;
    if (r->t->set->list)
        room->reader = r;
    room->matched = true;
    room->fresh = r->t->begun;
}

/* Where to go on, and an array of names. */
static void scan_item(void *reader, const struct reply_item *item)
{
    struct tail_reader *r = reader;

    if (item->type == REPLY_ERROR) {
        reply_refusal(&r->problem, item, "cannot look for rooms");
    } else if (item->depth == 1 && item->index == 0 && item->type == REPLY_STRING) {
        size_t n = item->len < sizeof r->scan.next ? item->len : sizeof r->scan.next - 1;

        memcpy(r->scan.next, item->bytes, n);
        r->scan.next[n] = 0;
    } else if (item->depth == 2 && item->type == REPLY_STRING) {
        found_name(r, item);
    }
}

static void scanned(struct tail_reader *r)
{
    if (strcmp(r->scan.next, "0") != 0)
        return;
    if (++r->scan.pattern < r->t->set->matches)
        return;
    r->scan.pattern = 0;
    r->scan.done = true;
    r->scan.due = wait_now() + HEARTBEAT_MS;
}

/* Another server's words for where to go on mean nothing to this one. */
static void scan_again(struct tail_reader *r)
{
    r->scan.next[0] = 0;
}

const struct tail_step tail_scans = {ask_scan, scan_item, scanned, scan_again};

static int by_name(const void *a, const void *b)
{
    const struct tail_room *x = *(struct tail_room *const *)a, *y = *(struct tail_room *const *)b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->name, y->name, n);

    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

void tail_sort_matched(struct tail *t)
{
    size_t operands = 0;

    while (operands < t->n_rooms && !t->rooms[operands]->matched)
        operands++;
    for (size_t i = 0; i < t->n_readers; i++)
        t->readers[i]->settled = 0;
    if (t->n_rooms > operands)
        qsort(t->rooms + operands, t->n_rooms - operands, sizeof(struct tail_room *), by_name);
}

void tail_list(struct tail *t)
{
    for (size_t i = 0; i < t->n_rooms; i++) {
        const struct tail_room *room = t->rooms[i];

        if (!room->exists)
            continue;
        text_show_room(&t->out.buf, room->name, room->len);
        buf_printf(&t->out.buf, "\t%" PRIu64 "\t", room->anchor.length);
        if (room->anchor.last.ms > 0)
            format_time(&t->format, &t->out.buf, room->anchor.last.ms);
        buf_add(&t->out.buf, "\n", 1);
        out_commit(&t->out);
    }
}
