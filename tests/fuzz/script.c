#include "tests/fuzz/script.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "common/wait.h"
#include "tests/unit/utf8.h"

struct link {
    redisReader *reader;
    struct reply_target target;
    size_t owed; /* replies to what was asked */
    bool asking, lost, served;
};

/* So often may a program sleep that has nothing to read any more: more is spinning. */
enum { MOST_SLEEPS = 20000, SLEEPS_BEFORE_TERM = 50 };

struct buf script_in, script_out, script_err;

static struct fuzz_input left;
static struct buf letters;
static int64_t now;
static unsigned sleeps;
static size_t in_at;
static int caught;
static uint64_t said;

bool script_has(char letter)
{
    return letters.len > 0 && memchr(letters.data, letter, letters.len);
}

void script_begin(const uint8_t *data, size_t size, struct route *route)
{
    struct uri address = {.host = "seed", .port = 6379, .db = -1};

    left = (struct fuzz_input){(const char *)data, size};
    letters = fuzz_field(&left, '\n');
    now = 1000000;
    sleeps = 0;
    caught = 0;
    said = 0;
    in_at = 0;
    buf_clear(&script_in);
    buf_clear(&script_out);
    buf_clear(&script_err);
    if (script_has('y'))
        address = (struct uri){.sentinels = "seed,other", .master = "main", .db = -1};
    route_open(route, &address, "fuzz", NULL);
}

uint64_t script_said(void)
{
    return said;
}

void script_end(struct route *route, const struct err *e)
{
    if (e->code != EXIT_DONE)
        err_say(ERR_ALWAYS, "%s", e->text);
    route_free(route);
    PROPERTY(utf8_is_clean(script_err.data, script_err.len, "\t\n"));
    buf_free(&letters);
    buf_free(&script_in);
    buf_free(&script_out);
    buf_free(&script_err);
}

/* --- the link -------------------------------------------------------------------------------- */

/* Feed the reader what is said until the connection dies. */
static void feed(redisReader *reader)
{
    struct buf words = {0};

    while (left.left > 0) {
        struct buf line = fuzz_field(&left, '\n');
        bool ends = strcmp(line.data, "~") == 0;

        if (line.data[0] == '$')
            buf_printf(&words, "$%zu\r\n", line.len - 1);
        if (strcmp(line.data, "_") == 0)
            buf_add_text(&words, "$-1\r\n");
        else if (!ends)
            buf_add(&words, line.data + (line.data[0] == '$'), line.len - (line.data[0] == '$'));
        if (!ends && strcmp(line.data, "_") != 0)
            buf_add_text(&words, "\r\n");
        buf_free(&line);
        if (ends)
            break;
    }
    if (words.len > 0)
        redisReaderFeed(reader, words.data, words.len);
    buf_free(&words);
}

struct link *link_open(
    const struct endpoint *at, const struct login *login, int64_t due, struct err *e)
{
    struct link *l;

    PROPERTY(at->host[0] && at->port > 0 && login->name && due > 0);
    if (left.left == 0) {
        err_set(e, EXIT_NO_CONNECTION, "cannot connect to %s", at->host);
        return NULL;
    }
    l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    l->reader = redisReaderCreateWithFunctions(NULL);
    reply_attach(l->reader, &l->target);
    feed(l->reader);
    return l;
}

void link_close(struct link *l)
{
    if (l)
        redisReaderFree(l->reader);
    free(l);
}

/* What is owed is there, and so is the server: whoever waits for it need not. */
struct pollfd link_poll(const struct link *l, int64_t *deadline)
{
    if (l && (l->owed > 0 || l->lost || !l->served))
        *deadline = 0;
    return (struct pollfd){-1, 0, 0};
}

int link_serve(struct link *l, short revents, struct err *e)
{
    (void)revents, (void)e;
    l->served = true;
    return 0;
}

void link_flush(struct link *l)
{
    (void)l;
}

/* Nothing more will be said. */
void link_hang_up(struct link *l)
{
    if (l && l->owed == 0)
        l->owed = 1;
}

bool link_ready(const struct link *l)
{
    return l != NULL;
}

bool link_up(const struct link *l)
{
    return !l->lost;
}

bool link_in_cluster(const struct link *l)
{
    return l && script_has('c');
}

bool link_is_master(const struct link *l)
{
    return l != NULL;
}

int64_t link_distance(const struct link *l)
{
    return l && script_has('z') ? 50 : 0;
}

void link_set_asking(struct link *l)
{
    l->asking = true;
}

const char *link_peer(const struct link *l)
{
    return l ? "seed:6379" : NULL;
}

static void count_command(void *context, const struct reply_item *item)
{
    struct link *l = context;

    PROPERTY(item->type == (item->depth ? REPLY_STRING : REPLY_ARRAY));
    PROPERTY(item->depth < 2);
    if (item->depth == 0)
        l->owed++;
}

