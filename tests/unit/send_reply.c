/* send_reply: what the answers to a batch say of its entries, and what kind of error they are. */
#include "cmd/send_reply.h"

#include <hiredis/hiredis.h>

#include "tests/unit/unit.h"

static struct send_settings set;
static struct send_batch batch;
static struct requests requests;
static struct replies replies;

/* A batch of entries of two rooms, in one part; lines 11, 12, ... */
static void begin(size_t n)
{
    set = (struct send_settings){.keep_ids = set.keep_ids};
    for (size_t i = 0; i < n; i++) {
        struct send_entry entry = {.room = {i % 2 ? "odd" : "even", i % 2 ? 3 : 4},
            .id = {i + 1, 0},
            .messages = 1,
            .line = 11 + i};

        reply_text(&entry.fields, "jhon");
        reply_number(&entry.fields, i);
        batch_add(&batch, &entry, &set);
        buf_free(&entry.fields);
    }
    batch_divide(&batch, DIVIDE_NOT);
    part_choose(batch.parts.at, n);
    requests = (struct requests){.set = &set};
    replies = (struct replies){.set = &set, .requests = &requests};
}

static void end(void)
{
    replies_free(&replies);
    request_free(&requests);
    batch_free(&batch);
    batch = (struct send_batch){0};
    set.keep_ids = false;
}

static void expect(enum expectation what, uint32_t left)
{
    *(requests.queue + requests.n++) = (struct expected){
        .what = what, .left = left, .of = batch.parts.at, .entry = 0};
}

/* Feed these bytes as the next replies. */
static void answer(const char *text)
{
    redisReader *reader = redisReaderCreateWithFunctions(NULL);
    struct reply_target target;

    reply_attach(reader, &target);
    redisReaderFeed(reader, text, strlen(text));
    while (request_due(&requests) && reply_next(reader, replies_item, &replies) == 1)
        request_answered(&requests);
    redisReaderFree(reader);
}

/* --- EXEC ------------------------------------------------------------------------------------ */

enum { BOOKKEEPING = 1, FULL = 2, CROSSED = 4 };

static const struct {
    const char *name, *text;
    bool ran;
    enum exit_code code;
    enum err_kind kind;
    size_t line;
    int marks;
} execs[] = {
    {"ran", "*3\r\n$3\r\n5-0\r\n$3\r\n5-1\r\n+OK\r\n", true, EXIT_DONE, ERR_FINAL, 0, 0},
    {"the receipt was written meanwhile", "*-1\r\n", false, EXIT_DONE, ERR_FINAL, 0, 0},
    {"the receipt was written meanwhile, as a nil string", "$-1\r\n", false, EXIT_DONE, ERR_FINAL,
        0, 0},
    {"one room is a string", "*3\r\n$3\r\n5-0\r\n-WRONGTYPE Operation against a key\r\n+OK\r\n",
        true, EXIT_REFUSED, ERR_FINAL, 12, 0},
    {"no IDs are left",
        "*3\r\n-ERR The stream has exhausted the last possible ID, unable\r\n$3\r\n5-1\r\n+OK\r\n",
        true, EXIT_REFUSED, ERR_FINAL, 11, 0},
    {"rights to the receipt were withdrawn", "*3\r\n$3\r\n5-0\r\n$3\r\n5-1\r\n-NOPERM no set\r\n",
        true, EXIT_REFUSED, ERR_FINAL, 0, 0},
    {"too few replies", "*1\r\n$3\r\n5-0\r\n", true, EXIT_REFUSED, ERR_FINAL, 0, 0},
    {"an entry has no ID", "*3\r\n$3\r\n5-0\r\n:1\r\n+OK\r\n", true, EXIT_REFUSED, ERR_FINAL, 0, 0},
    {"aborted, out of memory",
        "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory\r\n",
        false, EXIT_FAILED, ERR_TRANSIENT, 0, BOOKKEEPING | FULL},
    {"aborted, read-only",
        "-EXECABORT Transaction discarded because of: READONLY You can't write\r\n", false,
        EXIT_FAILED, ERR_RECONNECT, 0, BOOKKEEPING},
    {"aborted, too few replicas",
        "-EXECABORT Transaction discarded because of: NOREPLICAS Not enough\r\n", false,
        EXIT_FAILED, ERR_TRANSIENT, 0, BOOKKEEPING},
    {"aborted, not saved", "-EXECABORT Transaction discarded because of: MISCONF Redis\r\n", false,
        EXIT_FAILED, ERR_TRANSIENT, 0, BOOKKEEPING},
    {"aborted, moved", "-EXECABORT Transaction discarded because of: MOVED 1 h:1\r\n", false,
        EXIT_FAILED, ERR_MOVED, 0, BOOKKEEPING},
    {"aborted, no permission", "-EXECABORT Transaction discarded because of: NOPERM no exec\r\n",
        false, EXIT_REFUSED, ERR_FINAL, 0, BOOKKEEPING},
    {"moved", "-MOVED 1 h:1\r\n", false, EXIT_FAILED, ERR_MOVED, 0, BOOKKEEPING},
    {"asked to go elsewhere", "-ASK 1 h:1\r\n", false, EXIT_FAILED, ERR_ASK, 0, BOOKKEEPING},
    {"the slot moves", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", false,
        EXIT_FAILED, ERR_TRANSIENT, 0, BOOKKEEPING},
    {"no cluster", "-CLUSTERDOWN The cluster is down\r\n", false, EXIT_FAILED, ERR_TRANSIENT, 0,
        BOOKKEEPING},
    {"rooms of several slots", "-CROSSSLOT Keys in request don't hash\r\n", false, EXIT_REFUSED,
        ERR_FINAL, 0, BOOKKEEPING | CROSSED},
    {"busy", "-BUSY Redis is busy running a script\r\n", false, EXIT_FAILED, ERR_TRANSIENT, 0,
        BOOKKEEPING},
    {"out of memory", "-OOM command not allowed\r\n", false, EXIT_FAILED, ERR_TRANSIENT, 0,
        BOOKKEEPING | FULL},
    {"no MULTI", "-ERR EXEC without MULTI\r\n", false, EXIT_REFUSED, ERR_FINAL, 0, BOOKKEEPING},
};

