/*
 * A name server for tests, to be preloaded: while the file that $NAMES_SLOW names is there, the
 * name slow.test is never answered; otherwise it is 127.0.0.1. two.test is 127.0.0.2, then
 * 127.0.0.1.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int two(
    resolver *real, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    int failed = real("127.0.0.2", port, hints, found);

    return failed ? failed : real("127.0.0.1", port, hints, &(*found)->ai_next);
}

int getaddrinfo(const char *restrict host, const char *restrict port,
    const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    const char *slow = getenv("NAMES_SLOW");
    resolver *real;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (host == NULL || (hints && hints->ai_flags & AI_NUMERICHOST))
        return real(host, port, hints, found);
    if (strcmp(host, "two.test") == 0)
        return two(real, port, hints, found);
    if (strcmp(host, "slow.test") != 0)
        return real(host, port, hints, found);
    while (slow && access(slow, F_OK) == 0)
        pause(); /* for ever: it gets no signals */
    return real("127.0.0.1", port, hints, found);
}
