/* step: what is sent next, case by case, and what must never be, in any case. */
#include "cmd/send_step.h"

#include "tests/unit/unit.h"

enum { NO, YES };

static const struct {
    const char *name;
    struct step_facts f;
    enum step want;
} rows[] = {
    /* Nothing to do, or nobody to ask. */
    {"no part", {.up = YES}, STEP_WAIT},
    {"no part, and a reply is owed", {.up = YES, .owed = YES}, STEP_WAIT},
    {"no connection", {PART_READY, .proven = YES}, STEP_WAIT},
    {"no connection for XADDs by themselves", {PART_READY, .plain = YES}, STEP_WAIT},
    {"no connection, in doubt", {.now = PART_IN_DOUBT}, STEP_WAIT},

    /* A receipt guards it. */
    {"a first part", {PART_READY, .up = YES}, STEP_GUARD},
    {"a first part, its guard asked for",
        {PART_READY, .guard = GUARD_ASKED, .up = YES, .owed = YES}, STEP_WAIT},
    {"a first part, guarded", {PART_READY, .guard = GUARD_STANDS, .up = YES, .proven = YES},
        STEP_QUEUE},
    {"a later part goes ahead of its guard's answer",
        {PART_READY, .guard = GUARD_ASKED, .up = YES, .owed = YES, .proven = YES}, STEP_QUEUE},
    {"a part without a guard waits for what is owed",
        {PART_READY, .up = YES, .owed = YES, .proven = YES}, STEP_WAIT},
    {"and is guarded then", {PART_READY, .up = YES, .proven = YES}, STEP_GUARD},
    {"queued, guarded", {PART_QUEUED, .guard = GUARD_STANDS, .up = YES, .proven = YES},
        STEP_COMMIT},
    {"queued, guarded, QUEUED is owed",
        {PART_QUEUED, .guard = GUARD_STANDS, .up = YES, .owed = YES, .proven = YES}, STEP_COMMIT},
    {"queued, its guard asked for",
        {PART_QUEUED, .guard = GUARD_ASKED, .up = YES, .owed = YES, .proven = YES}, STEP_WAIT},
    {"queued, its guard is gone", {PART_QUEUED, .up = YES, .owed = YES, .proven = YES},
        STEP_DISCARD},
    {"in flight", {PART_IN_FLIGHT, .guard = GUARD_ASKED, .up = YES, .owed = YES, .proven = YES},
        STEP_WAIT},
    {"in flight, another part behind it",
        {PART_IN_FLIGHT, PART_READY, GUARD_ASKED, .up = YES, .owed = YES, .proven = YES},
        STEP_QUEUE_NEXT},
    {"in flight, that is queued",
        {PART_IN_FLIGHT, PART_QUEUED, GUARD_ASKED, .up = YES, .owed = YES, .proven = YES},
        STEP_WAIT},

    /* It did not run, and the next one is queued behind MULTI: that must come after it. */
    {"to be sent again, the next is queued",
        {PART_READY, PART_QUEUED, .up = YES, .owed = YES, .proven = YES}, STEP_DISCARD},
    {"the same, guarded", {PART_READY, PART_QUEUED, GUARD_STANDS, .up = YES, .proven = YES},
        STEP_DISCARD},
    {"in doubt, the next is queued", {PART_IN_DOUBT, PART_QUEUED, .up = YES, .proven = YES},
        STEP_DISCARD},

    /* After a connection has died. */
    {"in doubt", {PART_IN_DOUBT, .up = YES}, STEP_GUARD},
    {"in doubt, asked", {PART_IN_DOUBT, .guard = GUARD_ASKED, .up = YES, .owed = YES}, STEP_WAIT},
    {"found by the receipt", {PART_RAN, .guard = GUARD_STANDS, .up = YES, .proven = YES},
        STEP_VERIFY},
    {"found, a reply is owed",
        {PART_RAN, .guard = GUARD_STANDS, .up = YES, .owed = YES, .proven = YES}, STEP_WAIT},
    {"found, the next is queued",
        {PART_RAN, PART_QUEUED, GUARD_STANDS, .up = YES, .owed = YES, .proven = YES},
        STEP_DISCARD},
    {"found, no connection", {.now = PART_RAN}, STEP_WAIT},

    /* Each entry is its own receipt. */
    {"-k, not proven", {PART_READY, .up = YES, .unguarded = YES}, STEP_PROVE},
    {"-k, proof is owed", {PART_READY, .up = YES, .owed = YES, .unguarded = YES}, STEP_WAIT},
    {"-k, proven", {PART_READY, .up = YES, .proven = YES, .unguarded = YES}, STEP_QUEUE},
    {"-k, queued", {PART_QUEUED, .up = YES, .owed = YES, .proven = YES, .unguarded = YES},
        STEP_COMMIT},
    {"-k, in flight",
        {PART_IN_FLIGHT, PART_READY, .up = YES, .owed = YES, .proven = YES, .unguarded = YES},
        STEP_QUEUE_NEXT},
    {"-k, IDs too old", {PART_TOO_OLD, .up = YES, .proven = YES, .unguarded = YES}, STEP_COMPARE},
    {"-k, IDs too old, asked",
        {PART_TOO_OLD, .up = YES, .owed = YES, .proven = YES, .unguarded = YES}, STEP_WAIT},
    {"-k, IDs too old, the next is queued",
        {PART_TOO_OLD, PART_QUEUED, .up = YES, .owed = YES, .proven = YES, .unguarded = YES},
        STEP_DISCARD},

    /* It is in. */
    {"in, but not at the replicas", {PART_ADDED, .up = YES, .proven = YES}, STEP_RENEW},
    {"in, WAIT is owed", {PART_ADDED, .up = YES, .owed = YES, .proven = YES}, STEP_WAIT},
    {"in, WAIT is owed, the next is queued",
        {PART_ADDED, PART_QUEUED, GUARD_ASKED, .up = YES, .owed = YES, .proven = YES}, STEP_WAIT},
    {"in, not at the replicas, the next is queued",
        {PART_ADDED, PART_QUEUED, GUARD_STANDS, .up = YES, .proven = YES}, STEP_DISCARD},
    {"at the replicas", {PART_ACKNOWLEDGED, .up = YES, .proven = YES}, STEP_FINISH},
    {"at the replicas, replies are owed", {PART_ACKNOWLEDGED, .up = YES, .owed = YES, .proven = YES},
        STEP_FINISH},
    {"at the replicas, the next is queued",
        {PART_ACKNOWLEDGED, PART_QUEUED, GUARD_STANDS, .up = YES, .proven = YES}, STEP_FINISH},
    {"to be trimmed", {PART_ACKNOWLEDGED, .guard = GUARD_STANDS, .up = YES, .proven = YES, .trims = YES},
        STEP_TRIM},
    {"to be trimmed, replies are owed",
        {PART_ACKNOWLEDGED, .up = YES, .owed = YES, .proven = YES, .trims = YES}, STEP_WAIT},
    {"to be trimmed, the next is queued",
        {PART_ACKNOWLEDGED, PART_QUEUED, .up = YES, .proven = YES, .trims = YES}, STEP_DISCARD},
    {"all of it is in", {PART_IN, .up = YES, .proven = YES}, STEP_FINISH},
    {"all of it is in, the next is queued",
        {PART_IN, PART_QUEUED, .up = YES, .owed = YES, .proven = YES}, STEP_FINISH},

    /* XADDs by themselves. */
    {"plain", {PART_READY, .up = YES, .plain = YES}, STEP_ADD},
    {"plain, in doubt", {PART_IN_DOUBT, .up = YES, .plain = YES}, STEP_ADD},
    {"plain, in flight", {PART_IN_FLIGHT, .up = YES, .owed = YES, .plain = YES}, STEP_WAIT},
    {"plain, in flight, another behind it",
        {PART_IN_FLIGHT, PART_READY, .up = YES, .owed = YES, .plain = YES}, STEP_ADD_NEXT},
    {"plain, both in flight",
        {PART_IN_FLIGHT, PART_IN_FLIGHT, .up = YES, .owed = YES, .plain = YES}, STEP_WAIT},
    {"plain, added, too few replicas have it", {PART_ADDED, .up = YES, .plain = YES}, STEP_RENEW},
    {"plain, added, their answer is owed", {PART_ADDED, .up = YES, .owed = YES, .plain = YES},
        STEP_WAIT},
    {"plain, in", {PART_ACKNOWLEDGED, .up = YES, .owed = YES, .plain = YES}, STEP_FINISH},
    {"plain, in, to be trimmed", {PART_ACKNOWLEDGED, .up = YES, .plain = YES, .trims = YES}, STEP_TRIM},
    {"plain, in, to be trimmed, replies are owed",
        {PART_ACKNOWLEDGED, .up = YES, .owed = YES, .plain = YES, .trims = YES}, STEP_WAIT},
    {"plain, all in", {PART_IN, .up = YES, .plain = YES, .trims = YES}, STEP_FINISH},

    /* An error has come. */
    {"error, replies are owed", {PART_IN_FLIGHT, .up = YES, .owed = YES, .error = YES},
        STEP_WAIT},
    {"error, and all has come", {PART_READY, .up = YES, .error = YES}, STEP_RECOVER},
    {"error, no part", {.up = YES, .error = YES}, STEP_RECOVER},
    {"error, queued",
        {PART_QUEUED, .guard = GUARD_STANDS, .up = YES, .owed = YES, .error = YES, .proven = YES},
        STEP_DISCARD},
    {"error, the next is queued",
        {PART_IN_FLIGHT, PART_QUEUED, .up = YES, .owed = YES, .error = YES, .proven = YES},
        STEP_DISCARD},
    {"error, plain", {PART_READY, .up = YES, .error = YES, .plain = YES}, STEP_RECOVER},
    {"error, no connection", {PART_IN_DOUBT, .error = YES}, STEP_RECOVER},
};

