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

    if (unit == NULL || id_number(text, n - 1, &number) < 0
        || number > UINT64_MAX / worth[unit - units])
        return -1;
    *ms = number * worth[unit - units];
    return 0;
}

/* Take a fraction of a second, `.5` or `.123`, if one is there; digits past milliseconds are
 * dropped. */
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

/* strptime(3), but for exactly so many characters: it would take fewer digits, and blanks. */
static const char *take(const char *at, const char *format, size_t width, struct tm *tm)
{
    const char *end = at ? strptime(at, format, tm) : NULL;

    return end && end == at + width && strcspn(at, " ") >= width ? end : NULL;
}

static int parse_iso(const char *text, uint64_t *ms)
{
    struct tm tm = {.tm_isdst = -1}, checked;
    const char *at = take(text, "%Y-%m-%d", 10, &tm);
    uint64_t fraction = 0;
    bool local = true;
    time_t seconds;

    if (at && (*at == 'T' || *at == 't' || *at == ' ')) {
        at = take(at + 1, "%H:%M", 5, &tm);
        if (at && *at == ':')
            at = take(at, ":%S", 3, &tm);
        if (at && !take_fraction(&at, &fraction))
            return -1;
        local = at && *at == 0;
        if (at && !local)
            at = strptime(at, "%z", &tm);
    }
    checked = tm;
    seconds = local ? mktime(&checked) : timegm(&checked) - tm.tm_gmtoff;
    if (at == NULL || *at != 0 || seconds < 0 || checked.tm_mday != tm.tm_mday) /* as 31 April */
        return -1;
    *ms = (uint64_t)seconds * 1000 + fraction;
    return 0;
}

static int parse_epoch(const char *text, uint64_t *ms)
{
    size_t n = strspn(text, "0123456789");
    const char *rest = text + n;
    uint64_t seconds, fraction;

    if (id_number(text, n, &seconds) < 0 || seconds > UINT64_MAX / 1000 - 1
        || !take_fraction(&rest, &fraction) || *rest != 0)
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
