#include "cmd/tail_rooms.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/route.h"
#include "common/wait.h"

/* How many rooms that are left out are reported one by one. */
enum { SAID = 3 };

/* How long deleted rooms are gathered for one report: all rooms are checked once in this time. */
enum { GATHER_MS = 5000 };

/* The order of the index: lengths are faster to compare than bytes. */
static int by_length(const void *a, const void *b)
{
    const struct tail_room *x = a, *y = b;

    return x->len != y->len ? (x->len < y->len ? -1 : 1) : memcmp(x->name, y->name, x->len);
}

static struct tail_room *new_room(const char *name, size_t len)
{
    struct tail_room *room = buf_zeroed(1, sizeof *room + len + 1);

    room->name = memcpy(room + 1, name, len);
    room->len = len;
    room->slot = route_slot(name, len);
    return room;
}

struct tail_room *tail_rooms_add(
    struct tail_rooms *r, const char *name, size_t len, struct tail_room **known)
{
    struct tail_room *room = new_room(name, len), **found;

    found = tsearch(room, &r->names, by_length);
    if (found == NULL)
        buf_no_memory();
    if (*found != room) {
        free(room);
        if (known)
            *known = *found;
        return NULL;
    }
    if (r->n == r->cap)
        r->all = list_grow(r->all, &r->cap, sizeof(struct tail_room *));
    r->all[r->n++] = room;
    return room;
}

struct tail_room *tail_rooms_find(const struct tail_rooms *r, const char *name, size_t len)
{
    const struct tail_room wanted = {.len = len, .name = name};
    struct tail_room **found = tfind(&wanted, &r->names, by_length);

    return found ? *found : NULL;
}

struct tail_room *tail_rooms_in_reply(const struct tail_room_list *rooms, size_t n, size_t *at,
    const struct span *name, struct err *e)
{
    for (size_t i = 0; i < n; i++, *at = (*at + 1) % n) {
        struct tail_room *room = rooms->at[*at];

        if (room->len == name->len && memcmp(room->name, name->at, name->len) == 0)
            return room;
    }
    err_set(e, EXIT_REFUSED, "protocol error: the reply names a room that was not requested");
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct tail_room *x = *(struct tail_room *const *)a, *y = *(struct tail_room *const *)b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->name, y->name, n);

    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

void tail_rooms_sort(struct tail_rooms *r)
{
    size_t operands = 0;

    while (operands < r->n && !r->all[operands]->matched)
        operands++;
    if (r->n > operands)
        qsort(r->all + operands, r->n - operands, sizeof(struct tail_room *), by_name);
}

void tail_rooms_drop(struct tail_rooms *r, struct tail_room *room)
{
    room->state = TAIL_ROOM_GONE;
    if (r->gone == 0)
        r->gone_since = wait_now();
    if (r->gone++ == 0)
        snprintf(r->first_gone, sizeof r->first_gone, "%s", room->name);
}

void tail_rooms_leave_out(struct tail_rooms *r, struct tail_room *room, const struct err *why)
{
    room->state = TAIL_ROOM_LEFT_OUT;
    if (r->left_out++ < SAID)
        err_say(ERR_NOTICE, "%s; it is left out", why->text);
}

void tail_rooms_report(struct tail_rooms *r, bool now)
{
    if (!now && wait_now() < r->gone_since + GATHER_MS)
        return;
    if (r->gone == 1)
        err_say(ERR_NOTICE, "%s: deleted; no longer reading it", r->first_gone);
    else if (r->gone > 1)
        err_say(ERR_NOTICE, "%zu rooms were deleted; no longer reading them", r->gone);
    if (r->left_out > SAID)
        err_say(ERR_NOTICE, "%zu more rooms cannot be read; they are left out", r->left_out - SAID);
    r->gone = r->left_out = 0;
}

void tail_rooms_forget(struct tail_rooms *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->n; i++) {
        if (r->all[i]->state != TAIL_ROOM_GONE || r->all[i]->held) {
            r->all[kept++] = r->all[i];
            continue;
        }
        tdelete(r->all[i], &r->names, by_length);
        free(r->all[i]);
    }
    r->n = kept;
}

void tail_rooms_free(struct tail_rooms *r)
{
    for (size_t i = 0; i < r->n; i++) {
        tdelete(r->all[i], &r->names, by_length);
        free(r->all[i]);
    }
    free(r->all);
}