/* What is sent is commands, whole ones. */
void link_send(struct link *l, const char *bytes, size_t n)
{
    redisReader *reader = redisReaderCreateWithFunctions(NULL);
    struct reply_target target;
    int told = 1;

    reply_attach(reader, &target);
    redisReaderFeed(reader, bytes, n);
    while (l && told == 1)
        told = reply_next(reader, count_command, l);
    PROPERTY(l == NULL || (told == 0 && reader->pos == reader->len));
    redisReaderFree(reader);
}

void link_command(struct link *l, const char *format, ...)
{
    char *command;
    va_list args;
    int n;

    va_start(args, format);
    n = redisvFormatCommand(&command, format, args);
    va_end(args);
    PROPERTY(n > 0);
    link_send(l, command, (size_t)n);
    redisFreeCommand(command);
}

struct listener {
    reply_sink *sink;
    void *context;
};

/* An entry's ID, a receipt (`entries line`), or a list without entries. */
static void listen(void *listener, const struct reply_item *item)
{
    const struct listener *to = listener;
    const char *blank = item->len > 0 ? memchr(item->bytes, ' ', item->len) : NULL;
    struct id id;
    uint64_t entries = 0;

    said += item->type == REPLY_ARRAY && item->integer == 0;
    if (item->type == REPLY_STRING && id_parse(item->bytes, item->len, &id) == 0)
        said++;
    if (item->type == REPLY_STRING && blank
        && id_number(item->bytes, (size_t)(blank - item->bytes), &entries) == 0)
        said += entries < UINT32_MAX ? entries : UINT32_MAX;
    to->sink(to->context, item);
}

/* The answer to ASKING, which comes before each, is not told to whoever asked for something else.
 */
int link_reply(struct link *l, reply_sink *sink, void *context, struct err *e)
{
    struct listener to = {sink, context};
    int told = !l->lost;

    if (l->owed == 0 && !l->lost)
        return 0;
    if (told && l->asking)
        told = reply_next(l->reader, reply_ignore, NULL);
    if (told == 1)
        told = reply_next(l->reader, listen, &to);
    if (told < 0)
        return err_set(e, EXIT_REFUSED, "no reply: %s", l->reader->errstr);
    l->lost = told == 0;
    l->owed -= told == 1 && l->owed > 0;
    return told == 1 ? 1 : err_set(e, EXIT_NO_CONNECTION, "the connection was lost");
}

/* --- time ------------------------------------------------------------------------------------ */

int64_t wait_now(void)
{
    return now;
}

int64_t wait_earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void wait_begin(void)
{
}

void wait_arm(void)
{
}

int wait_signal(void)
{
    return caught;
}

bool wait_continued(void)
{
    return false;
}

void wait_write_last(int fd, const char *text)
{
    (void)fd, (void)text;
}

void wait_die(int sig)
{
    fprintf(stderr, "died of signal %d\n", sig);
    abort();
}

/* Standard input is ready while it has something, and at its end. */
int wait_poll(struct pollfd *fds, nfds_t n, int64_t deadline)
{
    int ready = 0;

    PROPERTY(++sleeps < MOST_SLEEPS);
    for (nfds_t i = 0; i < n; i++) {
        bool input = fds[i].fd == STDIN_FILENO && fds[i].events & POLLIN;

        fds[i].revents = input ? POLLIN : fds[i].fd >= 0 ? fds[i].events & POLLOUT : 0;
        ready += fds[i].revents != 0;
    }
    if (script_has('q') && sleeps > SLEEPS_BEFORE_TERM)
        caught = SIGTERM;
    if (ready > 0 || deadline <= now)
        return ready;
    PROPERTY(deadline < WAIT_FOREVER || caught == 0); /* else it waits for nothing, for ever */
    if (deadline == WAIT_FOREVER)
        caught = SIGTERM;
    else
        now = deadline;
    return 0;
}

/* --- the standard descriptors; for the linker's --wrap --------------------------------------- */

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
int __real_dup2(int from, int to);
int __wrap_dup2(int from, int to);

ssize_t __wrap_read(int fd, void *to, size_t n)
{
    if (fd != STDIN_FILENO)
        return __real_read(fd, to, n);
    if (n > script_in.len - in_at)
        n = script_in.len - in_at;
    if (n > 0)
        memcpy(to, script_in.data + in_at, n);
    in_at += n;
    return (ssize_t)n;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
    if (fd != STDOUT_FILENO && fd != STDERR_FILENO)
        return __real_write(fd, bytes, n);
    buf_add(fd == STDOUT_FILENO ? &script_out : &script_err, bytes, n);
    return (ssize_t)n;
}

int __wrap_dup2(int from, int to)
{
    return to == STDOUT_FILENO ? to : __real_dup2(from, to);
}
