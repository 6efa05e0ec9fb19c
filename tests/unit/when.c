#include "common/when.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/unit.h"

/* Rules spelled out, so that no database of zones is needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define CAIRO "EET-2EEST,M4.5.5/0,M10.5.4/24" /* spring forward at midnight */

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
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
        "1s ", "1 s", "1ms", "1m30s", "18446744073709552s", "30500568905w", "99999999999999999999s",
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

    CHECK_NUMBER(when_parse("1700000000000-5", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_ID);
    CHECK(when.id.ms == 1700000000000 && when.id.seq == 5);
    CHECK_NUMBER(when_parse("18446744073709551615-18446744073709551615", &when), 0);
    CHECK_NUMBER(id_compare(when.id, ID_MOST), 0);
    CHECK_NUMBER(when_parse("10m", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_AGO);
    CHECK_NUMBER(when.ms, 600000);
    CHECK_NUMBER(when_parse("1700000000000", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_TIME);
    CHECK_NUMBER(when.ms, 1700000000000);
    CHECK_NUMBER(when_parse("18446744073709551615", &when), 0);
    CHECK_NUMBER(when.ms, UINT64_MAX);
    CHECK_NUMBER(when_parse("@1700000000", &when), 0);
    CHECK_NUMBER(when.kind, WHEN_TIME);
    CHECK_NUMBER(when.ms, 1700000000000);
}

struct row {
    const char *text;
    uint64_t ms;
};

static void check_times(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct when when;

        unit_row = rows[i].text;
        CHECK_NUMBER(when_parse(rows[i].text, &when), 0);
        CHECK_NUMBER(when.kind, WHEN_TIME);
        CHECK_NUMBER(when.ms, rows[i].ms);
    }
    unit_row = NULL;
}

#define CHECK_TIMES(rows) check_times(rows, sizeof(rows) / sizeof *(rows))

static void reads_times(void)
{
    static const struct row rows[] = {
        {"@0", 0},
        {"@1.5", 1500},
        {"@1.5009", 1500},
        {"@1.0000000000000000000000009", 1000},
        {"@18446744073709550.999", 18446744073709550999U},
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"2026-11-23", 1795392000000},
        {"2026-11-23T17:22", 1795454520000},
        {"2026-11-23 17:22", 1795454520000},
        {"2026-11-23t17:22:07", 1795454527000},
        {"2026-11-23T17:22:07.123", 1795454527123},
        {"2026-11-23T17:22:07.1239999", 1795454527123},
        {"2026-11-23T17:22:07.1Z", 1795454527100},
        {"2026-11-23T17:22Z", 1795454520000},
        {"2026-11-23T17:22+01:00", 1795450920000},
        {"2026-11-23T17:22+0100", 1795450920000},
        {"2026-11-23T17:22:00-05:30", 1795474320000},
        {"2026-11-23T00:00+14:00", 1795341600000},
        {"2024-02-29", 1709164800000}, /* leap days */
        {"2000-02-29", 951782400000},
        {"2026-12-31T23:59:59.999", 1798761599999},
        {"9999-12-31T23:59:59Z", 253402300799000},
    };

    set_zone("UTC0");
    CHECK_TIMES(rows);
}

static void refuses_times(void)
{
    static const char *const bad[] = {"", "now", "yesterday", "@", "@-1", "@1.", "@1.5s", "@.5",
        "@1e3", "@18446744073709552", "@18446744073709551.999",
        "@99999999999999999999", "-1", "18446744073709551616",
        "2026-02-30", "2026-02-29", "2100-02-29", "1900-02-29", "2026-04-31", "2026-13-01",
        "2026-00-10", "2026-01-00", "2026-01-32", "2026/01/01", "20260101T", "2026-11-23T",
        "2026-11-23T17", "2026-11-23T24:00", "2026-11-23T17:60", "2026-11-23T17:22:99",
        "2026-1-2", "02026-01-02", " 2026-11-23", "2026- 1-02", "2026-11-23T7:22",
        "2026-11-23T 7:22", "2026-11-23T17:2", "2026-11-23T17:22:7", "2026-11-23T17:22: 7",
        "2026-11-23  17:22", "2026-11-23T17:22:", "2026-11-23T17:22:07.", "2026-11-23T17:22:07,5",
        "2026-11-23Z", "2026-11-23T17:22x", "2026-11-23T17:22ZZ", "2026-11-23T17:22+01:00Z",
        "2026-11-23T17:22+01:60", "2026-11-23x", "1969-12-31T23:59:59Z", "1969-12-31",
        "0000-01-01", "-2026-11-23", "1-2-3", "1-", "*", "$", "2026-11-23T17:22+1"};

    set_zone("UTC0");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct when when;

        unit_row = bad[i];
        CHECK_NUMBER(when_parse(bad[i], &when), -1);
    }
}

static void knows_local_time(void)
{
    static const struct row berlin[] = {
        {"2026-11-23T17:22", 1795450920000},         /* winter */
        {"2026-07-01T12:00", 1782900000000},         /* summer */
        {"2026-07-01", 1782856800000},
        {"2026-07-01T12:00Z", 1782907200000},        /* with an offset: no matter where */
        {"2026-03-29T01:59:59", 1774745999000},      /* the last second of winter */
        {"2026-03-29T03:00", 1774746000000},         /* and the next */
        {"2026-10-25T01:59", 1792886340000},         /* in summer still */
        {"2026-10-25T03:00", 1792893600000},         /* in winter surely */
    };
    static const struct row los_angeles[] = {
        {"1970-01-01", 28800000},
        {"2026-11-23T17:22", 1795483320000},
    };

    set_zone(BERLIN);
    CHECK_TIMES(berlin);
    set_zone("PST8PDT,M3.2.0,M11.1.0");
    CHECK_TIMES(los_angeles);
}

/* Where clocks jump, either reading will do, but a reading there must be. */
static void reads_times_that_clocks_skip(void)
{
    struct when when;

    set_zone(BERLIN);
    CHECK_NUMBER(when_parse("2026-03-29T02:30", &when), 0);
    CHECK(when.ms >= 1774744200000 && when.ms <= 1774747800000);
    CHECK_NUMBER(when_parse("2026-10-25T02:30", &when), 0);
    CHECK(when.ms == 1792888200000 || when.ms == 1792891800000);
    set_zone(CAIRO); /* a day without midnight */
    CHECK_NUMBER(when_parse("2026-04-24", &when), 0);
    CHECK(when.ms >= 1776978000000 && when.ms <= 1776981600000);
}

UNIT_MAIN({"reads durations", reads_durations}, {"refuses other durations", refuses_durations},
    {"tells IDs, times and durations apart", tells_the_forms_apart},
    {"reads times: epoch, ISO 8601, offsets", reads_times},
    {"refuses what is no time, as 30 February", refuses_times},
    {"knows local time and its summer", knows_local_time},
    {"reads times that clocks skip or repeat", reads_times_that_clocks_skip})
