#include "common/when.h"

#include <ctype.h>
#include <string.h>

/* Nobody means a bare number from 1 to this: as milliseconds it is a time before 1973 or so. */
#define AMBIGUOUS UINT64_C(100000000000)

enum { DAY = 24 * 60 * 60 };

int when_duration(const char *text, uint64_t *ms)
{
    static const char units[] = "wdhms";
    static const uint64_t worth[] = {604800000, 86400000, 3600000, 60000, 1000};
    const char *at = text, *largest = units;
    uint64_t sum = 0;

    do {
        size_t n = strspn(at, "0123456789");
        const char *unit = at[n] ? strchr(largest, at[n]) : NULL;
        uint64_t number;

        if (unit == NULL || id_number(at, n, &number) < 0
            || number > (UINT64_MAX - sum) / worth[unit - units])
            return -1;
        sum += number * worth[unit - units];
        largest = unit + 1;
        at += n + 1;
    } while (*at);
    *ms = sum;
    return 0;
}

/* Set the time to a second; `when` has the fraction already. No entry is older than 1970. */
static int set_second(struct when *when, int64_t second)
{
    if (second < 0) {
        *when = (struct when){.kind = WHEN_ID, .id = ID_LEAST};
        return 0;
    }
    when->kind = WHEN_TIME;
    when->ms += (uint64_t)second * 1000;
    return 0;
}

/* Take a fraction of a second, `.5` or `,123`, if there is one. Digits after milliseconds are
 * ignored. Returns where it ends, or NULL if it is malformed. */
static const char *take_fraction(const char *at, struct when *when)
{
    uint64_t worth = 100;

    when->whole_second = *at != '.' && *at != ',';
    if (when->whole_second)
        return at;
    if (!isdigit((unsigned char)*++at))
        return NULL;
    for (; isdigit((unsigned char)*at); at++, worth /= 10)
        when->ms += worth * (uint64_t)(*at - '0');
    return at;
}

/* strptime(3), but for exactly `width` characters without spaces: it would also take fewer digits,
 * or spaces. */
static const char *take(const char *at, const char *format, size_t width, struct tm *tm)
{
    const char *end = at ? strptime(at, format, tm) : NULL;

    return end && end == at + width && strcspn(at, " ") >= width ? end : NULL;
}

/* Take `17:22`, `17:22:05` or `17:22:05.123`. Returns where it ends, or NULL if it is malformed. */
static const char *take_clock(const char *at, struct tm *tm, struct when *when)
{
    when->whole_second = true;
    at = take(at, "%H:%M", 5, tm);
    if (at == NULL || *at != ':')
        return at;
    at = take(at, ":%S", 3, tm);
    return at ? take_fraction(at, when) : NULL;
}

/* How many seconds local clocks are ahead of UTC at a second since 1970. */
static int64_t offset_at(int64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;

    return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

/* When local clocks show a time, in seconds since 1970. The two differ where clocks were set back
 * and showed it twice. */
struct shown {
    int64_t first, last;
};

/* Find when local clocks show `reading`, the seconds since 1970 if it were a time in UTC. For a
 * time that they skipped, that is the moment at which they were set forward. */
static struct shown find_shown(int64_t reading)
{
    int64_t before = reading - offset_at(reading - DAY), after = reading - offset_at(reading + DAY);
    bool old = before + offset_at(before) == reading, new = after + offset_at(after) == reading;

    if (old || new)
        return (struct shown){old ? before : after, new ? after : before};
    /* The jump is after `after`, which is the earlier second, and not after `before`. */
    while (before - after > 1) {
        int64_t middle = after + (before - after) / 2;

        if (offset_at(middle) == offset_at(after))
            after = middle;
        else
            before = middle;
    }
    return (struct shown){before, before};
}

/* What `tm` says, as if it were in UTC. Returns -1 if there is no such day, such as 31 April. */
static int read_fields(const struct tm *tm, int64_t *reading)
{
    struct tm day = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday};

    *reading = timegm(&day) + tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec;
    return day.tm_mday == tm->tm_mday ? 0 : -1;
}

