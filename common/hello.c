#include "common/hello.h"

#include <string.h>

static void take_field(struct hello *h, const struct reply_item *item)
{
    bool name = item->depth == 1 && item->index % 2 == 0 && item->len == 4;

    if (h->field == HELLO_MODE && item->type == REPLY_STRING)
        h->cluster = item->len == 7 && memcmp(item->bytes, "cluster", 7) == 0;
    if (h->field == HELLO_ROLE && item->type == REPLY_STRING)
        h->master = item->len == 6 && memcmp(item->bytes, "master", 6) == 0;
    h->field = !name                                 ? HELLO_OTHER
               : memcmp(item->bytes, "mode", 4) == 0 ? HELLO_MODE
               : memcmp(item->bytes, "role", 4) == 0 ? HELLO_ROLE
                                                     : HELLO_OTHER;
}

void hello_take(void *context, const struct reply_item *item)
{
    struct hello *h = context;
    struct err why;

    take_field(h, item);
    if (item->type != REPLY_ERROR || h->refused.code != EXIT_DONE)
        return;
    reply_refusal(&why, item, NULL);
    err_set(&h->refused, why.code, "%s refused the login: %s", h->peer, why.text);
    h->refused.kind = why.kind;
    if (reply_is_error(item, "NOAUTH") || reply_is_error(item, "WRONGPASS"))
        err_hint(&h->refused, "see --askpass, --pass-file and $REDISCLI_AUTH");
}
