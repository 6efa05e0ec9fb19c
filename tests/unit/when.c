#include "common/when.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

/* Rules spelled out, so that no database of zones is needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define CAIRO "EET-2EEST,M4.5.5/0,M10.5.4/24" /* spring forward at midnight, back to 23:00 */
#define HAVANA "CST5CDT,M3.2.0/0,M11.1.0/1"   /* forward at midnight, back to it */
#define LOS_ANGELES "PST8PDT,M3.2.0,M11.1.0"
#define ST_JOHNS "NST3:30NDT2:30,M3.2.0/0:01,M11.1.0/0:01" /* back from 00:01 to 23:01 */
#define KATHMANDU "<+0545>-5:45"

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* 2026-11-23T17:22:07Z, a Monday */
#define NOW 1795454527

static int parse(const char *text, struct when *when)
{
    struct err e = {0};

    return when_parse(text, NOW, when, &e);
}

static void reads_durations(void)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {
        {"0s", 0},
        {"1s", 1000},
        {"30s", 30000},
        {"10m", 600000},
        {"12h", 43200000},
        {"7d", 604800000},
        {"2w", 1209600000},
        {"007m", 420000},
        {"1h30m", 5400000},
        {"1w2d3h4m5s", 788645000},
        {"2w1s", 1209601000},
        {"0h0s", 0},
        {"90m90s", 5490000},
        {"30500568904w6d14h25m51s", 18446744073709551000U},
        {"18446744073709551s", 18446744073709551000U},
        {"30500568904w", 18446744073139200000U},
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t ms = 1;

        unit_row = good[i].text;
        CHECK_NUMBER(when_duration(good[i].text, &ms), 0);
        CHECK_NUMBER(ms, good[i].ms);
    }
}

static void refuses_durations(void)
{
    static const char *const bad[] = {"", "s", "10", "10x", "10S", "-1s", "+1s", "1.5h", " 1s",
        "1s ", "1 s", "1ms", "30m1h", "1h1h", "1s1m", "1h30", "h30m", "1h 30m",
        "1h1.5m", "1.5h30m", "1h-30m", "1hm", "1m18446744073709551s", "30500568904w6d14h25m52s", "18446744073709552s", "30500568905w", "99999999999999999999s",
        "0x1s", "s1"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t ms = 9;

        unit_row = bad[i];
        CHECK_NUMBER(when_duration(bad[i], &ms), -1);
        CHECK_NUMBER(ms, 9);
    }
}

