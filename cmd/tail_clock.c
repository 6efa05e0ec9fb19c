#include "cmd/tail_clock.h"

#include "common/id.h"

void tail_clock_item(struct tail_clock *c, const struct reply_item *item, struct err *problem)
{
    if (item->type == REPLY_ERROR)
        reply_refusal(problem, item, "cannot ask for the server's time");
    else if (item->depth == 1 && item->index < 2 && item->type == REPLY_STRING)
        id_number(item->bytes, item->len, &c->parts[item->index]);
}

uint64_t tail_clock_now(const struct tail_clock *c)
{
    return c->parts[0] * 1000 + c->parts[1] / 1000;
}
