/* How many entries a read asks for: by the size of what came, the distance, and connections that
 * died of a reply. */
#include "cmd/tail_xread.h"

#include "tests/unit/unit.h"

enum { MIB = 1024 * 1024, COST = 64 /* of an entry and its one field, beside their bytes */ };

static void grow(struct tail_batch *b, size_t entries, size_t bytes)
{
    const struct entry_decoder came = {.entries = entries, .fields = entries, .bytes = bytes};

    tail_batch_grow(b, &came);
}

/* The batch that replies full of entries of `bytes` each settle at. */
static size_t settled(uint64_t distance, size_t bytes)
{
    struct tail_batch b = {.entries = 1, .distance = distance};

    for (int i = 0; i < 20; i++)
        grow(&b, b.entries, b.entries * bytes);
    return b.entries;
}

static void fills_replies(void)
{
    static const struct {
        const char *name;
        uint64_t distance;
        size_t bytes, mib;
    } rows[] = {
        {"near, small", 0, 36, 1},
        {"near, large", 4, 100000, 1},
        {"nothing in them", 0, 0, 1},
        {"a little farther", 5, 36, 2},
        {"farther", 10, 36, 3},
        {"far", 35, 36, 8},
        {"as far as counts", 40, 36, 8},
        {"at the other end of the world", 100000, 36, 8},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t entries = settled(rows[i].distance, rows[i].bytes);

        unit_row = rows[i].name;
        CHECK(entries * (rows[i].bytes + COST) <= rows[i].mib * MIB);
        CHECK((entries + 1) * (rows[i].bytes + COST) > rows[i].mib * MIB);
    }
    unit_row = NULL;
    CHECK_NUMBER(settled(0, 2 * MIB), 1);
    CHECK_NUMBER(settled(1000, 64 * MIB), 1);
}

/* What small entries let expect may be wrong for those behind them. */
static void grows_slowly_and_shrinks_at_once(void)
{
    struct tail_batch b = {.entries = 1};

    for (size_t want = 8; want <= 4096; want *= 8) {
        grow(&b, b.entries, b.entries * 36);
        CHECK_NUMBER(b.entries, want);
    }
    grow(&b, b.entries, b.entries * 36);
    CHECK_NUMBER(b.entries, MIB / 100);
    grow(&b, 3, (size_t)3 * MIB);
    CHECK_NUMBER(b.entries, 1);
}

static void learns_nothing_from_nothing(void)
{
    struct tail_batch b = {.entries = 100, .most = 100, .fine = 63};

    grow(&b, 0, 0);
    CHECK_NUMBER(b.entries, 100);
    CHECK_NUMBER(b.most, 100);
    CHECK_NUMBER(b.fine, 63);
}

static void counts_fields(void)
{
    struct tail_batch b = {.entries = 1000};
    const struct entry_decoder came = {.entries = 10, .fields = 1000, .bytes = 10000};

    tail_batch_grow(&b, &came);
    CHECK_NUMBER(b.entries, MIB / (1000 + 100 * 32 + 32));
}

/* Down to one entry, however often. */
static void halves_after_a_death(void)
{
    struct tail_batch b = {.entries = 1000};

    tail_batch_shrink(&b, 1000);
    CHECK_NUMBER(b.entries, 500);
    grow(&b, 500, 500);
    CHECK_NUMBER(b.entries, 500);
    for (size_t want = 250; want > 0; want /= 2) {
        tail_batch_shrink(&b, b.entries);
        CHECK_NUMBER(b.entries, want);
    }
    tail_batch_shrink(&b, b.entries);
    CHECK_NUMBER(b.entries, 1);
    tail_batch_shrink(&b, 0);
    CHECK_NUMBER(b.entries, 1);
}

/* A death on fewer than it might ask for leaves the rest as the sizes have it. */
static void never_grows_by_a_death(void)
{
    struct tail_batch b = {.entries = 10};

    tail_batch_shrink(&b, 100);
    CHECK_NUMBER(b.entries, 10);
    CHECK_NUMBER(b.most, 50);
}

static void recovers(void)
{
    struct tail_batch b = {.entries = 16};

    tail_batch_shrink(&b, 16);
    for (size_t most = 8; most < 1024; most *= 2)
        for (int i = 0; i < 64; i++) {
            CHECK_NUMBER(b.entries, most);
            grow(&b, b.entries, b.entries);
        }
    CHECK_NUMBER(b.entries, 1024);
    for (int i = 0; i < 63; i++)
        grow(&b, b.entries, b.entries);
    tail_batch_shrink(&b, b.entries); /* the replies since the last death count */
    CHECK_NUMBER(b.entries, 512);
    grow(&b, b.entries, b.entries);
    CHECK_NUMBER(b.entries, 512);
}

/* However long it reads after that, the bound is never in the way, nor lost while it is needed. */
static void recovers_wholly(void)
{
    struct tail_batch b = {.entries = 1};
    size_t least = 1;

    tail_batch_shrink(&b, 1);
    for (int i = 0; i < 64 * 70; i++) {
        grow(&b, b.entries, b.entries * 36);
        CHECK(b.entries >= least && b.entries <= MIB / 100);
        least = b.entries;
    }
    CHECK_NUMBER(b.entries, MIB / 100);
}

UNIT_MAIN({"fills replies of 1 MiB, and of up to 8 MiB far away", fills_replies},
    {"grows at most 8 times, and shrinks at once", grows_slowly_and_shrinks_at_once},
    {"learns nothing from a reply without entries", learns_nothing_from_nothing},
    {"counts what fields take", counts_fields},
    {"halves after a death, down to one entry", halves_after_a_death},
    {"never grows by a death", never_grows_by_a_death},
    {"doubles after each 64 replies that came whole", recovers},
    {"recovers wholly", recovers_wholly})
