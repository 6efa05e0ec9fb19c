#include "common/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"

/*
 * It has two owners: the caller and the thread. The last one to leave releases it. The thread
 * writes the last three members, leaves, and then closes `done`; the caller reads them after that.
 */
struct lookup {
    atomic_int owners;
    int ready; /* the end of a pipe that becomes readable when the thread is done */
    struct endpoint at;
    int done; /* the thread's end of the pipe */
    struct addrinfo *found;
    int failed; /* a code of getaddrinfo() */
    int why;    /* errno, for EAI_SYSTEM */
};

static void leave(struct lookup *l)
{
    if (atomic_fetch_sub(&l->owners, 1) > 1)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    free(l);
}

static void *look_up(void *lookup)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct lookup *l = lookup;
    int done = l->done;
    char port[16];

    snprintf(port, sizeof port, "%d", l->at.port);
    l->failed = getaddrinfo(l->at.host, port, &hints, &l->found);
    l->why = errno;
    leave(l);
    close(done); /* makes `ready` readable */
    return NULL;
}

/* Start the thread, with all signals blocked. Returns 0 or an error number. */
static int run(struct lookup *l)
{
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    failed = pthread_create(&thread, &detached, look_up, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    return failed;
}

struct lookup *lookup_begin(const struct endpoint *at)
{
    struct lookup *l = calloc(1, sizeof *l);
    int ends[2], failed;

    if (l == NULL)
        buf_no_memory();
    if (pipe2(ends, O_CLOEXEC) < 0) {
        free(l);
        return NULL;
    }
    atomic_init(&l->owners, 2);
    l->at = *at;
    l->ready = ends[0];
    l->done = ends[1];
    failed = run(l);
    if (failed == 0)
        return l;
    close(l->ready);
    close(l->done);
    free(l);
    errno = failed;
    return NULL;
}

int lookup_fd(const struct lookup *l)
{
    return l->ready;
}

const char *lookup_take(struct lookup *l, struct addrinfo **found)
{
    (void)atomic_load(&l->owners); /* pairs with leave(): makes what the thread wrote visible */
    *found = l->found;
    l->found = NULL;
    if (l->failed == 0)
        return NULL;
    return l->failed == EAI_SYSTEM ? strerror(l->why) : gai_strerror(l->failed);
}

void lookup_end(struct lookup *l)
{
    if (l == NULL)
        return;
    close(l->ready);
    leave(l);
}
