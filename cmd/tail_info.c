#include "cmd/tail_info.h"

#include <string.h>

#include "common/wait.h"

/* How many bytes per ms XINFO of one room may bring: it carries the first and last entry whole. */
enum { BYTES_A_MS = 100 };

static struct tail_infos *infos(void *request)
{
    return request;
}

static void ask(struct request *r, struct link *link)
{
    struct tail_infos *q = infos(r);

    memset(&q->info, 0, sizeof q->info);
    q->refused.code = EXIT_DONE;
    q->bytes = 0;
    for (size_t i = 0; i < q->n; i++)
        link_command(link, "XINFO STREAM %b", q->rooms[i]->name, q->rooms[i]->len);
    r->n = q->n;
}

/* Names and values in turn. */
static void on_field(struct tail_infos *q, const struct reply_item *item)
{
    struct tail_info *info = &q->info;
    struct id *id = strcmp(q->field, "last-generated-id") == 0         ? &info->last
                    : strcmp(q->field, "recorded-first-entry-id") == 0 ? &info->first
                                                                       : NULL;
    uint64_t *number = strcmp(q->field, "length") == 0          ? &info->length
                       : strcmp(q->field, "entries-added") == 0 ? &info->added
                                                                : NULL;

    if (id && (item->type != REPLY_STRING || id_parse(item->bytes, item->len, id) < 0))
        reply_reject(&q->refused, q->rooms[q->request.at]->name);
    if (number && (item->type != REPLY_INTEGER || item->integer < 0))
        reply_reject(&q->refused, q->rooms[q->request.at]->name);
    else if (number)
        *number = (uint64_t)item->integer;
}

static void item(void *request, const struct reply_item *it)
{
    struct tail_infos *q = infos(request);
    size_t n = it->len < sizeof q->field ? it->len : sizeof q->field - 1;

    q->bytes += it->len;
    if (it->depth == 0)
        q->info.exists = it->type == REPLY_ARRAY;
    if (it->type == REPLY_ERROR && !reply_is_error(it, "ERR no such key"))
        reply_refusal(&q->refused, it, q->rooms[q->request.at]->name);
    else if (it->depth == 0 && it->type != REPLY_ARRAY && it->type != REPLY_ERROR)
        reply_reject(&q->refused, q->rooms[q->request.at]->name);
    if (it->depth != 1)
        return;
    if (it->index % 2 == 1) {
        on_field(q, it);
        return;
    }
    if (n > 0)
        memcpy(q->field, it->bytes, n);
    q->field[n] = 0;
}

/* The reply about one room has come. A temporary refusal is a problem of the whole request. */
static void replied(struct request *r)
{
    struct tail_infos *q = infos(r);
    struct tail_room *room = q->rooms[r->at];
    bool refused = q->refused.code != EXIT_DONE;

    if (refused && q->refused.kind != ERR_FINAL) {
        r->problem = r->problem.code == EXIT_DONE ? q->refused : r->problem;
    } else {
        room->weight = q->bytes;
        room->quiet_until = wait_now() + (int64_t)(q->bytes / BYTES_A_MS);
        q->each(q, room, &q->info, refused ? &q->refused : NULL);
    }
    memset(&q->info, 0, sizeof q->info);
    q->refused.code = EXIT_DONE;
    q->bytes = 0;
}

static const struct request_kind kind = {ask, item, replied, NULL, NULL};

void tail_info_start(struct tail_infos *q)
{
    q->request.kind = &kind;
    q->n = 0;
}

bool tail_info_add(struct tail_infos *q, struct tail_room *room)
{
    uint64_t bytes = room->weight;

    for (size_t i = 0; i < q->n; i++)
        bytes += q->rooms[i]->weight;
    if (q->n == TAIL_INFO_ROOMS || (q->n > 0 && bytes > TAIL_INFO_BYTES))
        return false;
    q->rooms[q->n++] = room;
    return true;
}