static void tells_the_forms_apart(void)
{
    struct when when;

    CHECK_NUMBER(parse("1700000000000-5", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_ID);
    CHECK(when.id.ms == 1700000000000 && when.id.seq == 5);
    CHECK_NUMBER(parse("18446744073709551615-18446744073709551615", &when), 0);
    CHECK_NUMBER(id_compare(when.id, ID_MOST), 0);
    CHECK_NUMBER(parse("10m", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_AGO);
    CHECK_NUMBER(when.ms, 600000);
    CHECK_NUMBER(parse("1700000000000", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_TIME);
    CHECK_NUMBER(when.ms, 1700000000000);
    CHECK_NUMBER(parse("18446744073709551615", &when), 0);
    CHECK_NUMBER(when.ms, UINT64_MAX);
    CHECK_NUMBER(parse("@1700000000", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_TIME);
    CHECK_NUMBER(when.ms, 1700000000000);
}

struct row {
    const char *text;
    uint64_t ms;
    bool exact; /* not a whole second */
};

static void check_times(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct when when;

        unit_row = rows[i].text;
        CHECK_NUMBER(parse(rows[i].text, &when), 0);
        CHECK_NUMBER(when.kind, WHEN_TIME);
        CHECK_NUMBER(when.ms, rows[i].ms);
        CHECK_NUMBER(when.whole_second, !rows[i].exact);
    }
    unit_row = NULL;
}

#define CHECK_TIMES(rows) check_times(rows, sizeof(rows) / sizeof *(rows))

static void reads_times(void)
{
    static const struct row rows[] = {
        {"@0", 0, false},
        {"@1.5", 1500, true},
        {"@1.5009", 1500, true},
        {"@1.0000000000000000000000009", 1000, true},
        {"@18446744073709550.999", 18446744073709550999U, true},
        {"1970-01-01", 0, false},
        {"1970-01-01T00:00:00.001Z", 1, true},
        {"2026-11-23", 1795392000000, false},
        {"2026-11-23T17:22", 1795454520000, false},
        {"2026-11-23 17:22", 1795454520000, false},
        {"2026-11-23t17:22:07", 1795454527000, false},
        {"2026-11-23T17:22:07.123", 1795454527123, true},
        {"2026-11-23T17:22:07.1239999", 1795454527123, true},
        {"2026-11-23T17:22:07.1Z", 1795454527100, true},
        {"2026-11-23T17:22:07,5", 1795454527500, true},
        {"@1,5", 1500, true},
        {"2026-11-23T18:22:07,123456789+01:00", 1795454527123, true}, /* date -Ins */
        {"2026-11-23T18:22:07+01:00", 1795454527000, false}, /* date -Is */
        {"2026-11-23 18:22:07.123456789+01:00", 1795454527123, true}, /* date --rfc-3339=ns */
        {"2026-11-23 18:22:07.123+01", 1795454527123, true}, /* PostgreSQL */
        {"2026-11-23 18:22:07 +0100", 1795454527000, false}, /* git */
        {"2026-12-31T23:59:60Z", 1798761600000, false}, /* a leap second */
        {"2026-11-23T17:22Z", 1795454520000, false},
        {"2026-11-23T17:22+01:00", 1795450920000, false},
        {"2026-11-23T17:22+0100", 1795450920000, false},
        {"2026-11-23T17:22:00-05:30", 1795474320000, false},
        {"2026-11-23T00:00+14:00", 1795341600000, false},
        {"2024-02-29", 1709164800000, false}, /* leap days */
        {"2000-02-29", 951782400000, false},
        {"2026-12-31T23:59:59.999", 1798761599999, true},
        {"9999-12-31T23:59:59Z", 253402300799000, false},
    };

    set_zone("UTC0");
    CHECK_TIMES(rows);
}

static void refuses_times(void)
{
    static const char *const bad[] = {"", "now", "tomorrow", "Today", "@", "@-1", "@1.", "@1.5s", "@.5",
        "@1e3", "@18446744073709552", "@18446744073709551.999",
        "@99999999999999999999", "-1", "18446744073709551616",
        "2026-02-30", "2026-02-29", "2100-02-29", "1900-02-29", "2026-04-31", "2026-13-01",
        "2026-00-10", "2026-01-00", "2026-01-32", "2026/01/01", "20260101T", "2026-11-23T",
        "2026-11-23T17", "2026-11-23T24:00", "2026-11-23T17:60", "2026-11-23T17:22:99",
        "2026-1-2", "02026-01-02", " 2026-11-23", "2026- 1-02", "2026-11-23T7:22",
        "2026-11-23T 7:22", "2026-11-23T17:2", "2026-11-23T17:22:7", "2026-11-23T17:22: 7",
        "2026-11-23  17:22", "2026-11-23T17:22:", "2026-11-23T17:22:07.", "2026-11-23T17:22:07,",
        "2026-11-23T17:22.5", "2026-11-23Z", "2026-11-23T17:22x", "2026-11-23T17:22ZZ", "2026-11-23T17:22+01:00Z",
        "2026-11-23T17:22+01:60", "2026-11-23x", "-2026-11-23", "1-2-3", "1-", "*", "$",
        "2026-11-23T17:22+1", "24:00", "17:60", "7:22", "17:2", "17:22:", "17:22:5", "17:22:61.",
        "17:22.5", " 17:22", "17:22 ", "17:22Z", "17:22+01:00", "17", "T17:22", "today 17:22"};

    set_zone("UTC0");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct when when;

        unit_row = bad[i];
        CHECK_NUMBER(parse(bad[i], &when), -1);
    }
}

static void refuses_what_is_likely_to_mean_something_else(void)
{
    static const struct {
        const char *text, *what;
    } bad[] = {{"1", "1s (ago), @1 (seconds since 1970) or 1-0 (an ID)"}, {"10", "10s (ago)"},
        {"0010", "0010s"}, {"1751390520", "@1751390520"}, {"100000000000", "@100000000000"},
        {"20261123", "2026-11-23"}, {"20261323", "@20261323"}, {"2026", "2026s"},
        {"2026-07", "a month: write 2026-07-01"}, {"2026-12", "2026-12-01"}, {"0001-01", "a month"},
        {"5-3+", "leave out the +"}, {"1751390520000-0+", "leave out the +"}, {"x", "not 'x'"},
        {"5-+", "not '5-+'"}, {"5+", "not '5+'"}, {"", "not ''"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct when when;
        struct err e = {0};

        unit_row = bad[i].text;
        CHECK_NUMBER(when_parse(bad[i].text, NOW, &when, &e), -1);
        CHECK_NUMBER(e.code, EXIT_USAGE);
        if (!CHECK(strstr(e.text, bad[i].what) != NULL))
            unit_print("text", e.text, strlen(e.text));
    }
}

/* Their neighbours are what they say. */
static void takes_what_cannot_mean_anything_else(void)
{
    static const struct row times[] = {
        {"0", 0, true}, {"00", 0, true}, {"100000000001", 100000000001, true}};
    static const struct {
        const char *text;
        struct id id;
    } ids[] = {{"2026-13", {2026, 13}}, {"2026-7", {2026, 7}}, {"2026-007", {2026, 7}},
        {"2026-00", {2026, 0}}, {"02026-07", {2026, 7}}, {"202-07", {202, 7}}, {"10-0", {10, 0}}};

    CHECK_TIMES(times);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct when when;

        unit_row = ids[i].text;
        CHECK_NUMBER(parse(ids[i].text, &when), 0);
        CHECK_NUMBER(when.kind, WHEN_ID);
        CHECK(id_compare(when.id, ids[i].id) == 0 && !when.whole_second);
    }
}

/* Before 1970 is before each entry, wherever the day begins. */
static void knows_what_was_before_1970(void)
{
    static const char *const old[] = {"1970-01-01", "1969-12-31T23:59:59Z", "1969-12-31",
        "1970-01-01T00:59:59.999", "0001-01-01", "1970-01-01T00:00+00:01"};

    set_zone(BERLIN);
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        struct when when;

        unit_row = old[i];
        CHECK_NUMBER(parse(old[i], &when), 0);
        CHECK_NUMBER(when.kind, WHEN_ID);
        CHECK(id_compare(when.id, ID_LEAST) == 0);
        CHECK(!when.whole_second && when.ms == 0);
    }
}

/* What a local clock shows, and when it is looked at, in seconds. */
struct reading {
    const char *zone, *text;
    int64_t now, second;
};

static void check_readings(const struct reading *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct when when;
        struct err e = {0};

        unit_row = rows[i].text;
        set_zone(rows[i].zone);
        CHECK_NUMBER(when_parse(rows[i].text, (time_t)rows[i].now, &when, &e), 0);
        CHECK_NUMBER(when.kind, WHEN_TIME);
        CHECK(when.whole_second);
        if (!CHECK(when.ms == (uint64_t)rows[i].second * 1000))
            printf("#   row %zu, %s: got %" PRIu64 ", want %" PRId64 "\n", i, rows[i].zone,
                when.ms / 1000, rows[i].second);
    }
    unit_row = NULL;
}