static void knows_what_exec_says(void)
{
    for (size_t i = 0; i < sizeof execs / sizeof *execs; i++) {
        unit_row = execs[i].name;
        begin(2);
        expect(EXPECT_EXEC, 1);
        answer(execs[i].text);
        CHECK(request_due(&requests) == NULL);
        CHECK_NUMBER(replies.ran, execs[i].ran);
        CHECK_NUMBER(replies.error.why.code, execs[i].code);
        CHECK_NUMBER(replies.error.why.kind, execs[i].kind);
        CHECK_NUMBER(replies.error.line, execs[i].line);
        CHECK_NUMBER(replies.error.bookkeeping, (execs[i].marks & BOOKKEEPING) != 0);
        CHECK_NUMBER(replies.error.full, (execs[i].marks & FULL) != 0);
        CHECK_NUMBER(replies.error.crossed, (execs[i].marks & CROSSED) != 0);
        CHECK_NUMBER(batch.entries.at[0].state, strstr(execs[i].text, "5-0") ? ENTRY_IN : ENTRY_OUT);
        CHECK_NUMBER(batch.entries.at[1].state, strstr(execs[i].text, "5-1") ? ENTRY_IN : ENTRY_OUT);
        end();
    }
}

static void takes_the_ids_that_the_server_gives(void)
{
    begin(5);
    batch.entries.at[1].state = ENTRY_IN; /* it is none of the transaction */
    part_choose(batch.parts.at, 3);
    expect(EXPECT_EXEC, 1);
    answer("*4\r\n$4\r\n70-0\r\n$4\r\n72-2\r\n$4\r\n73-3\r\n+OK\r\n");
    CHECK_NUMBER(replies.error.why.code, EXIT_DONE);
    CHECK_NUMBER(batch.entries.at[0].id.ms, 70);
    CHECK_NUMBER(batch.entries.at[1].id.ms, 0);
    CHECK_NUMBER(batch.entries.at[2].id.ms, 72);
    CHECK_NUMBER(batch.entries.at[3].id.ms, 73);
    CHECK_NUMBER(batch.entries.at[4].state, ENTRY_OUT);
    CHECK_NUMBER(batch.rooms.at[0].newest.ms, 72);
    CHECK_NUMBER(batch.rooms.at[1].newest.ms, 73);
    end();
}

/* --- -k -------------------------------------------------------------------------------------- */

#define TOO_OLD \
    "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n"

static void looks_up_what_is_too_old(void)
{
    set.keep_ids = true;
    begin(3);
    expect(EXPECT_EXEC, 1);
    answer("*3\r\n" TOO_OLD "$3\r\n2-0\r\n" TOO_OLD);
    CHECK_NUMBER(replies.error.why.code, EXIT_DONE);
    CHECK_NUMBER(replies.too_old, 2);
    CHECK_NUMBER(batch.entries.at[0].state, ENTRY_TOO_OLD);
    CHECK_NUMBER(batch.entries.at[1].state, ENTRY_IN);
    CHECK_NUMBER(batch.entries.at[2].state, ENTRY_TOO_OLD);
    end();
    begin(1); /* where the server gives the IDs, that is no answer to expect */
    expect(EXPECT_EXEC, 1);
    answer("*2\r\n" TOO_OLD "+OK\r\n");
    CHECK_NUMBER(replies.error.why.code, EXIT_REFUSED);
    CHECK_NUMBER(batch.entries.at[0].state, ENTRY_OUT);
    end();
}

