/* Links that are put aside, each to where it leads, for when they are needed again. */
#ifndef COMMON_LINKS_H
#define COMMON_LINKS_H

#include "common/buf.h"
#include "common/link.h"
#include "common/uri.h"

/* Zero it; release with links_free(). */
struct links {
    struct buf kept; /* private */
};

/* Put a link aside, which leads there; no reply may be due on it. It belongs to `l` now; one that
 * is not up is closed at once, and NULL is fine. */
void links_keep(struct links *l, const struct endpoint *at, struct link *link);

/* Take back the link that leads there: the caller's again. NULL if there is none, or the server has
 * closed it since. */
struct link *links_take(struct links *l, const struct endpoint *at);

void links_free(struct links *l);

#endif
