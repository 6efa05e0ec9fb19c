#include "cmd/tail_clock.h"

#include <stdbool.h>

#include "common/id.h"
#include "common/wait.h"

/* The reply has two numbers. */
static bool take(struct tail_clock *c, const struct reply_item *item)
{
    if (item->depth == 0)
        return item->type == REPLY_ARRAY && item->integer == 2;
    return item->type == REPLY_STRING && item->depth == 1 && item->index < 2
           && id_number(item->bytes, item->len, &c->parts[item->index]) == 0;
}

void tail_clock_item(struct tail_clock *c, const struct reply_item *item, struct err *problem)
{
    if (item->type == REPLY_ERROR)
        reply_refusal(problem, item, "cannot ask for the server's time");
    else if (!take(c, item))
        reply_reject(problem, "the server's time");
    c->came = wait_now();
}

uint64_t tail_clock_asked(const struct tail_clock *c)
{
    return c->parts[0] * 1000 + c->parts[1] / 1000;
}

int64_t tail_clock_left(const struct tail_clock *c, uint64_t until)
{
    uint64_t now = tail_clock_asked(c) + (uint64_t)(wait_now() - c->came);

    if (c->came == 0 || now > until)
        return 0;
    return until - now < INT32_MAX ? (int64_t)(until - now) + 1 : INT32_MAX;
}
