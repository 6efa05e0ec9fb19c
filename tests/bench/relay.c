/*
 * relay PORT MILLISECONDS: a local server as it looks from far away. It listens on a port of
 * 127.0.0.1 that the kernel chooses, prints that port, and forwards each connection to PORT. Bytes
 * leave MILLISECONDS after they came, in both directions, so a round trip takes twice that. However
 * many are in flight, it keeps reading: it adds distance, not a narrow line. Only the TCP handshake
 * is not delayed. It exits when standard input closes.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINKS = 64, AT_ONCE = 256 * 1024 };

/* What one read returned; len 0 is the end of the stream. */
struct chunk {
    struct chunk *next;
    long long due;
    size_t at, len;
    char bytes[];
};

/* One direction of a connection. */
struct way {
    int from, to;
    struct chunk *first, **last;
    bool ended;   /* `from` sends no more */
    bool blocked; /* `to` takes no more for now */
    bool broken;  /* `to` is gone: what still comes is dropped */
    bool done;
};

struct link {
    bool used;
    struct way ways[2];
};

static struct link links[LINKS];
static struct sockaddr_in server;
static long long delay;

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void drop_first(struct way *way)
{
    struct chunk *gone = way->first;

    way->first = gone->next;
    if (way->first == NULL)
        way->last = &way->first;
    free(gone);
}

static void break_way(struct way *way)
{
    while (way->first != NULL)
        drop_first(way);
    way->broken = true;
    way->blocked = false;
    way->done = way->ended;
}

static void take(struct way *way)
{
    static char bytes[AT_ONCE];
    ssize_t n = read(way->from, bytes, sizeof bytes);
    struct chunk *chunk;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* a reset ends the stream too */
        n = 0;
        way->ended = true;
        way->done = way->broken;
    }
    if (way->broken)
        return;
    chunk = malloc(sizeof *chunk + (size_t)n);
    if (chunk == NULL)
        err(1, "malloc");
    *chunk = (struct chunk){.due = now() + delay, .len = (size_t)n};
    memcpy(chunk->bytes, bytes, (size_t)n);
    *way->last = chunk;
    way->last = &chunk->next;
}

/* Write what is due, as far as it goes without waiting. */
static void deliver(struct way *way)
{
    const long long time = now();
    struct chunk *chunk;

    while ((chunk = way->first) != NULL && chunk->due <= time) {
        if (chunk->len == 0) {
            shutdown(way->to, SHUT_WR);
            way->done = true;
        } else {
            ssize_t n = send(
                way->to, chunk->bytes + chunk->at, chunk->len - chunk->at, MSG_NOSIGNAL);

            way->blocked = n < 0 && (errno == EAGAIN || errno == EINTR);
            if (way->blocked)
                return;
            if (n < 0) {
                break_way(way);
                return;
            }
            chunk->at += (size_t)n;
            if (chunk->at < chunk->len)
                continue;
        }
        drop_first(way);
    }
}

static void open_way(struct way *way, int from, int to)
{
    *way = (struct way){.from = from, .to = to, .last = &way->first};
}

static void open_link(struct link *link, int listener)
{
    const int on = 1, client = accept4(listener, NULL, NULL, SOCK_NONBLOCK),
              far = socket(AF_INET, SOCK_STREAM, 0);

    /* A local connect() does not take long; what follows must not wait. */
    if (client < 0 || far < 0 || connect(far, (struct sockaddr *)&server, sizeof server) < 0
        || fcntl(far, F_SETFL, O_NONBLOCK) < 0) {
        warn("connection");
        close(client);
        close(far);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    link->used = true;
    open_way(&link->ways[0], client, far);
    open_way(&link->ways[1], far, client);
}

static void close_link(struct link *link)
{
    close(link->ways[0].from);
    close(link->ways[0].to);
    link->used = false;
}

static int start_listening(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&here, len) < 0 || listen(fd, LINKS) < 0
        || getsockname(fd, (struct sockaddr *)&here, &len) < 0)
        err(1, "listen");
    printf("%d\n", ntohs(here.sin_port));
    if (fflush(stdout) != 0)
        err(1, "stdout");
    return fd;
}

/* For poll(), which skips descriptors below 0: two entries for each way. */
static void watch(const struct link *link, struct pollfd *fds)
{
    for (int i = 0; i < 2; i++) {
        const struct way *way = &link->ways[i];

        fds[2 * i].fd = link->used && !way->ended ? way->from : -1;
        fds[2 * i].events = POLLIN;
        fds[2 * i + 1].fd = link->used && way->blocked ? way->to : -1;
        fds[2 * i + 1].events = POLLOUT;
    }
}

/* When the next chunk is due that is not waiting for its reader, or -1. */
static long long next_due(void)
{
    long long due = -1;

    for (int i = 0; i < 2 * LINKS; i++) {
        const struct link *link = &links[i / 2];
        const struct way *way = &link->ways[i % 2];

        if (link->used && way->first != NULL && !way->blocked && (due < 0 || way->first->due < due))
            due = way->first->due;
    }
    return due;
}

static void wait_for(struct pollfd *fds, nfds_t n)
{
    const long long due = next_due(), left = due - now();
    struct timespec timeout = {0};

    if (left > 0) {
        timeout.tv_sec = (time_t)(left / 1000000000);
        timeout.tv_nsec = (long)(left % 1000000000);
    }
    if (ppoll(fds, n, due < 0 ? NULL : &timeout, NULL) < 0)
        err(1, "ppoll");
}

static void serve(struct link *link, const struct pollfd *fds)
{
    for (int i = 0; i < 2; i++) {
        struct way *way = &link->ways[i];

        if (fds[2 * i].revents != 0)
            take(way);
        if (!way->blocked || fds[2 * i + 1].revents != 0)
            deliver(way);
    }
    if (link->ways[0].done && link->ways[1].done)
        close_link(link);
}

int main(int argc, char **argv)
{
    struct pollfd fds[2 + 4 * LINKS] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};
    char byte;
    int listener;

    if (argc != 3)
        errx(2, "usage: relay PORT MILLISECONDS");
    server = (struct sockaddr_in){.sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(argv[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    delay = atoll(argv[2]) * 1000000;
    listener = start_listening();
    for (;;) {
        struct link *unused = NULL;

        for (int i = 0; i < LINKS; i++) {
            watch(&links[i], fds + 2 + 4 * i);
            if (!links[i].used)
                unused = &links[i];
        }
        fds[1].fd = unused != NULL ? listener : -1;
        wait_for(fds, sizeof fds / sizeof fds[0]);
        if (fds[0].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0)
            return 0;
        for (int i = 0; i < LINKS; i++)
            if (links[i].used)
                serve(&links[i], fds + 2 + 4 * i);
        if (fds[1].revents != 0)
            open_link(unused, listener);
    }
}