#define CHECK_READINGS(rows) check_readings(rows, sizeof(rows) / sizeof *(rows))

static void knows_local_time(void)
{
    static const struct reading rows[] = {
        {BERLIN, "2026-11-23T17:22", 0, 1795450920},
        {BERLIN, "2026-07-01T12:00", 0, 1782900000},
        {BERLIN, "2026-07-01", 0, 1782856800},
        {BERLIN, "2026-07-01T12:00Z", 0, 1782907200}, /* an offset: no matter where */
        {BERLIN, "2026-03-29T01:59:59", 0, 1774745999}, /* the last second of winter */
        {BERLIN, "2026-03-29T03:00", 0, 1774746000}, /* and the next */
        {BERLIN, "2026-03-29T02:00", 0, 1774746000}, /* skipped: the jump */
        {BERLIN, "2026-03-29T02:30", 0, 1774746000},
        {BERLIN, "2026-03-29T02:59:59", 0, 1774746000},
        {BERLIN, "2026-10-25T01:59", 0, 1792886340}, /* in summer still */
        {BERLIN, "2026-10-25T02:00", 0, 1792886400}, /* shown twice: the first */
        {BERLIN, "2026-10-25T02:59:59", 0, 1792889999},
        {BERLIN, "2026-10-25T03:00", 0, 1792893600}, /* in winter surely */
        {CAIRO, "2026-04-24", 0, 1776981600}, /* a day without midnight */
        {CAIRO, "2026-04-24T00:59:59", 0, 1776981600},
        {CAIRO, "2026-04-24T01:00", 0, 1776981600},
        {CAIRO, "2026-04-23T23:59:59", 0, 1776981599},
        {HAVANA, "2026-11-01", 0, 1793505600}, /* a day with two */
        {LOS_ANGELES, "1970-01-01", 0, 28800},
        {LOS_ANGELES, "2026-11-23T17:22", 0, 1795483320},
        {KATHMANDU, "2026-11-23T17:22", 0, 1795433820},
    };

    CHECK_READINGS(rows);
}

