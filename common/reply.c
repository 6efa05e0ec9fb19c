#include "common/reply.h"

#include <string.h>

#include <hiredis/hiredis.h>

/* hiredis counted array elements in int until 1.0. */
#if HIREDIS_MAJOR >= 1
typedef size_t count_type;
#else
typedef int count_type;
#endif

/* hiredis takes any pointer but NULL for "made"; nothing is. */
static char made;

static void *tell(const redisReadTask *task, struct reply_item *item)
{
    const struct reply_target *target = task->privdata;

    item->depth = target->reader->ridx; /* the tasks around this one lie below it in the stack */
    item->siblings = 1;
    if (task->parent) {
        item->index = (size_t)task->idx;
        item->siblings = (size_t)task->parent->elements;
    }
    target->sink(target->context, item);
    return &made;
}

static void *on_string(const redisReadTask *task, char *bytes, size_t len)
{
    enum reply_type type = task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
                           : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
                                                              : REPLY_STRING;
    struct reply_item item = {.type = type, .bytes = bytes, .len = len};

    return tell(task, &item);
}

static void *on_array(const redisReadTask *task, count_type elements)
{
    struct reply_item item = {.type = REPLY_ARRAY, .integer = (long long)elements};

    return tell(task, &item);
}

static void *on_integer(const redisReadTask *task, long long integer)
{
    struct reply_item item = {.type = REPLY_INTEGER, .integer = integer};

    return tell(task, &item);
}

static void *on_nil(const redisReadTask *task)
{
    struct reply_item item = {.type = REPLY_NIL};

    return tell(task, &item);
}

void reply_attach(redisReader *reader, struct reply_target *target)
{
    static redisReplyObjectFunctions functions = {
        .createString = on_string,
        .createArray = on_array,
        .createInteger = on_integer,
        .createNil = on_nil,
    };

    target->reader = reader;
    reader->fn = &functions;
    reader->privdata = target;
}

int reply_next(redisReader *reader, reply_sink *sink, void *context)
{
    struct reply_target *target = reader->privdata;
    void *reply = NULL;

    target->sink = sink;
    target->context = context;
    if (redisReaderGetReply(reader, &reply) != REDIS_OK)
        return -1;
    return reply != NULL;
}

void reply_ignore(void *context, const struct reply_item *item)
{
    (void)context, (void)item;
}

bool reply_is_error(const struct reply_item *item, const char *code)
{
    size_t n = strlen(code);

    return item->type == REPLY_ERROR && item->len >= n && memcmp(item->bytes, code, n) == 0;
}

static enum err_kind kind_of(const struct reply_item *item)
{
    static const char *const passing[] = {"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN",
        "BUSY ", "OOM", "MISCONF", "NOREPLICAS", "ERR max number of clients"};

    if (reply_is_error(item, "READONLY") || reply_is_error(item, "UNBLOCKED")
        || reply_is_error(item, "ERR WAIT cannot be used with replica"))
        return ERR_RECONNECT;
    if (reply_is_error(item, "MOVED ") || reply_is_error(item, "ASK "))
        return item->bytes[0] == 'M' ? ERR_MOVED : ERR_ASK;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (reply_is_error(item, passing[i]))
            return ERR_TRANSIENT;
    return ERR_FINAL;
}

int reply_refusal(struct err *e, const struct reply_item *item, const char *about)
{
    enum err_kind kind = kind_of(item);

    err_set(e, kind == ERR_FINAL ? EXIT_REFUSED : EXIT_FAILED, "%.64s%s%.*s", about ? about : "",
        about ? ": " : "", (int)item->len, item->bytes);
    e->kind = kind;
    return -1;
}

/* The number's digits; returns how many. Without printf: a length stands before every word that is
 * sent. */
static size_t digits(char to[24], uint64_t number)
{
    char reversed[24];
    size_t n = 0;

    do
        reversed[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < n; i++)
        to[i] = reversed[n - 1 - i];
    return n;
}

static void add_count(struct buf *to, char kind, size_t count)
{
    char *at = buf_reserve(to, 32);
    size_t n = digits(at + 1, count);

    at[0] = kind;
    at[n + 1] = '\r';
    at[n + 2] = '\n';
    to->len += n + 3;
}

void reply_command(struct buf *to, size_t n)
{
    add_count(to, '*', n);
}

void reply_word(struct buf *to, const char *bytes, size_t len)
{
    add_count(to, '$', len);
    buf_add(to, bytes, len);
    buf_add(to, "\r\n", 2);
}

void reply_text(struct buf *to, const char *text)
{
    reply_word(to, text, strlen(text));
}

void reply_number(struct buf *to, uint64_t number)
{
    char text[24];

    reply_word(to, text, digits(text, number));
}