static void decides(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i].name;
        CHECK_NUMBER(step_next(&rows[i].f), rows[i].want);
    }
}

/* --- what holds in every case ----------------------------------------------------------------- */

static bool is_open(const struct step_facts *f)
{
    return f->now == PART_QUEUED || f->next == PART_QUEUED;
}

/* The steps that send nothing. */
static bool is_silent(enum step step)
{
    return step == STEP_WAIT || step == STEP_FINISH || step == STEP_RECOVER;
}

/* Call `check` for all facts that there are. */
static void for_all(void (*check)(const struct step_facts *f, enum step step))
{
    char row[128];

    unit_row = row;
    for (int now = PART_NONE; now <= PART_IN; now++)
        for (int next = PART_NONE; next <= PART_IN; next++)
            for (int guard = GUARD_NONE; guard <= GUARD_STANDS; guard++)
                for (unsigned bits = 0; bits < 1U << 7; bits++) {
                    struct step_facts f = {.now = (enum part_state)now,
                        .next = (enum part_state)next,
                        .guard = (enum guard)guard,
                        .up = bits & 1,
                        .owed = bits & 2,
                        .error = bits & 4,
                        .proven = bits & 8,
                        .plain = bits & 16,
                        .unguarded = bits & 32,
                        .trims = bits & 64};
                    enum step step = step_next(&f);

                    snprintf(row, sizeof row, "now %d next %d guard %d%s%s%s%s%s%s%s: step %d", now,
                        next, guard, f.up ? " up" : "", f.owed ? " owed" : "",
                        f.error ? " error" : "", f.proven ? " proven" : "",
                        f.plain ? " plain" : "", f.unguarded ? " unguarded" : "",
                        f.trims ? " trims" : "", (int)step);
                    check(&f, step);
                }
    unit_row = NULL;
}