static int parse_iso(const char *text, struct when *when)
{
    struct tm tm = {0};
    const char *at = take(text, "%Y-%m-%d", 10, &tm);
    bool offset = false;
    int64_t reading;

    when->whole_second = true;
    if (at && (*at == 'T' || *at == 't' || *at == ' ')) {
        at = take_clock(at + 1, &tm, when);
        offset = at && *at;
        if (offset)
            at = strptime(at, "%z", &tm);
    }
    if (at == NULL || *at || read_fields(&tm, &reading) < 0)
        return -1;
    return set_second(when, offset ? reading - tm.tm_gmtoff : find_shown(reading).first);
}

/* 00:00 of the local day, as if it were in UTC. */
static int64_t today_of(time_t now)
{
    int64_t reading = now + offset_at(now);

    return reading - (reading % DAY + DAY) % DAY;
}

/* Parse a clock time: the last time that local clocks showed it. */
static int parse_clock(const char *text, time_t now, struct when *when)
{
    struct tm tm = {0};
    const char *end = take_clock(text, &tm, when);
    int64_t reading = today_of(now) + DAY; /* clocks set back over midnight have shown that too */
    struct shown shown;

    if (end == NULL || *end)
        return -1;
    reading += tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
    while (shown = find_shown(reading), shown.first > now)
        reading -= DAY;
    return set_second(when, shown.last > now ? shown.first : shown.last);
}

static int parse_day(const char *text, time_t now, struct when *when)
{
    int64_t day = today_of(now);

    if (strcmp(text, "yesterday") == 0)
        day -= DAY;
    else if (strcmp(text, "today") != 0)
        return -1;
    when->whole_second = true;
    return set_second(when, find_shown(day).first);
}

static int parse_epoch(const char *text, struct when *when)
{
    size_t n = strspn(text, "0123456789");
    uint64_t seconds;
    const char *end;

    if (id_number(text, n, &seconds) < 0 || seconds > UINT64_MAX / 1000 - 1)
        return -1;
    end = take_fraction(text + n, when);
    if (end == NULL || *end)
        return -1;
    when->kind = WHEN_TIME;
    when->ms += seconds * 1000;
    return 0;
}

/* Refuse what probably means something else. */
static int check_meaning(const char *text, size_t n, struct err *e)
{
    uint64_t number;
    struct id id;
    struct tm tm;

    if (n == 8 && take(text, "%Y%m%d", n, &tm))
        return err_set(e, EXIT_USAGE, "'%s' might be a date: write %.4s-%.2s-%.2s", text, text,
            text + 4, text + 6);
    if (id_number(text, n, &number) == 0 && number > 0 && number <= AMBIGUOUS)
        return err_set(e, EXIT_USAGE,
            "'%s' might be %ss (ago), @%s (seconds since 1970) or %s-0 (an ID): write which", text,
            text, text, text);
    if (n == 7 && strspn(text, "0123456789") == 4 && take(text, "%Y-%m", n, &tm))
        return err_set(
            e, EXIT_USAGE, "'%s' looks like a month: write %s-01 for its first day", text, text);
    if (n > 0 && text[n - 1] == '+' && id_parse(text, n - 1, &id) == 0)
        return err_set(e, EXIT_USAGE,
            "'%s' is the ID of a row whose entry continues in the next row: leave out the +", text);
    return 0;
}

int when_parse(const char *text, time_t now, struct when *when, struct err *e)
{
    size_t n = strlen(text);

    *when = (struct when){0};
    if (check_meaning(text, n, e) < 0)
        return -1;
    if (id_parse(text, n, &when->id) == 0)
        when->kind = WHEN_ID;
    else if (when_duration(text, &when->ms) == 0)
        when->kind = WHEN_AGO;
    else if (id_number(text, n, &when->ms) == 0)
        when->kind = WHEN_TIME;
    else if (text[0] == '@' ? parse_epoch(text + 1, when) < 0
                            : parse_iso(text, when) < 0 && parse_clock(text, now, when) < 0
                                  && parse_day(text, now, when) < 0)
        return err_needs(e, text,
            "10m (ago), 17:22, today, yesterday, 2026-11-23T17:22, @EPOCH, milliseconds since 1970 "
            "or an ID");
    return 0;
}
