#include "common/when.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

int when_duration(const char *text, uint64_t *ms)
{
    static const char units[] = "smhdw";
    static const uint64_t worth[] = {1000, 60000, 3600000, 86400000, 604800000};
    size_t n = strlen(text);
    const char *unit = n ? strchr(units, text[n - 1]) : NULL;
    uint64_t number;

    if (unit == NULL || id_number(text, n - 1, &number) < 0 || number > UINT64_MAX / worth[unit - units])
        return -1;
    *ms = number * worth[unit - units];
    return 0;
}

/* Take exactly `digits` digits at `*at`, a value of `least` to `most`, and step over them. */
static bool take(const char **at, int digits, int least, int most, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)**at))
            return false;
        *value = *value * 10 + (*(*at)++ - '0');
    }
    return *value >= least && *value <= most;
}

/* Take a fraction of a second, `.5` or `.123`, if one is there; digits past milliseconds are dropped. */
static bool take_fraction(const char **at, uint64_t *ms)
{
    uint64_t worth = 100;

    *ms = 0;
    if (**at != '.')
        return true;
    if (!isdigit((unsigned char)*++*at))
        return false;
    for (; isdigit((unsigned char)**at); ++*at, worth /= 10)
        *ms += worth * (uint64_t)(**at - '0');
    return true;
}

/* Take `Z` or an offset such as `+01:00`, `+0100` or `+01`; `*local` stays true if neither is there. */
static bool take_offset(const char **at, bool *local, int *seconds)
{
    int sign = **at == '-' ? -1 : 1, hours, minutes = 0;

    *seconds = 0;
    *local = **at == 0;
    if (*local)
        return true;
    if (**at == 'Z' || **at == 'z') {
        ++*at;
        return true;
    }
    if ((**at != '+' && **at != '-') || (++*at, !take(at, 2, 0, 23, &hours)))
        return false;
    if (**at == ':')
        ++*at;
    if (**at != 0 && !take(at, 2, 0, 59, &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* Take `T17:22`, with seconds and a fraction of them or without. */
static bool take_clock(const char **at, struct tm *tm, uint64_t *ms)
{
    if (*(*at)++ == 0 || !take(at, 2, 0, 23, &tm->tm_hour) || *(*at)++ != ':' || !take(at, 2, 0, 59, &tm->tm_min))
        return false;
    if (**at != ':')
        return true;
    ++*at;
    return take(at, 2, 0, 60, &tm->tm_sec) && take_fraction(at, ms);
}

static int parse_iso(const char *at, uint64_t *ms)
{
    struct tm tm = {.tm_isdst = -1}, check;
    uint64_t fraction = 0;
    bool local = true;
    int offset = 0;
    time_t seconds;

    if (!take(&at, 4, 1970, 9999, &tm.tm_year) || *at++ != '-' || !take(&at, 2, 1, 12, &tm.tm_mon) || *at++ != '-'
        || !take(&at, 2, 1, 31, &tm.tm_mday))
        return -1;
    if ((*at == 'T' || *at == 't' || *at == ' ')
        && (!take_clock(&at, &tm, &fraction) || !take_offset(&at, &local, &offset)))
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    check = tm;
    seconds = local ? mktime(&check) : timegm(&check) - offset;
    if (*at != 0 || seconds < 0 || check.tm_mday != tm.tm_mday) /* as 31 April, which mktime makes 1 May */
        return -1;
    *ms = (uint64_t)seconds * 1000 + fraction;
    return 0;
}

static int parse_epoch(const char *text, uint64_t *ms)
{
    size_t n = strspn(text, "0123456789");
    const char *rest = text + n;
    uint64_t seconds, fraction;

    if (id_number(text, n, &seconds) < 0 || seconds > UINT64_MAX / 1000 - 1 || !take_fraction(&rest, &fraction)
        || *rest != 0)
        return -1;
    *ms = seconds * 1000 + fraction;
    return 0;
}

int when_parse(const char *text, struct when *when)
{
    size_t n = strlen(text);

    *when = (struct when){0};
    if (id_parse(text, n, &when->id) == 0) {
        when->kind = WHEN_ID;
        return 0;
    }
    if (when_duration(text, &when->ms) == 0) {
        when->kind = WHEN_AGO;
        return 0;
    }
    when->kind = WHEN_TIME;
    if (text[0] == '@')
        return parse_epoch(text + 1, &when->ms);
    if (id_number(text, n, &when->ms) == 0)
        return 0;
    return parse_iso(text, &when->ms);
}
