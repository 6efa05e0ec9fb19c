/* What answers chat-tail's requests, and what does not: that is a protocol error, and not the end
 * of a search, an empty room or a time in 1970. */
#include <hiredis/hiredis.h>

#include "cmd/tail_claim.h"
#include "cmd/tail_clock.h"
#include "cmd/tail_dead.h"
#include "cmd/tail_info.h"
#include "cmd/tail_scan.h"
#include "tests/unit/unit.h"

static const char *globs[] = {"*"};
static struct tail_settings set = {.group = "w", .consumer = "me", .claim = 60000, .dead = "dead"};
static struct tail t;
static struct tail_share share;
static struct tail_room room = {.name = "r", .len = 1, .share = &share};
static struct tail_giving giving = {.t = &t, .set = &set};
static struct tail_take take;
static struct tail_infos infos;
static struct tail_scan scan;
static struct tail_claim claim;
static struct err why;

static void each(struct tail_infos *q, struct tail_room *of, const struct tail_info *info,
    const struct err *refused)
{
    (void)q, (void)of, (void)info;
    if (refused)
        why = *refused;
}

/* Answer the request with these bytes; what is wrong with them is left in `why`. */
static void answer(struct request *r, const char *text)
{
    redisReader *reader = redisReaderCreateWithFunctions(NULL);
    struct reply_target target;

    reply_attach(reader, &target);
    redisReaderFeed(reader, text, strlen(text));
    r->at = 0;
    r->problem.code = EXIT_DONE;
    while (reply_next(reader, r->kind->item, r) == 1) {
        if (r->kind->replied)
            r->kind->replied(r);
        r->at++;
    }
    redisReaderFree(reader);
    if (r->problem.code == EXIT_DONE && r->kind->answered)
        r->kind->answered(r);
    if (r->problem.code != EXIT_DONE)
        why = r->problem;
}

static void begin(void)
{
    why.code = EXIT_DONE;
    set.match = (struct string_list){globs, 1, 1};
    t = (struct tail){.print = {.set = &set}};
    share = (struct tail_share){.claimable = true};
    tail_take_start(&take, &giving);
    claim = (struct tail_claim){.take = &take};
}

static struct request *ask_scan(void)
{
    tail_scan_start(&scan, &t, -1);
    return &scan.request;
}

static struct request *ask_info(void)
{
    infos = (struct tail_infos){.each = each};
    tail_info_start(&infos);
    tail_info_add(&infos, &room);
    return &infos.request;
}

static struct request *ask_any(void)
{
    struct request *r = tail_claim_any(&claim, &room, 10);

    tail_take_expect(&take, ENTRY_XAUTOCLAIM, &room);
    return r;
}

static struct request *ask_list(void)
{
    return tail_claim_list(&claim, &room, false, 10);
}

