/*
 * Looking up a host's addresses without blocking: getaddrinfo() runs in a thread, which can be
 * abandoned, and which gets no signals.
 */
#ifndef COMMON_LOOKUP_H
#define COMMON_LOOKUP_H

#include "common/uri.h"

struct addrinfo;
struct lookup;

/* Begin to look up the host and port. Returns the lookup, for lookup_end(), or NULL with errno. */
struct lookup *lookup_begin(const struct endpoint *at);

/* The descriptor that becomes readable when lookup_take() may be called. The lookup owns it. */
int lookup_fd(const struct lookup *l);

/*
 * Take the addresses: `*found` is the caller's, for freeaddrinfo(). Returns NULL, or why there are
 * none, as a string that the caller need not release.
 */
const char *lookup_take(struct lookup *l, struct addrinfo **found);

/* Release it without waiting for the thread. NULL is fine. */
void lookup_end(struct lookup *l);

#endif
