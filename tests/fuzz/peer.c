/*
 * Whatever a server or a Sentinel says about other servers, only hosts and ports are learnt from
 * it, never a unix socket, and not without end.
 */
#include <hiredis/hiredis.h>

#include "common/route.h"
#include "common/sentinel.h"
#include "tests/fuzz/fuzz.h"

/* Tell the bytes, which may be a reply, to the sink; whether it came whole. */
static int tell(struct fuzz_input in, reply_sink *sink, void *context)
{
    redisReader *reader = redisReaderCreateWithFunctions(NULL);
    struct reply_target target;
    int told;

    reply_attach(reader, &target);
    redisReaderFeed(reader, in.at, in.left);
    told = reply_next(reader, sink, context);
    redisReaderFree(reader);
    return told;
}

static void check_node(const struct endpoint *node)
{
    const char *end = memchr(node->host, 0, sizeof node->host);

    PROPERTY(end && end > node->host);
    PROPERTY(node->port >= 1 && node->port <= 65535);
}

static void check_sentinel(const struct route *route, struct fuzz_input in)
{
    struct sentinel s = {.route = route};

    tell(in, sentinel_item, &s);
    PROPERTY(memchr(s.found.host, 0, sizeof s.found.host));
    PROPERTY(s.found.port >= 0 && s.found.port <= 65535);
}

/* The server itself may be at a unix socket, place 0. */
static void check_nodes(const struct route *route)
{
    for (size_t place = 1; place < route->nodes.n; place++)
        check_node(route_node(route, place));
    for (int slot = 0; slot < ROUTE_SLOTS; slot++)
        PROPERTY(route->owners[slot] <= route->nodes.n);
}

static void check_slots(struct route *route, struct fuzz_input in)
{
    struct route_slots slots = {.route = route, .from = *route_node(route, 0)};
    size_t before = route->nodes.n;

    tell(in, route_slots_item, &slots);
    PROPERTY(route->nodes.n <= before + in.left / 10); /* a host and a port, at least */
    check_nodes(route);
}

static void check_redirect(struct route *route, struct fuzz_input in)
{
    struct buf text = fuzz_field(&in, 0);
    struct endpoint to;

    if (route_redirect(route, text.data, route_node(route, 0), &to)) {
        check_node(&to);
        PROPERTY(strncmp(text.data, "ASK ", 4) != 0 || route->nodes.n == 1);
    }
    check_nodes(route);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    uint8_t kind = fuzz_byte(&in);
    struct uri address = {.host = "seed", .port = 6379, .db = -1};
    static struct route route;

    if (kind & 1)
        address = (struct uri){.socket = "/seed", .db = -1};
    route_open(&route, &address, "fuzz", NULL);
    check_sentinel(&route, in);
    check_slots(&route, in);
    route_free(&route);
    route_open(&route, &address, "fuzz", NULL);
    check_redirect(&route, in);
    route_free(&route);
    return 0;
}