static void knows_the_last_time_that_it_was_so(void)
{
    static const struct reading rows[] = {
        {"UTC0", "17:22", 1795454527, 1795454520},
        {"UTC0", "17:22:07", 1795454527, 1795454527}, /* now */
        {"UTC0", "17:22:08", 1795454527, 1795368128}, /* not yet: yesterday */
        {"UTC0", "00:00", 1795392000, 1795392000},
        {"UTC0", "23:59:59", 1795392000, 1795391999},
        {"UTC0", "12:00", 1767247200, 1767182400}, /* last year */
        {"UTC0", "12:00", 1709272800, 1709208000},
        {LOS_ANGELES, "17:22", 1795454527, 1795396920},
        {LOS_ANGELES, "09:22", 1795454527, 1795454520},
        {KATHMANDU, "23:00", 1795454527, 1795454100},
        {KATHMANDU, "23:30", 1795454527, 1795369500},
        {BERLIN, "02:30", 1774744200, 1774661400}, /* before the jump */
        {BERLIN, "02:30", 1774746000, 1774746000}, /* skipped: the jump */
        {BERLIN, "02:30", 1774774800, 1774746000},
        {BERLIN, "02:30", 1774828800, 1774746000},
        {BERLIN, "02:30", 1774830600, 1774830600},
        {BERLIN, "02:30", 1792888800, 1792888200}, /* shown twice: once so far */
        {BERLIN, "02:30", 1792891200, 1792888200}, /* put back, not there again */
        {BERLIN, "02:30", 1792892400, 1792891800}, /* the last */
        {BERLIN, "02:30", 1792929600, 1792891800},
        {BERLIN, "12:00", 1792929600, 1792926000}, /* a day of 25 hours */
        {CAIRO, "00:30", 1777032000, 1776981600},
        {CAIRO, "23:30", 1793306400, 1793305800}, /* before midnight, which is put back */
        {CAIRO, "23:30", 1793308800, 1793305800},
        {CAIRO, "23:30", 1793310000, 1793309400},
        {HAVANA, "00:30", 1793508000, 1793507400},
        {HAVANA, "00:30", 1793511600, 1793511000},
        {ST_JOHNS, "00:00", 1793502000, 1793500200}, /* shown a minute long, and then it was yesterday again */
    };

    CHECK_READINGS(rows);
}

static void knows_today_and_yesterday(void)
{
    static const struct reading rows[] = {
        {"UTC0", "today", 1795454527, 1795392000},
        {"UTC0", "yesterday", 1795454527, 1795305600},
        {"UTC0", "today", 1795392000, 1795392000},
        {"UTC0", "today", 1795391999, 1795305600},
        {"UTC0", "yesterday", 1709251200, 1709164800},
        {LOS_ANGELES, "today", 1795417200, 1795334400},
        {LOS_ANGELES, "yesterday", 1795424400, 1795334400},
        {KATHMANDU, "today", 1795458600, 1795457700},
        {BERLIN, "today", 1774785600, 1774738800}, /* a day of 23 hours */
        {BERLIN, "yesterday", 1774872000, 1774738800},
        {BERLIN, "today", 1792969140, 1792879200}, /* a day of 25 hours */
        {BERLIN, "yesterday", 1793016000, 1792879200},
        {CAIRO, "today", 1777032000, 1776981600}, /* without midnight */
        {CAIRO, "yesterday", 1777118400, 1776981600},
        {HAVANA, "today", 1793534400, 1793505600}, /* with two */
        {HAVANA, "today", 1793511000, 1793505600},
    };

    CHECK_READINGS(rows);
}

UNIT_MAIN({"reads durations", reads_durations}, {"refuses other durations", refuses_durations},
    {"tells IDs, times and durations apart", tells_the_forms_apart},
    {"reads times: epoch, ISO 8601, offsets", reads_times},
    {"refuses what is no time, as 30 February", refuses_times},
    {"refuses what is likely to mean something else", refuses_what_is_likely_to_mean_something_else},
    {"takes what cannot", takes_what_cannot_mean_anything_else},
    {"knows what was before 1970", knows_what_was_before_1970},
    {"knows local time, its summer, and what clocks skip or show twice", knows_local_time},
    {"knows the last time that a clock time was", knows_the_last_time_that_it_was_so},
    {"knows today and yesterday", knows_today_and_yesterday})
