#include "common/outage.h"

#include <sys/random.h>

#include "common/wait.h"

/* Pauses between attempts double. Each is shortened at random, by up to half. */
enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 2000 };

enum { LEAST_ATTEMPT_MS = 1000 };

static int64_t pause_before(unsigned attempt)
{
    int64_t longest = attempt < 5 ? FIRST_PAUSE_MS << attempt : LONGEST_PAUSE_MS;
    uint16_t chance = 0;

    if (longest > LONGEST_PAUSE_MS)
        longest = LONGEST_PAUSE_MS;
    if (getrandom(&chance, sizeof chance, 0) < 0)
        chance = UINT16_MAX; /* no harm: clients may only come at the same time */
    return longest / 2 + longest / 2 * chance / UINT16_MAX;
}

static void begin(struct outage *o, struct node_outage *node, int64_t since)
{
    o->since = since;
    o->attempts = 0;
    o->node = node;
    if (node->sessions++ == 0)
        node->since = since;
}

/* Report what went wrong: as a notice if the outage begins for the node, else with -v only. */
static void say_why(const struct outage *o, bool begins, const struct err *why)
{
    if (!begins || o->node->sessions > 1)
        err_say(ERR_DETAIL, "%s", why->text);
    else if (o->retry == SESSION_FOREVER)
        err_say(ERR_NOTICE, "%s; trying again", why->text);
    else if (o->retry > 0)
        err_say(ERR_NOTICE, "%s; trying again for %g s", why->text, (double)o->retry / 1000);
}

static int give_up(const struct outage *o, const struct err *why, struct err *e)
{
    *e = *why;
    if (o->retry > 0)
        err_add(e, "; gave up after %g s", (double)o->retry / 1000);
    return -1;
}

int outage_count(
    struct outage *o, struct node_outage *node, int64_t tried, const struct err *why, struct err *e)
{
    int64_t now = wait_now();
    bool begins = o->since == 0;

    if (begins)
        begin(o, node, tried);
    if (o->retry <= now - o->since)
        return give_up(o, why, e);
    say_why(o, begins, why);
    o->next_try = now + pause_before(o->attempts++);
    if (o->retry != SESSION_FOREVER)
        o->next_try = wait_earliest(o->next_try, o->since + o->retry);
    return 0;
}

void outage_end(struct outage *o)
{
    if (o->since && o->node->sessions == 1)
        err_say(ERR_NOTICE, "resumed after an outage of %.1f s",
            (double)(wait_now() - o->node->since) / 1000);
    outage_forget(o);
}

void outage_forget(struct outage *o)
{
    if (o->since)
        o->node->sessions--;
    o->since = 0;
}

int64_t outage_left(const struct outage *o, int64_t most)
{
    int64_t passed = o->since ? wait_now() - o->since : 0;

    if (o->retry == SESSION_FOREVER || o->retry == 0)
        return most;
    most = wait_earliest(most, o->retry - passed);
    return most < LEAST_ATTEMPT_MS ? LEAST_ATTEMPT_MS : most;
}
