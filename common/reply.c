#include "common/reply.h"

#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "common/id.h"

/* The longest line (of an error, for example) and string that a server may send, in bytes. Real
 * ones are much shorter: by default a server limits strings to 512 MiB. */
enum { LONGEST_LINE = 64 * 1024, LONGEST_STRING = 1024 * 1024 * 1024 };

/* Before 1.0, hiredis counted array elements in int, and kept tasks in an array of structs. */
#if HIREDIS_MAJOR >= 1
typedef size_t count_type;
#define TASK(reader) ((reader)->task[(reader)->ridx])
#else
typedef int count_type;
#define TASK(reader) (&(reader)->rstack[(reader)->ridx])
#endif

/* hiredis expects the callbacks to make objects, and fails if one returns NULL. They make none, and
 * return the address of this. */
static char made;

static const char unknown_type[] = "a reply of a type that RESP2 does not have";

/* Note what is wrong with the reply. Returns NULL, which makes hiredis stop. */
static void *refuse(const redisReadTask *task, const char *why)
{
    struct reply_target *target = task->privdata;

    target->wrong = why;
    return NULL;
}

/* Whether the type is one of RESP2, which HELLO 2 asked for. hiredis 1 parses others too. */
static bool is_known(const redisReadTask *task)
{
    return task->type == REDIS_REPLY_STRING || task->type == REDIS_REPLY_ARRAY
           || task->type == REDIS_REPLY_INTEGER || task->type == REDIS_REPLY_STATUS
           || task->type == REDIS_REPLY_ERROR;
}

static void *pass_on(const redisReadTask *task, struct reply_item *item)
{
    const struct reply_target *target = task->privdata;

    if (!is_known(task))
        return refuse(task, unknown_type);
    item->depth = target->reader->ridx; /* the stack holds a task for each array around this one */
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

    if (type != REPLY_STRING && len > LONGEST_LINE)
        return refuse(task, "a line of more than 64 KiB");
    return pass_on(task, &item);
}

static void *on_array(const redisReadTask *task, count_type elements)
{
    struct reply_item item = {.type = REPLY_ARRAY, .integer = (long long)elements};

    return pass_on(task, &item);
}

static void *on_integer(const redisReadTask *task, long long integer)
{
    struct reply_item item = {.type = REPLY_INTEGER, .integer = integer};

    return pass_on(task, &item);
}

static void *on_nil(const redisReadTask *task)
{
    struct reply_item item = {.type = REPLY_NIL};

    return pass_on(task, &item);
}

#if HIREDIS_MAJOR >= 1
static void *on_double(const redisReadTask *task, double number, char *bytes, size_t len)
{
    (void)number, (void)bytes, (void)len;
    return pass_on(task, &(struct reply_item){0});
}

static void *on_bool(const redisReadTask *task, int truth)
{
    (void)truth;
    return pass_on(task, &(struct reply_item){0});
}
#endif

void reply_attach(redisReader *reader, struct reply_target *target)
{
    static redisReplyObjectFunctions functions = {
        .createString = on_string,
        .createArray = on_array,
        .createInteger = on_integer,
        .createNil = on_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = on_double,
        .createBool = on_bool,
#endif
    };

    *target = (struct reply_target){.reader = reader};
    reader->fn = &functions;
    reader->privdata = target;
}

/* What is wrong with the line that holds a string's length; NULL if nothing is so far. */
static const char *check_length(const char *at, size_t n)
{
    enum { MOST_DIGITS = 24 };
    const char *end = memchr(at, '\r', n);
    uint64_t length;

    if (end ? end + 1 < at + n && end[1] != '\n' : n > MOST_DIGITS)
        return "a length without an end";
    if (end == NULL)
        return NULL;
    if (id_number(at, (size_t)(end - at), &length) == 0 && length > LONGEST_STRING)
        return "a string of more than 1 GiB";
    return NULL;
}

/*
 * Check the incomplete item at the end of the reader's bytes. hiredis would wait for the rest of it
 * forever, and search an unfinished line from its beginning whenever more comes.
 */
static void check_rest(redisReader *reader)
{
    struct reply_target *target = reader->privdata;
    size_t n = reader->len - reader->pos;

    if (reader->ridx < 0 || n == 0)
        return;
    if (!is_known(TASK(reader)))
        refuse(TASK(reader), unknown_type);
    else if (TASK(reader)->type == REDIS_REPLY_STRING)
        target->wrong = check_length(reader->buf + reader->pos, n);
    else if (n > LONGEST_LINE)
        target->wrong = "a line of more than 64 KiB";
}

int reply_next(redisReader *reader, reply_sink *sink, void *context)
{
    struct reply_target *target = reader->privdata;
    void *reply = NULL;

    target->sink = sink;
    target->context = context;
    if (redisReaderGetReply(reader, &reply) == REDIS_OK && reply)
        return 1;
    if (reader->err == 0)
        check_rest(reader);
    else if (reader->err == REDIS_ERR_OOM && target->wrong == NULL)
        buf_no_memory();
    if (target->wrong) {
        reader->err = REDIS_ERR_PROTOCOL;
        snprintf(reader->errstr, sizeof reader->errstr, "%s", target->wrong);
    }
    return reader->err == 0 ? 0 : -1;
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
    static const char *const transient[] = {"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN",
        "BUSY ", "OOM", "MISCONF", "NOREPLICAS", "ERR max number of clients"};

    if (reply_is_error(item, "READONLY") || reply_is_error(item, "UNBLOCKED")
        || reply_is_error(item, "ERR WAIT cannot be used with replica"))
        return ERR_RECONNECT;
    if (reply_is_error(item, "MOVED ") || reply_is_error(item, "ASK "))
        return item->bytes[0] == 'M' ? ERR_MOVED : ERR_ASK;
    for (size_t i = 0; i < sizeof transient / sizeof *transient; i++)
        if (reply_is_error(item, transient[i]))
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

void reply_reject(struct err *e, const char *about)
{
    if (e->code == EXIT_DONE)
        err_set(e, EXIT_REFUSED, "%.64s%sprotocol error: an unexpected reply", about ? about : "",
            about ? ": " : "");
}

static void add_count(struct buf *to, char kind, size_t count)
{
    char *at = buf_reserve(to, 32);
    size_t n = id_digits(at + 1, count);

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
    char text[ID_DIGITS];

    reply_word(to, text, id_digits(text, number));
}