static void check_connection(const struct step_facts *f, enum step step)
{
    if (!f->up)
        CHECK(step == STEP_WAIT || step == STEP_RECOVER);
    if (f->now == PART_NONE && !f->error)
        CHECK(step == STEP_WAIT);
}

static void sends_nothing_without_a_connection_or_a_part(void)
{
    for_all(check_connection);
}

/* What is said behind MULTI is a part of the transaction, so all but its end must wait. What was
 * queued was queued on a connection that had proven that it takes transactions. */
static void check_open(const struct step_facts *f, enum step step)
{
    if (!is_open(f) || f->plain)
        return;
    if (f->proven || !f->unguarded)
        CHECK(is_silent(step) || step == STEP_COMMIT || step == STEP_DISCARD);
    if (f->up)
        CHECK(step != STEP_RECOVER);
}

static void sends_nothing_else_behind_multi(void)
{
    for_all(check_open);
}

static void check_commit(const struct step_facts *f, enum step step)
{
    if (step != STEP_COMMIT)
        return;
    CHECK(f->up && !f->error && !f->plain);
    CHECK_NUMBER(f->now, PART_QUEUED);
    CHECK(f->unguarded ? f->proven : f->guard == GUARD_STANDS);
}

static void commits_only_what_is_queued_and_guarded(void)
{
    for_all(check_commit);
}

static void check_queue(const struct step_facts *f, enum step step)
{
    if (step == STEP_QUEUE) {
        CHECK_NUMBER(f->now, PART_READY);
        CHECK(f->proven || (f->guard == GUARD_STANDS && !f->unguarded));
    }
    if (step == STEP_QUEUE_NEXT)
        CHECK(f->now == PART_IN_FLIGHT && f->next == PART_READY);
    if (step == STEP_QUEUE || step == STEP_QUEUE_NEXT)
        CHECK(f->up && !f->error && !f->plain && !is_open(f));
    if (step == STEP_DISCARD)
        CHECK(f->up && is_open(f) && !(f->plain && !f->error));
}

static void queues_one_transaction_at_a_time(void)
{
    for_all(check_queue);
}

