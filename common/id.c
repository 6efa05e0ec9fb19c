#include "common/id.h"

#include <string.h>

/* Any number of this many digits fits. */
enum { SAFE_DIGITS = 19 };

int id_number(const char *s, size_t n, uint64_t *number)
{
    uint64_t value = 0;

    if (n == 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)(s[i] - '0');

        if (digit > 9 || (i >= SAFE_DIGITS && value > (UINT64_MAX - digit) / 10))
            return -1;
        value = value * 10 + digit;
    }
    *number = value;
    return 0;
}

int id_parse(const char *s, size_t n, struct id *id)
{
    const char *dash = n ? memchr(s, '-', n) : NULL;
    struct id found;

    if (dash == NULL || id_number(s, (size_t)(dash - s), &found.ms) < 0
        || id_number(dash + 1, n - (size_t)(dash - s) - 1, &found.seq) < 0)
        return -1;
    *id = found;
    return 0;
}

size_t id_digits(char *to, uint64_t number)
{
    char reversed[ID_DIGITS];
    size_t n = 0;

    do
        reversed[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < n; i++)
        to[i] = reversed[n - 1 - i];
    return n;
}

size_t id_print(char to[ID_TEXT], struct id id)
{
    size_t n = id_digits(to, id.ms);

    to[n++] = '-';
    n += id_digits(to + n, id.seq);
    to[n] = 0;
    return n;
}

int id_compare(struct id a, struct id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

struct id id_before(struct id id)
{
    if (id.seq > 0)
        return (struct id){id.ms, id.seq - 1};
    if (id.ms > 0)
        return (struct id){id.ms - 1, UINT64_MAX};
    return id;
}
