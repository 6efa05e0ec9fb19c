/* size: how much a batch and a transaction hold, by the distance and after failures. */
#include "cmd/send_step.h"
#include "tests/unit/unit.h"

enum { NEAR = 2048, FAR = 16384, MIB = 1024 * 1024 };

static struct batch_limit limit_at(int64_t distance)
{
    return size_limit(distance, false);
}

static void grows_with_the_distance(void)
{
    struct batch_limit last = limit_at(0), most;

    CHECK_NUMBER(last.entries, NEAR);
    CHECK_NUMBER(last.bytes, MIB);
    for (int64_t ms = 1; ms < 2000; ms++, last = most) {
        most = limit_at(ms);
        CHECK(most.entries >= last.entries && most.bytes >= last.bytes);
        CHECK(most.entries > last.entries || most.entries == FAR);
        CHECK(most.bytes > last.bytes || most.bytes == 4 * MIB);
        CHECK(most.entries <= FAR && most.bytes <= 4 * MIB);
    }
    CHECK_NUMBER(last.entries, FAR);
    CHECK_NUMBER(last.bytes, 4 * MIB);
    CHECK_NUMBER(limit_at(50).entries, FAR);
    most = limit_at(INT64_MAX);
    CHECK_NUMBER(most.entries, FAR);
    CHECK_NUMBER(most.bytes, 4 * MIB);
}

/* Each part costs a round trip, however near the server is. */
static void is_large_in_parts(void)
{
    for (int64_t ms = 0; ms < 200; ms++) {
        CHECK_NUMBER(size_limit(ms, true).entries, FAR);
        CHECK_NUMBER(size_limit(ms, true).bytes, 4 * MIB);
    }
}

static void takes_all_of_a_batch(void)
{
    struct transaction_size s = {0};

    CHECK(size_of_transaction(&s) >= FAR);
    for (int i = 0; i < 1000; i++)
        size_succeeded(&s);
    CHECK(size_of_transaction(&s) >= FAR);
}

static const struct {
    size_t entries, next;
} halves[] = {{16384, 8192}, {2048, 1024}, {1000, 500}, {7, 3}, {3, 1}, {2, 1}, {1, 1}};

static void halves_after_a_failure(void)
{
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++)
        for (int died = 0; died < 2; died++) {
            struct transaction_size s = {0};

            size_failed(&s, halves[i].entries, died);
            CHECK_NUMBER(size_of_transaction(&s), halves[i].next);
            CHECK_NUMBER(s.ceiling, died ? halves[i].next : 0);
        }
}

static void halves_down_to_one(void)
{
    struct transaction_size s = {0};
    size_t entries = FAR, last;
    int tries = 0;

    do {
        last = entries;
        size_failed(&s, entries, tries % 2);
        entries = size_of_transaction(&s);
        CHECK(entries >= 1 && (entries < last || last == 1));
    } while (++tries < 40 && entries > 1);
    CHECK_NUMBER(entries, 1);
    CHECK_NUMBER(tries, 14);
    size_failed(&s, 1, true);
    CHECK_NUMBER(size_of_transaction(&s), 1);
}

/* Memory that ran out is there again: it doubles with each that goes through. */
static void grows_again_at_once(void)
{
    struct transaction_size s = {0};
    size_t want = 1024;

    size_failed(&s, 2048, false);
    while (want < FAR) {
        CHECK_NUMBER(size_of_transaction(&s), want);
        size_succeeded(&s);
        want *= 2;
    }
    CHECK(size_of_transaction(&s) >= FAR);
    CHECK_NUMBER(s.limit, 0); /* as if nothing had been */
}

/* A limit of the server's stays: what a connection died of is tried again after a while only, and
 * what went through is not made smaller. */
static void stays_below_what_a_connection_died_of(void)
{
    struct transaction_size s = {0};
    int deaths = 0, sent = 0;
    size_t limit = 700; /* entries that the server takes */

    for (int i = 0; i < 2000; i++) {
        size_t entries = size_of_transaction(&s) < NEAR ? size_of_transaction(&s) : NEAR;

        if (entries > limit) {
            size_failed(&s, entries, true);
            deaths++;
        } else {
            size_succeeded(&s);
            sent++;
        }
    }
    CHECK_NUMBER(s.ceiling > 0, 1);
    CHECK(deaths >= 2);        /* it was tried again */
    CHECK(deaths < 2000 / 50); /* but seldom */
    CHECK_NUMBER(sent, 2000 - deaths);
    limit = SIZE_MAX; /* it is lifted: in the end all is as at first */
    for (int i = 0; i < 64 * 16; i++)
        size_succeeded(&s);
    CHECK_NUMBER(s.limit + s.ceiling, 0);
    CHECK(size_of_transaction(&s) >= FAR);
}

static void keeps_below_the_ceiling_until_it_is_raised(void)
{
    struct transaction_size s = {0};
    int until_raised = 0;

    size_failed(&s, 2048, true);  /* 1,024, and no more */
    size_failed(&s, 1024, false); /* 512, out of memory */
    CHECK_NUMBER(size_of_transaction(&s), 512);
    size_succeeded(&s);
    CHECK_NUMBER(size_of_transaction(&s), 1024);
    while (size_of_transaction(&s) <= 1024 && ++until_raised < 1000)
        size_succeeded(&s);
    CHECK(until_raised > 10 && until_raised < 1000);
    CHECK_NUMBER(size_of_transaction(&s), 2048);
    for (int again = 0; again < 2; again++) { /* still too large: the count begins anew */
        size_failed(&s, 2048, true);
        for (int i = 0; i < until_raised; i++) {
            CHECK_NUMBER(size_of_transaction(&s), 1024);
            size_succeeded(&s);
        }
    }
}

UNIT_MAIN({"grows with the distance, within its bounds", grows_with_the_distance},
    {"is large in parts", is_large_in_parts},
    {"a transaction takes all of a batch", takes_all_of_a_batch},
    {"a transaction is half as large after a failure", halves_after_a_failure},
    {"is halved down to one entry", halves_down_to_one},
    {"grows again at once after a refusal", grows_again_at_once},
    {"stays below what a connection died of, for a while", stays_below_what_a_connection_died_of},
    {"keeps below the ceiling until that is raised", keeps_below_the_ceiling_until_it_is_raised})