/* What is in doubt is never sent again before the receipt has told of it. */
static void check_doubt(const struct step_facts *f, enum step step)
{
    if (f->now == PART_IN_DOUBT && !f->plain && !f->unguarded)
        CHECK(is_silent(step) || step == STEP_GUARD || step == STEP_DISCARD);
    if (f->now == PART_RAN && !f->plain)
        CHECK(is_silent(step) || step == STEP_VERIFY || step == STEP_DISCARD);
}

static void sends_nothing_in_doubt(void)
{
    for_all(check_doubt);
}

/* Their replies are told apart from others' because no other is owed. */
static void check_asks(const struct step_facts *f, enum step step)
{
    switch (step) {
    case STEP_PROVE:
    case STEP_GUARD:
    case STEP_VERIFY:
    case STEP_COMPARE:
    case STEP_RENEW:
    case STEP_TRIM:
    case STEP_RECOVER: CHECK(!f->owed); break;
    default: break;
    }
    if (step == STEP_PROVE)
        CHECK(f->unguarded && !f->proven);
    if (step == STEP_GUARD)
        CHECK(!f->unguarded && f->guard == GUARD_NONE);
}

static void asks_when_nothing_is_owed(void)
{
    for_all(check_asks);
}

static void check_plain(const struct step_facts *f, enum step step)
{
    bool adds = step == STEP_ADD || step == STEP_ADD_NEXT;

    if (f->plain && !f->error)
        CHECK(adds || is_silent(step) || step == STEP_RENEW || step == STEP_TRIM);
    else
        CHECK(!adds);
    if (step == STEP_ADD)
        CHECK(f->now == PART_READY || f->now == PART_IN_DOUBT);
    if (step == STEP_ADD_NEXT)
        CHECK(f->now == PART_IN_FLIGHT && f->next == PART_READY);
}

static void adds_plainly_only_where_that_is_asked_for(void)
{
    for_all(check_plain);
}

static void check_error(const struct step_facts *f, enum step step)
{
    if (f->error)
        CHECK(step == STEP_WAIT || step == STEP_DISCARD || step == STEP_RECOVER);
    else
        CHECK(step != STEP_RECOVER);
}

static void recovers_from_error_before_all_else(void)
{
    for_all(check_error);
}

static void check_finish(const struct step_facts *f, enum step step)
{
    if (step == STEP_FINISH)
        CHECK(f->now == PART_IN || (f->now == PART_ACKNOWLEDGED && !f->trims));
    if (step == STEP_TRIM)
        CHECK(f->now == PART_ACKNOWLEDGED && f->trims);
    if (step == STEP_RENEW)
        CHECK_NUMBER(f->now, PART_ADDED);
    if (step == STEP_COMPARE)
        CHECK_NUMBER(f->now, PART_TOO_OLD);
}

static void finishes_what_is_in(void)
{
    for_all(check_finish);
}

/* Facts that a delivery can come to: what was asked for and not answered is owed, what is queued
 * was queued on this connection, and each kind of part has its own states. */
static bool can_be(const struct step_facts *f)
{
    bool exact = !f->plain && !f->unguarded;

    if ((f->now == PART_IN_FLIGHT || f->guard == GUARD_ASKED) && !f->owed)
        return false;
    if (is_open(f) && (!f->up || !f->proven || f->plain))
        return false;
    if (f->plain && (f->now == PART_RAN || f->now == PART_TOO_OLD || f->now == PART_ADDED))
        return false;
    if (!exact && (f->guard != GUARD_NONE || f->now == PART_RAN))
        return false;
    if (f->unguarded && f->now == PART_IN_DOUBT)
        return false;
    if (exact && f->now == PART_TOO_OLD)
        return false;
    return f->now != PART_IN_DOUBT || f->guard != GUARD_STANDS; /* it is no longer in doubt then */
}

static void check_progress(const struct step_facts *f, enum step step)
{
    if (can_be(f) && f->up && !f->owed && f->now != PART_NONE)
        CHECK(step != STEP_WAIT);
}

static void waits_for_nothing_that_will_not_come(void)
{
    for_all(check_progress);
}

UNIT_MAIN({"decides", decides},
    {"sends nothing without a connection or a part", sends_nothing_without_a_connection_or_a_part},
    {"sends nothing behind MULTI but its end", sends_nothing_else_behind_multi},
    {"commits only what is queued and guarded", commits_only_what_is_queued_and_guarded},
    {"queues one transaction at a time", queues_one_transaction_at_a_time},
    {"sends nothing that is in doubt", sends_nothing_in_doubt},
    {"asks when nothing is owed", asks_when_nothing_is_owed},
    {"adds plainly only where that is asked for", adds_plainly_only_where_that_is_asked_for},
    {"recovers from error before all else", recovers_from_error_before_all_else},
    {"finishes what is in", finishes_what_is_in},
    {"waits for nothing that will not come", waits_for_nothing_that_will_not_come})