static const struct {
    struct request *(*ask)(void);
    const char *text;
    bool is_answer;
} rows[] = {
    {ask_scan, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n", true},
    {ask_scan, "*2\r\n$20\r\n18446744073709551615\r\n*0\r\n", true},
    {ask_scan, "*2\r\n:0\r\n*0\r\n", false},
    {ask_scan, "*2\r\n$0\r\n\r\n*0\r\n", false},
    {ask_scan, "*2\r\n$30\r\n000000000000000000000000000001\r\n*0\r\n", false},
    {ask_scan, "*2\r\n$1\r\n0\r\n$1\r\na\r\n", false},
    {ask_scan, "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", false},
    {ask_scan, "*0\r\n", false},
    {ask_scan, ":2\r\n", false},
    {ask_scan, "+OK\r\n", false},
    {ask_info, "*4\r\n$6\r\nlength\r\n:1\r\n$17\r\nlast-generated-id\r\n$3\r\n1-1\r\n", true},
    {ask_info, "*4\r\n$3\r\nnew\r\n*1\r\n:5\r\n$6\r\nlength\r\n:1\r\n", true},
    {ask_info, "-ERR no such key\r\n", true},
    {ask_info, "*2\r\n$6\r\nlength\r\n:-1\r\n", false},
    {ask_info, "*2\r\n$6\r\nlength\r\n$1\r\n1\r\n", false},
    {ask_info, "*2\r\n$17\r\nlast-generated-id\r\n$1\r\n1\r\n", false},
    {ask_info, "*2\r\n$17\r\nlast-generated-id\r\n*0\r\n", false},
    {ask_info, "+OK\r\n", false},
    {ask_info, "$-1\r\n", false},
    {ask_any, "*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n", true},
    {ask_any, "*2\r\n$3\r\n0-0\r\n*0\r\n", true},
    {ask_any, "-NOGROUP No such key\r\n", true},
    {ask_any, "*3\r\n$1\r\n0\r\n*0\r\n*0\r\n", false},
    {ask_any, "*3\r\n:0\r\n*0\r\n*0\r\n", false},
    {ask_any, "*3\r\n$3\r\n0-0\r\n+OK\r\n*0\r\n", false},
    {ask_any, "+OK\r\n", false},
    {ask_list, "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:5\r\n:1\r\n", true},
    {ask_list, "*0\r\n", true},
    {ask_list, "*1\r\n*4\r\n:1\r\n$1\r\nc\r\n:5\r\n:1\r\n", false},
    {ask_list, "*1\r\n$3\r\n1-1\r\n", false},
    {ask_list, ":0\r\n", false},
};

static void tells_an_answer_from_what_is_none(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i].text;
        begin();
        answer(rows[i].ask(), rows[i].text);
        CHECK_NUMBER(why.code, rows[i].is_answer ? EXIT_DONE : EXIT_REFUSED);
        CHECK(rows[i].is_answer || strstr(why.text, "protocol error: "));
        tail_rooms_free(&t.rooms);
        tail_take_free(&take);
        tail_claim_free(&claim);
        tail_share_free(&share);
    }
}

struct time {
    struct tail_clock clock;
    struct err problem;
};

static void time_item(void *time, const struct reply_item *item)
{
    struct time *at = time;

    tail_clock_item(&at->clock, item, &at->problem);
}

static const struct {
    const char *text;
    uint64_t now; /* 0: it is no answer */
} times[] = {
    {"*2\r\n$2\r\n12\r\n$6\r\n345678\r\n", 12345},
    {"*0\r\n", 0},
    {"*1\r\n$2\r\n12\r\n", 0},
    {"*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n", 0},
    {"*2\r\n:1\r\n:2\r\n", 0},
    {"*2\r\n$1\r\n1\r\n*1\r\n$1\r\n2\r\n", 0},
    {":2\r\n", 0},
};

static void takes_the_time(void)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        redisReader *reader = redisReaderCreateWithFunctions(NULL);
        struct reply_target target;
        struct time at = {0};

        unit_row = times[i].text;
        reply_attach(reader, &target);
        redisReaderFeed(reader, times[i].text, strlen(times[i].text));
        CHECK_NUMBER(reply_next(reader, time_item, &at), 1);
        CHECK_NUMBER(at.problem.code, times[i].now ? EXIT_DONE : EXIT_REFUSED);
        if (times[i].now)
            CHECK_NUMBER(tail_clock_asked(&at.clock), times[i].now);
        redisReaderFree(reader);
    }
}

/* An entry that no reply says was added is not moved, and stays pending. */
static void moves_no_entry_without_its_id(void)
{
    static const char *const texts[] = {"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$3\r\n9-0\r\n:1\r\n",
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:1\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n"};
    static struct route route;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tail_dead *dead;

        unit_row = texts[i];
        begin();
        t.route = &route;
        err_set_level(ERR_ALWAYS);
        dead = tail_dead_new(&t);
        tail_dead_add(dead, &room, (struct id){1, 1}, 2);
        answer(tail_dead_next(dead), texts[i]);
        CHECK_NUMBER(why.code, i == 0 ? EXIT_DONE : EXIT_REFUSED);
        tail_dead_free(dead);
    }
}

UNIT_MAIN({"tells an answer from what is none", tells_an_answer_from_what_is_none},
    {"takes the time", takes_the_time},
    {"moves no entry without its ID", moves_no_entry_without_its_id})
