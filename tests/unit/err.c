#include "common/err.h"

#include "tests/unit/unit.h"

static void shows_a_hint_whole(void)
{
    static const char hint[] = "see --askpass, --pass-file and $REDISCLI_AUTH";
    struct err e;

    err_set(&e, EXIT_REFUSED, "%0600d", 0);
    err_hint(&e, hint);
    CHECK(strstr(e.text, hint) != NULL);
    err_add(&e, "; gave up after 60 s; 18446744073709551615 messages delivered");
    CHECK(strstr(e.text, "messages delivered") != NULL);
}

static void keeps_the_first_hint(void)
{
    struct err e;

    err_set(&e, EXIT_REFUSED, "no");
    err_hint(&e, "ask");
    err_hint(&e, "go away");
    CHECK_TEXT(e.text, "no; ask");
    err_set(&e, EXIT_REFUSED, "never");
    err_hint(&e, "go away");
    CHECK_TEXT(e.text, "never; go away");
}

UNIT_MAIN({"shows a hint whole, and what is added later", shows_a_hint_whole},
    {"keeps the first hint", keeps_the_first_hint})
