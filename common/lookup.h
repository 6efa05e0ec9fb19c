/*
 * Finding a host's addresses without waiting for it: getaddrinfo() runs in a thread of its own,
 * which nobody has to wait for, and which never gets a signal.
 */
#ifndef COMMON_LOOKUP_H
#define COMMON_LOOKUP_H

#include "common/uri.h"

struct addrinfo;
struct lookup;

/* Begin to look up the host and port. Returns it for lookup_end(), or NULL with errno. */
struct lookup *lookup_begin(const struct endpoint *at);

/* A descriptor that is readable once lookup_take() may be called. It belongs to the lookup. */
int lookup_fd(const struct lookup *l);

/*
 * Take what was found: `*found` is the caller's, for freeaddrinfo(). Returns NULL, or why nothing
 * was found, in words that last.
 */
const char *lookup_take(struct lookup *l, struct addrinfo **found);

/* Release it; what is not found yet is not waited for. NULL is fine. */
void lookup_end(struct lookup *l);

#endif
