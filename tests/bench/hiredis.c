/*
 * hiredis PORT send|tail: what one writes first with hiredis, for tests/bench/run to compare with.
 * It sends the lines of standard input to the room `room`, as many at a time as are worth a
 * pipeline, or prints the room as chat-tail -t.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

enum { MANY = 1000 };

static redisContext *server;

static redisReply *next_reply(void)
{
    redisReply *reply;

    if (redisGetReply(server, (void **)&reply) != REDIS_OK)
        errx(1, "%s", server->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        errx(1, "%s", reply->str);
    return reply;
}

static void send_lines(void)
{
    char *line = NULL;
    size_t space = 0;
    ssize_t n;
    int owed = 0;

    while ((n = getline(&line, &space, stdin)) > 0) {
        redisAppendCommand(server, "XADD room * jhon %b", line, (size_t)n - 1);
        if (++owed < MANY)
            continue;
        for (; owed > 0; owed--)
            freeReplyObject(next_reply());
    }
    for (; owed > 0; owed--)
        freeReplyObject(next_reply());
    free(line);
}

static void print_entry(const redisReply *entry)
{
    const redisReply *id = entry->element[0], *fields = entry->element[1];

    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *name = fields->element[i], *text = fields->element[i + 1];

        printf("room\t%s\t", id->str);
        fwrite(name->str, 1, name->len, stdout);
        putchar('\t');
        fwrite(text->str, 1, text->len, stdout);
        putchar('\n');
    }
}

static void print_room(void)
{
    char last[64] = "0-0";

    for (;;) {
        redisReply *reply, *entries;

        redisAppendCommand(server, "XREAD COUNT %d STREAMS room %s", MANY, last);
        reply = next_reply();
        if (reply->type == REDIS_REPLY_NIL) {
            freeReplyObject(reply);
            return;
        }
        entries = reply->element[0]->element[1];
        for (size_t i = 0; i < entries->elements; i++)
            print_entry(entries->element[i]);
        snprintf(last, sizeof last, "%s", entries->element[entries->elements - 1]->element[0]->str);
        freeReplyObject(reply);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        errx(2, "usage: hiredis PORT send|tail");
    server = redisConnect("127.0.0.1", atoi(argv[1]));
    if (server == NULL || server->err)
        errx(1, "no connection");
    if (strcmp(argv[2], "send") == 0)
        send_lines();
    else
        print_room();
    redisFree(server);
    return 0;
}
