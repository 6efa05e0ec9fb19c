/*
 * A time or a length of time is refused with words, and nothing else happens, or it means one
 * thing: the same when it is written another way; and a clock time is never to come.
 */
#include "common/when.h"

#include <inttypes.h>

#include "tests/fuzz/fuzz.h"

static void set_zone(unsigned n)
{
    static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3",
        "EET-2EEST,M4.5.5/0,M10.5.4/24", "CST5CDT,M3.2.0/0,M11.1.0/1",
        "NST3:30NDT2:30,M3.2.0/0:01,M11.1.0/0:01", "<+0545>-5:45", "<+14>-14", "<-12>12"};

    setenv("TZ", zones[n % (sizeof zones / sizeof *zones)], 1);
    tzset();
}

/* The same length in seconds alone. */
static void check_duration(const char *text)
{
    char seconds[32];
    uint64_t ms = 7, again;

    if (when_duration(text, &ms) < 0) {
        PROPERTY(ms == 7);
        return;
    }
    PROPERTY(ms % 1000 == 0);
    PROPERTY(text[strspn(text, "0123456789wdhms")] == 0);
    snprintf(seconds, sizeof seconds, "%" PRIu64 "s", ms / 1000);
    PROPERTY(when_duration(seconds, &again) == 0 && again == ms);
}

/* The same moment in seconds since 1970. */
static void check_time(const struct when *when, time_t now)
{
    struct when again;
    struct err e;
    char text[40];

    if (when->ms / 1000 > UINT64_MAX / 1000 - 1) /* nobody's seconds */
        return;
    snprintf(text, sizeof text, "@%" PRIu64 ".%03u", when->ms / 1000, (unsigned)(when->ms % 1000));
    PROPERTY(when_parse(text, now, &again, &e) == 0);
    PROPERTY(again.kind == WHEN_TIME && again.ms == when->ms);
    PROPERTY(!when->whole_second || when->ms % 1000 == 0);
}

static void check_id(const struct when *when, const char *text)
{
    char printed[ID_TEXT];
    struct id id;

    id_print(printed, when->id);
    PROPERTY(id_parse(printed, strlen(printed), &id) == 0 && id_compare(id, when->id) == 0);
    /* Or a time before 1970. */
    PROPERTY(id_parse(text, strlen(text), &id) == 0 ? id_compare(id, when->id) == 0
                                                    : id_compare(when->id, ID_LEAST) == 0);
}

static void check_when(const char *text, time_t now)
{
    struct when when, again;
    struct err e = {0};

    if (when_parse(text, now, &when, &e) < 0) {
        PROPERTY(e.code == EXIT_USAGE && e.text[0]);
        return;
    }
    PROPERTY(when_parse(text, now, &again, &e) == 0 && again.kind == when.kind);
    PROPERTY(again.ms == when.ms && id_compare(again.id, when.id) == 0);
    if (when.kind == WHEN_TIME)
        check_time(&when, now);
    else if (when.kind == WHEN_ID)
        check_id(&when, text);
    else
        PROPERTY(when.kind == WHEN_AGO);
    if (when.kind == WHEN_TIME && strchr(text, ':') == text + 2
        && text[strspn(text, "0123456789:")] == 0)
        PROPERTY(when.ms / 1000 <= (uint64_t)now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    time_t now = 1795454527;
    struct buf text;

    set_zone(fuzz_byte(&in));
    now += (time_t)fuzz_byte(&in) * 97 * 3600; /* some in the hours when clocks are put back */
    text = fuzz_field(&in, 0);
    check_duration(text.data);
    check_when(text.data, now);
    buf_free(&text);
    return 0;
}