static const struct {
    const char *name, *text;
    int state;
    enum exit_code code;
} helds[] = {
    {"the same", "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\njhon\r\n$1\r\n0\r\n", ENTRY_IN, EXIT_DONE},
    {"another text", "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\njhon\r\n$1\r\n1\r\n", ENTRY_TOO_OLD,
        EXIT_FAILED},
    {"another name", "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\nJhon\r\n$1\r\n0\r\n", ENTRY_TOO_OLD,
        EXIT_FAILED},
    {"a longer text", "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\njhon\r\n$2\r\n0\n\r\n", ENTRY_TOO_OLD,
        EXIT_FAILED},
    {"one more field",
        "*1\r\n*2\r\n$3\r\n1-0\r\n*4\r\n$4\r\njhon\r\n$1\r\n0\r\n$1\r\na\r\n$1\r\nb\r\n",
        ENTRY_TOO_OLD, EXIT_FAILED},
    {"none", "*0\r\n", ENTRY_TOO_OLD, EXIT_DONE},
    {"no permission", "-NOPERM no xrange\r\n", ENTRY_TOO_OLD, EXIT_REFUSED},
    {"no entries", "+OK\r\n", ENTRY_TOO_OLD, EXIT_REFUSED},
    {"a transaction's error, though one key is asked for", "-CROSSSLOT Keys\r\n", ENTRY_TOO_OLD,
        EXIT_REFUSED},
};

static void compares_what_the_room_holds(void)
{
    for (size_t i = 0; i < sizeof helds / sizeof *helds; i++) {
        unit_row = helds[i].name;
        begin(2);
        batch.entries.at[0].state = ENTRY_TOO_OLD;
        batch.entries.at[0].id = (struct id){1, 0};
        expect(EXPECT_HELD, 1);
        answer(helds[i].text);
        CHECK_NUMBER(batch.entries.at[0].state, helds[i].state);
        CHECK_NUMBER(replies.error.why.code, helds[i].code);
        CHECK_NUMBER(replies.error.line, helds[i].code && helds[i].text[0] != '+' ? 11 : 0);
        CHECK(!replies.error.crossed); /* the batch would be divided, and the entry forgotten */
        end();
    }
}

/* --- behind MULTI, and by themselves --------------------------------------------------------- */

static void knows_which_entry_was_refused(void)
{
    begin(4);
    expect(EXPECT_QUEUED, 4);
    answer("+QUEUED\r\n+QUEUED\r\n-NOPERM no odd\r\n-ERR other\r\n");
    CHECK_NUMBER(replies.error.why.code, EXIT_REFUSED);
    CHECK_NUMBER(replies.error.line, 13);
    CHECK_NUMBER(replies.error.entry, 2);
    CHECK(replies.error.part == batch.parts.at);
    CHECK(!replies.error.bookkeeping);
    CHECK_TEXT(replies.error.why.text, "even: NOPERM no odd");
    CHECK_NUMBER(part_find(batch.parts.at, ENTRY_IN), BATCH_NO_ENTRY);
    end();
}

/* EXECABORT comes behind the error that is its cause, which stands. */
static void keeps_the_first_error(void)
{
    begin(2);
    expect(EXPECT_QUEUED, 2);
    expect(EXPECT_EXEC, 1);
    answer("+QUEUED\r\n-OOM command not allowed\r\n-EXECABORT Transaction discarded because of "
           "previous errors.\r\n");
    CHECK_NUMBER(replies.error.why.kind, ERR_TRANSIENT);
    CHECK(replies.error.full);
    CHECK_TEXT(replies.error.why.text, "odd: OOM command not allowed");
    CHECK(!replies.ran);
    end();
}

static void counts_what_ran_by_itself(void)
{
    begin(3);
    expect(EXPECT_XADD, 3);
    answer("$3\r\n7-0\r\n-OOM command not allowed\r\n$3\r\n7-1\r\n");
    CHECK_NUMBER(batch.entries.at[0].state, ENTRY_IN);
    CHECK_NUMBER(batch.entries.at[1].state, ENTRY_OUT);
    CHECK_NUMBER(batch.entries.at[2].state, ENTRY_IN);
    CHECK_NUMBER(replies.error.line, 12);
    CHECK_NUMBER(replies.error.why.kind, ERR_TRANSIENT);
    end();
    begin(2); /* where MULTI was refused, so do the XADDs behind it */
    expect(EXPECT_BOOKKEEPING, 1);
    expect(EXPECT_QUEUED, 2);
    answer("-NOPERM no multi\r\n$3\r\n7-0\r\n$3\r\n7-1\r\n");
    CHECK(replies.error.bookkeeping);
    CHECK_NUMBER(batch.entries.at[0].state, ENTRY_IN);
    CHECK_NUMBER(batch.entries.at[1].state, ENTRY_IN);
    end();
}

