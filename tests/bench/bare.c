/*
 * bare PORT ROOM: writes a room as `chat-tail -t -n +1 -e` does, with nothing but what that takes:
 * to ask with XREAD, parse the reply by hand where it lies, and write the rows as they are, in turn.
 * No escapes, no outages, no other options: little is left but the server's own speed, for
 * tests/bench/run to compare with.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COUNT = 1000, ID_MAX = 64, IN_MAX = 64 * 1024 * 1024 };

static char in[IN_MAX], out[IN_MAX];
static size_t in_at, in_len;
static int fd;

static void connect_to(const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        err(1, "port %s", port);
}

static void write_all(int to, const char *bytes, size_t n)
{
    for (ssize_t done; n > 0; bytes += done, n -= (size_t)done)
        if ((done = write(to, bytes, n)) < 0)
            err(1, "write");
}

static void read_more(void)
{
    ssize_t n = in_len < IN_MAX ? read(fd, in + in_len, IN_MAX - in_len) : 0;

    if (n <= 0)
        errx(1, "the server closed, or the reply is too long");
    in_len += (size_t)n;
}

/* The number behind the next `*` or `$`. */
static long next_header(char kind)
{
    char *end;
    long n = 0;

    while ((end = memchr(in + in_at, '\n', in_len - in_at)) == NULL)
        read_more();
    if (in[in_at] != kind)
        errx(1, "unexpected reply: %.*s", (int)(end - in - (long)in_at), in + in_at);
    if (in[in_at + 1] == '-')
        n = -1;
    else
        for (const char *at = in + in_at + 1; *at != '\r'; at++)
            n = n * 10 + (*at - '0');
    in_at = (size_t)(end + 1 - in);
    return n;
}

/* The next string, which lives until the next reply. */
static const char *next_string(size_t *n)
{
    const char *bytes;

    *n = (size_t)next_header('$');
    while (in_len - in_at < *n + 2)
        read_more();
    bytes = in + in_at;
    in_at += *n + 2;
    return bytes;
}

static size_t add(size_t at, const char *bytes, size_t n, char behind)
{
    memcpy(out + at, bytes, n);
    out[at + n] = behind;
    return at + n + 1;
}

/* One entry as rows; returns where in `out` they end. `last` becomes its ID. */
static size_t copy_entry(size_t at, const char *room, size_t room_len, char *last)
{
    const char *id, *bytes;
    size_t id_len, n;

    next_header('*');
    id = next_string(&id_len);
    for (long fields = next_header('*'); fields > 0; fields -= 2) {
        at = add(at, room, room_len, '\t');
        at = add(at, id, id_len, '\t');
        bytes = next_string(&n);
        at = add(at, bytes, n, '\t');
        bytes = next_string(&n);
        at = add(at, bytes, n, '\n');
    }
    memcpy(last, id, id_len);
    last[id_len] = 0;
    return at;
}

/* Ask for what comes after that ID. */
static void ask(const char *room, const char *id)
{
    char command[4096];
    int n = snprintf(command, sizeof command,
        "*6\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$4\r\n%d\r\n$7\r\nSTREAMS\r\n$%zu\r\n%s\r\n$%zu\r\n"
        "%s\r\n",
        COUNT, strlen(room), room, strlen(id), id);

    write_all(fd, command, (size_t)n);
}

int main(int argc, char **argv)
{
    char last[ID_MAX] = "0-0";

    if (argc != 3)
        errx(2, "usage: bare PORT ROOM");
    connect_to(argv[1]);
    for (;;) {
        const char *room;
        size_t room_len, at = 0;

        ask(argv[2], last);
        in_at = in_len = 0;
        if (next_header('*') < 0)
            return 0;
        next_header('*');
        room = next_string(&room_len);
        for (long entries = next_header('*'); entries > 0; entries--)
            at = copy_entry(at, room, room_len, last);
        write_all(STDOUT_FILENO, out, at);
    }
}
