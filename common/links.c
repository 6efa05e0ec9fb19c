#include "common/links.h"

#include <poll.h>
#include <stdlib.h>

#include "common/route.h"

struct kept_link {
    struct endpoint at;
    struct link *link;
};

static struct kept_link *all(const struct links *l, size_t *n)
{
    *n = l->kept.len / sizeof(struct kept_link);
    return (void *)l->kept.data;
}

void links_keep(struct links *l, const struct endpoint *at, struct link *link)
{
    struct kept_link kept = {*at, link};

    if (link && link_up(link))
        buf_add(&l->kept, &kept, sizeof kept);
    else
        link_close(link);
}

struct link *links_take(struct links *l, const struct endpoint *at)
{
    size_t n, i = 0;
    struct kept_link *kept = all(l, &n);
    struct link *link;
    struct err why;

    while (i < n && !route_same(&kept[i].at, at))
        i++;
    if (i == n)
        return NULL;
    link = kept[i].link;
    kept[i] = kept[n - 1];
    l->kept.len -= sizeof *kept;
    if (link_serve(link, POLLIN, &why) == 0 && link_up(link))
        return link;
    link_close(link);
    return NULL;
}

void links_free(struct links *l)
{
    size_t n;
    struct kept_link *kept = all(l, &n);

    for (size_t i = 0; i < n; i++)
        link_close(kept[i].link);
    buf_free(&l->kept);
}