static void blames_a_text_that_is_too_long_on_us(void)
{
    begin(1);
    expect(EXPECT_XADD, 1);
    answer("-ERR Protocol error: invalid bulk length\r\n");
    CHECK_NUMBER(replies.error.why.code, EXIT_FAILED);
    CHECK_NUMBER(replies.error.why.kind, ERR_FINAL);
    CHECK_NUMBER(replies.error.line, 11);
    end();
}

/* --- receipts -------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool has, there;
    uint64_t entries;
    enum exit_code code;
} gets[] = {
    {"$3\r\n5 9\r\n", true, true, 5, EXIT_DONE},
    {"$7\r\n5 9 3-1\r\n", true, true, 5, EXIT_DONE},
    {"$-1\r\n", true, false, 0, EXIT_DONE},
    {"$4\r\nspam\r\n", true, true, UINT64_MAX, EXIT_DONE}, /* somebody else has written it */
    {":5\r\n", false, false, 0, EXIT_REFUSED},
    {"-WRONGTYPE Operation\r\n", false, false, 0, EXIT_REFUSED},
    {"-BUSY Redis is busy\r\n", false, false, 0, EXIT_FAILED}, /* no absent receipt */
    {"-LOADING Redis is\r\n", false, false, 0, EXIT_FAILED},
};

static void reads_receipts(void)
{
    for (size_t i = 0; i < sizeof gets / sizeof *gets; i++) {
        unit_row = gets[i].text;
        begin(1);
        expect(EXPECT_GET, 1);
        answer(gets[i].text);
        CHECK_NUMBER(replies.error.why.code, gets[i].code);
        if (gets[i].has) {
            CHECK_NUMBER(replies.receipt.there, gets[i].there);
            CHECK_NUMBER(replies.receipt.entries, gets[i].entries);
        }
        end();
    }
}

/* --- what no server answers ------------------------------------------------------------------ */

static const struct {
    enum expectation what;
    const char *text;
} strange[] = {
    {EXPECT_XADD, "*1\r\n$3\r\n5-0\r\n"},
    {EXPECT_XADD, ":5\r\n"},
    {EXPECT_XADD, "$-1\r\n"},
    {EXPECT_XADD, "+OK\r\n"},
    {EXPECT_XADD, "$5\r\n5 - 0\r\n"},
    {EXPECT_XADD, "$22\r\n18446744073709551616-0\r\n"},
    {EXPECT_QUEUED, "*1\r\n$3\r\n5-0\r\n"},
    {EXPECT_QUEUED, ":1\r\n"},
    {EXPECT_EXEC, "*2\r\n*1\r\n$3\r\n5-0\r\n+OK\r\n"},
    {EXPECT_EXEC, "+OK\r\n"},
    {EXPECT_EXEC, ":2\r\n"},
    {EXPECT_GET, "*1\r\n$3\r\n5 9\r\n"},
    {EXPECT_GET, "+5 9\r\n"},
    {EXPECT_BELOW, ":0\r\n"},
    {EXPECT_BELOW, "$-1\r\n"},
    {EXPECT_BELOW, "+OK\r\n"},
};

static void rejects_what_is_no_answer(void)
{
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        unit_row = strange[i].text;
        begin(1);
        expect(strange[i].what, 1);
        answer(strange[i].text);
        CHECK_NUMBER(replies.error.why.code, EXIT_REFUSED);
        CHECK(strstr(replies.error.why.text, "protocol error: an unexpected reply"));
        CHECK_NUMBER(batch.entries.at[0].state, ENTRY_OUT);
        end();
    }
}

/* Whether the last entry is still there is not known then. */
static void does_not_guess_what_a_room_holds(void)
{
    static struct receipt receipt;

    begin(1);
    expect(EXPECT_LAST, 1);
    requests.queue[0].receipt = &receipt;
    answer(":1\r\n");
    CHECK_NUMBER(replies.last, LAST_UNKNOWN);
    CHECK_NUMBER(replies.unknown.code, EXIT_REFUSED);
    end();
}

UNIT_MAIN({"knows what EXEC says", knows_what_exec_says},
    {"takes the IDs that the server gives", takes_the_ids_that_the_server_gives},
    {"looks up what is too old, with -k", looks_up_what_is_too_old},
    {"compares what the room holds", compares_what_the_room_holds},
    {"knows which entry was refused", knows_which_entry_was_refused},
    {"keeps the first error", keeps_the_first_error},
    {"counts what ran by itself", counts_what_ran_by_itself},
    {"blames a text that is too long on us", blames_a_text_that_is_too_long_on_us},
    {"reads receipts", reads_receipts}, {"rejects what is no answer", rejects_what_is_no_answer},
    {"does not guess what a room holds", does_not_guess_what_a_room_holds})
