#include "cmd/tail_print.h"

#include <string.h>

#include "common/wait.h"

/* Larger entries are not copied to the output: the two buffers are swapped. */
enum { COPIED = 64 * 1024 };

bool tail_print_hides(const struct tail_print *p, const struct span *name)
{
    for (size_t i = 0; i < p->set->exclude.n; i++)
        if (strlen(p->set->exclude.at[i]) == name->len
            && memcmp(p->set->exclude.at[i], name->at, name->len) == 0)
            return true;
    return false;
}

bool tail_print_is_past(const struct tail_print *p, const struct tail_room *room, struct id id)
{
    return id_compare(id, p->until) > 0
           || (p->set->to_end && !p->set->group && id_compare(id, room->end) > 0);
}

void tail_print_message(struct tail_print *p, struct tail_entry *open, struct tail_room *room,
    const struct entry_message *m)
{
    if (p->stop != TAIL_GOES_ON || tail_print_hides(p, &m->name))
        return;
    if (room->skip > 0 && !format_keeps_entries(&p->format)) {
        room->skip--;
        open->skipped++;
        return;
    }
    if (open->messages > 0)
        open->row = format_another(&p->format, &open->lines, open->row, m);
    else
        format_message(&p->format, &open->lines, m);
    open->messages++;
    open->bytes += m->text.len;
}

static void clear(struct tail_entry *open)
{
    buf_clear(&open->lines);
    open->row = 0;
    open->messages = open->bytes = open->skipped = 0;
}

/* A format that keeps entries whole skips one only if -n wants none of its messages. */
static bool is_skipped(
    const struct tail_print *p, const struct tail_entry *open, struct tail_room *room)
{
    uint64_t skip = format_keeps_entries(&p->format) ? room->skip : 0;

    if (skip == 0)
        return false;
    room->skip = open->messages <= skip ? skip - open->messages : 0;
    return open->messages <= skip;
}

static void add_lines(struct tail_print *p, struct buf *lines)
{
    struct buf empty;

    if (lines->len <= COPIED || p->out.nonblocking) {
        buf_add(&p->out.buf, lines->data, lines->len);
    } else {
        tail_print_flush(p);
        empty = p->out.buf;
        p->out.buf = *lines;
        *lines = empty;
    }
    if (out_commit(&p->out))
        tail_print_flush(p);
}

void tail_print_entry(struct tail_print *p, struct tail_entry *open, struct tail_room *room)
{
    if (!is_skipped(p, open, room)) {
        p->progress.messages += open->messages;
        p->progress.bytes += open->bytes;
        add_lines(p, &open->lines);
    }
    clear(open);
    if (p->set->count > 0 && p->progress.messages >= (uint64_t)p->set->count)
        p->stop = TAIL_ENDED;
}

void tail_print_void(struct tail_entry *open, struct tail_room *room)
{
    if (open->skipped > 0)
        room->skip += open->skipped;
    clear(open);
}

void tail_entry_free(struct tail_entry *open)
{
    buf_free(&open->lines);
}

void tail_print_flush(struct tail_print *p)
{
    out_flush(&p->out);
    if (p->out.failure.code != EXIT_DONE)
        p->stop = TAIL_ENDED; /* out.failure tells why */
    if (p->progress.messages == p->printed)
        return;
    p->printed = p->progress.messages;
    if (p->printed_at > 0)
        p->printed_at = wait_now();
}
