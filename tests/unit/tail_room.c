/* What became of a room, and what was lost of it: what servers say step by step, case by case. */
#include "cmd/tail_room.h"

#include "tests/unit/unit.h"

/* A number of entries that nobody knows. */
static const uint64_t UNKNOWN = UINT64_MAX;

struct step {
    enum { DONE, BEGIN, BEFORE, RESUME, READ, NOTHING, LOOK, FATE, COUNT, PLACE } what;
    uint64_t id, count, lost;
    struct tail_info now;
    enum tail_fate fate, after_outage;
};

/* Here an ID is a number of milliseconds. A room: its first and last ID, its length, and how many
 * entries were ever added. */
#define ROOM(first, last, length, added)           \
    {                                              \
        true, {first, 0}, {last, 0}, length, added \
    }
#define NO_ROOM \
    {           \
        0       \
    }

/* What is done: the room found, and what is reported lost then. */
#define BEGIN(start, ...)                              \
    {                                                  \
        .what = BEGIN, .id = start, .now = __VA_ARGS__ \
    }
#define BEFORE(start, entries)                        \
    {                                                 \
        .what = BEFORE, .id = start, .count = entries \
    }
#define RESUME(at, known, told, ...)                                               \
    {                                                                              \
        .what = RESUME, .id = at, .count = known, .lost = told, .now = __VA_ARGS__ \
    }
#define READ(at, told)                       \
    {                                        \
        .what = READ, .id = at, .lost = told \
    }
#define NOTHING(told)                 \
    {                                 \
        .what = NOTHING, .lost = told \
    }
#define LOOK(told, ...)                                \
    {                                                  \
        .what = LOOK, .lost = told, .now = __VA_ARGS__ \
    }

/* What must be so then: what becomes of such a room, at once and after an outage; how many entries
 * there were up to the cursor; what is kept in the file of -C. */
#define FATE(at_once, later, ...)                                                \
    {                                                                            \
        .what = FATE, .fate = at_once, .after_outage = later, .now = __VA_ARGS__ \
    }
#define GOES_ON(...) FATE(TAIL_ROOM_GOES_ON, TAIL_ROOM_GOES_ON, __VA_ARGS__)
#define DELETED FATE(TAIL_ROOM_DELETED, TAIL_ROOM_DELETED, NO_ROOM)
#define RECREATED(...) FATE(TAIL_ROOM_RECREATED, TAIL_ROOM_RECREATED, __VA_ARGS__)
#define WENT_BACK(...) FATE(TAIL_ROOM_RECREATED, TAIL_ROOM_WENT_BACK, __VA_ARGS__)
#define COUNT(known)                  \
    {                                 \
        .what = COUNT, .count = known \
    }
#define PLACE(at, known)                        \
    {                                           \
        .what = PLACE, .id = at, .count = known \
    }

struct row {
    const char *name;
    struct step steps[12];
};

static void check_count(bool counted, uint64_t got, uint64_t want)
{
    CHECK(counted == (want != UINT64_MAX));
    if (counted)
        CHECK_NUMBER(got, want);
}

static void check_place(struct tail_place place, const struct step *s)
{
    CHECK_NUMBER(place.id.ms, s->id);
    CHECK_NUMBER(place.id.seq, 0);
    check_count(place.counted, place.added, s->count);
}

static void check_step(struct tail_position *p, const struct step *s)
{
    const struct id id = {s->id, 0};
    const struct tail_place place = {id, s->count != UINT64_MAX, s->count};
    struct tail_loss loss = {0};

    switch (s->what) {
    case DONE: break;
    case BEGIN: tail_room_begin(p, &s->now, id); break;
    case BEFORE: tail_room_begin_before(p, id, s->count); break;
    case RESUME: loss = tail_room_resume(p, &s->now, &place); break;
    case READ: loss = tail_room_read(p, id); break;
    case NOTHING: loss = tail_room_read_nothing(p); break;
    case LOOK: loss = tail_room_check(p, &s->now); break;
    case FATE:
        CHECK_NUMBER(tail_room_fate(p, &s->now, false), s->fate);
        CHECK_NUMBER(tail_room_fate(p, &s->now, true), s->after_outage);
        break;
    case COUNT: check_count(p->counted, p->count, s->count); break;
    case PLACE: check_place(tail_room_place(p), s); break;
    }
    CHECK(loss.unknown == (s->lost == UINT64_MAX));
    CHECK_NUMBER(loss.entries, s->lost == UINT64_MAX ? 0 : s->lost);
}

static void check_rows(const struct row *rows, size_t n)
{
    static char name[200];

    for (size_t i = 0; i < n; i++) {
        struct tail_position p;

        memset(&p, 0xff, sizeof p); /* beginning sets all of it */
        for (int k = 0; rows[i].steps[k].what != DONE; k++) {
            snprintf(name, sizeof name, "%s, step %d", rows[i].name, k + 1);
            unit_row = name;
            check_step(&p, &rows[i].steps[k]);
        }
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

static void begins(void)
{
    static const struct row rows[] = {
        {"no room", {BEGIN(0, NO_ROOM), COUNT(0), READ(1, 0), READ(2, 0), COUNT(2),
                        LOOK(0, ROOM(6, 6, 1, 6)), READ(6, 3), COUNT(6)}},
        {"a room that had nothing yet",
            {BEGIN(0, ROOM(0, 0, 0, 0)), COUNT(0), LOOK(0, ROOM(3, 3, 1, 3)), READ(3, 2)}},
        {"at the end", {BEGIN(5, ROOM(1, 5, 5, 5)), COUNT(5), LOOK(0, ROOM(1, 5, 5, 5)),
                           LOOK(0, ROOM(8, 8, 1, 8)), READ(8, 2), COUNT(8)}},
        {"at the end, all is gone", {BEGIN(5, ROOM(0, 5, 0, 5)), COUNT(5), NOTHING(0)}},
        {"at the end of a room that was trimmed", {BEGIN(5, ROOM(4, 5, 2, 5)), COUNT(5)}},

        {"in the middle", {BEGIN(3, ROOM(1, 5, 5, 5)), COUNT(UNKNOWN), READ(4, 0), COUNT(UNKNOWN),
                              READ(5, 0), COUNT(5), LOOK(0, ROOM(8, 8, 1, 8)), READ(8, 2)}},
        {"in the middle, the rest is trimmed",
            {BEGIN(3, ROOM(1, 5, 5, 5)), NOTHING(UNKNOWN), COUNT(5)}},
        {"in the middle, trimmed beyond it",
            {BEGIN(3, ROOM(1, 5, 5, 5)), LOOK(UNKNOWN, ROOM(5, 9, 5, 9)), COUNT(4),
                LOOK(0, ROOM(5, 9, 5, 9)), READ(5, 0), LOOK(0, ROOM(8, 9, 2, 9)), READ(8, 0),
                READ(9, 2), COUNT(9)}},
        {"in the middle, trimmed up to it", {BEGIN(3, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(3, 5, 3, 5)),
                                                COUNT(UNKNOWN), READ(4, 0), READ(5, 0), COUNT(5)}},

        {"before the first", {BEGIN(0, ROOM(4, 5, 2, 5)), COUNT(3), READ(4, 0), READ(5, 0)}},
        {"before the first, of which one is trimmed",
            {BEGIN(0, ROOM(4, 5, 2, 5)), READ(5, 1), COUNT(5)}},
        {"before the first, all is trimmed",
            {BEGIN(0, ROOM(4, 5, 2, 5)), NOTHING(2), COUNT(5), NOTHING(0)}},
        {"before the first, some had been deleted",
            {BEGIN(0, ROOM(2, 9, 3, 9)), COUNT(6), READ(2, 0), READ(5, 0), READ(9, 0), COUNT(9)}},
        {"all had been trimmed", {BEGIN(0, ROOM(0, 5, 0, 5)), COUNT(5), NOTHING(0), COUNT(5)}},

        {"beyond the end",
            {BEGIN(9, ROOM(1, 5, 5, 5)), COUNT(UNKNOWN), NOTHING(0), LOOK(0, ROOM(1, 7, 7, 7)),
                NOTHING(0), COUNT(UNKNOWN), READ(10, 0), LOOK(0, ROOM(1, 10, 10, 10)), COUNT(10)}},
        {"beyond the end, which comes to it",
            {BEGIN(9, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(1, 9, 9, 9)), COUNT(9)}},
        {"beyond the end, which passes it",
            {BEGIN(9, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(1, 10, 10, 10)), READ(10, 0), COUNT(10)}},
        {"beyond the end, which passes it and is trimmed",
            {BEGIN(9, ROOM(1, 5, 5, 5)), LOOK(UNKNOWN, ROOM(11, 12, 2, 12)), COUNT(10), READ(11, 0),
                READ(12, 0), COUNT(12)}},
        {"no room, after an ID", {BEGIN(9, NO_ROOM), COUNT(UNKNOWN), LOOK(0, ROOM(10, 10, 1, 1)),
                                     COUNT(0), READ(10, 0), COUNT(1)}},
    };

    CHECK_ROWS(rows);
}

/* -n: the room is found, and later how many entries from its end back are wanted. */
static void begins_before_the_last(void)
{
    static const struct row rows[] = {
        {"three", {BEGIN(0, ROOM(1, 9, 9, 9)), BEFORE(6, 3), COUNT(6), READ(7, 0), READ(8, 0),
                      READ(9, 0), COUNT(9)}},
        {"three, of which two are trimmed",
            {BEGIN(0, ROOM(1, 9, 9, 9)), BEFORE(6, 3), READ(9, 2), COUNT(9)}},
        {"three, all trimmed",
            {BEGIN(0, ROOM(1, 9, 9, 9)), BEFORE(6, 3), NOTHING(3), COUNT(9), NOTHING(0)}},
        {"all that are left",
            {BEGIN(0, ROOM(8, 9, 2, 9)), BEFORE(7, 2), COUNT(7), READ(8, 0), READ(9, 0), COUNT(9)}},
        {"some are deleted between them",
            {BEGIN(0, ROOM(1, 9, 4, 9)), BEFORE(4, 2), COUNT(7), READ(5, 0), READ(9, 0), COUNT(9)}},
    };

    CHECK_ROWS(rows);
}

static void resumes(void)
{
    static const struct row rows[] = {
        {"nothing came", {RESUME(5, 5, 0, ROOM(1, 5, 5, 5)), COUNT(5)}},
        {"some came", {RESUME(5, 5, 0, ROOM(1, 8, 8, 8)), COUNT(UNKNOWN), READ(6, 0), READ(7, 0),
                          READ(8, 0), COUNT(8)}},
        {"some were trimmed",
            {RESUME(5, 5, 0, ROOM(8, 9, 2, 9)), COUNT(5), READ(8, 0), READ(9, 2), COUNT(9)}},
        {"all were trimmed", {RESUME(5, 5, 0, ROOM(0, 9, 0, 9)), NOTHING(4), COUNT(9)}},
        {"some were trimmed, more are while we read",
            {RESUME(5, 5, 0, ROOM(8, 9, 2, 9)), READ(12, 4), LOOK(2, ROOM(12, 12, 1, 12))}},
        {"the beginning, and some were trimmed",
            {RESUME(0, 0, 0, ROOM(8, 9, 2, 9)), READ(8, 0), READ(9, 7)}},

        {"not counted",
            {RESUME(5, UNKNOWN, 0, ROOM(1, 6, 6, 6)), COUNT(UNKNOWN), READ(6, 0), COUNT(6)}},
        {"not counted, nothing came", {RESUME(5, UNKNOWN, 0, ROOM(1, 5, 5, 5)), COUNT(5)}},
        {"not counted, some were trimmed", {RESUME(5, UNKNOWN, UNKNOWN, ROOM(8, 9, 2, 9)), COUNT(7),
                                               READ(8, 0), READ(9, 0), COUNT(9)}},
        {"not counted, all were trimmed",
            {RESUME(5, UNKNOWN, UNKNOWN, ROOM(0, 9, 0, 9)), COUNT(9), NOTHING(0)}},
        {"not counted, the room lost nothing",
            {RESUME(5, UNKNOWN, 0, ROOM(8, 9, 2, 2)), COUNT(0), READ(8, 0), READ(9, 0), COUNT(2)}},
        {"not counted, the beginning", {RESUME(0, UNKNOWN, 0, ROOM(8, 9, 2, 9)), COUNT(7)}},

        {"a mirror that never had as many",
            {RESUME(5, 5, 0, ROOM(8, 9, 2, 2)), COUNT(0), READ(8, 0), READ(9, 0), COUNT(2)}},
        {"a mirror that had more", {RESUME(5, 5, 0, ROOM(3, 6, 4, 99)), COUNT(UNKNOWN), READ(6, 0),
                                       COUNT(99), LOOK(0, ROOM(9, 9, 1, 102)), READ(9, 2)}},
        {"a mirror that had more, nothing came", {RESUME(5, 5, 0, ROOM(3, 5, 3, 99)), COUNT(99)}},
        {"a mirror that is behind",
            {RESUME(5, 5, 0, ROOM(1, 3, 3, 3)), COUNT(UNKNOWN), PLACE(5, UNKNOWN),
                LOOK(0, ROOM(1, 4, 4, 4)), PLACE(5, UNKNOWN), GOES_ON(ROOM(1, 4, 4, 4)), READ(6, 0),
                LOOK(0, ROOM(1, 6, 6, 6)), COUNT(6), PLACE(6, 6)}},
        {"no room", {RESUME(5, 5, 0, NO_ROOM), PLACE(5, UNKNOWN), GOES_ON(NO_ROOM),
                        LOOK(0, ROOM(7, 7, 1, 1)), COUNT(0), READ(7, 0), PLACE(7, 1)}},
    };

    CHECK_ROWS(rows);
}

static void counts_while_it_reads(void)
{
    static const struct row rows[] = {
        {"nothing is lost", {BEGIN(5, ROOM(1, 5, 5, 5)), READ(6, 0), LOOK(0, ROOM(1, 6, 6, 6)),
                                NOTHING(0), COUNT(6), PLACE(6, 6)}},
        {"nothing was asked", {BEGIN(5, ROOM(1, 5, 5, 5)), NOTHING(0), COUNT(5)}},
        {"trimmed after it was read",
            {BEGIN(5, ROOM(1, 5, 5, 5)), READ(6, 0), LOOK(0, ROOM(0, 6, 0, 6)), NOTHING(0)}},
        {"the cursor is at the last",
            {BEGIN(5, ROOM(1, 5, 5, 5)), READ(8, 0), LOOK(2, ROOM(8, 8, 1, 8)), PLACE(8, 8)}},
        {"the last is read",
            {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(8, 8, 1, 8)), READ(8, 2), COUNT(8)}},
        {"one after the last is read", {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(6, 8, 3, 8)),
                                           READ(10, 3), COUNT(9), LOOK(1, ROOM(10, 10, 1, 10))}},
        {"nothing is left", {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(6, 8, 3, 8)), READ(6, 0),
                                NOTHING(2), COUNT(8), NOTHING(0), LOOK(0, ROOM(0, 8, 0, 8))}},
        {"the last is deleted", {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(1, 7, 7, 7)), READ(6, 0),
                                    LOOK(0, ROOM(1, 7, 6, 7)), NOTHING(1)}},
        {"a look waits until all up to its end was read",
            {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(6, 8, 3, 8)), LOOK(0, ROOM(8, 12, 5, 12)),
                READ(8, 2), COUNT(8), READ(12, 0), COUNT(9), LOOK(3, ROOM(12, 12, 1, 12))}},

        {"fewer were added than counted", {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(6, 7, 2, 2)),
                                              COUNT(0), READ(6, 0), READ(7, 0), COUNT(2)}},
        {"fewer were added than counted, and some are gone",
            {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(UNKNOWN, ROOM(7, 7, 1, 2)), COUNT(1), READ(7, 0)}},
        {"fewer were added than counted, while a look waits",
            {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(6, 8, 3, 8)), READ(6, 0),
                LOOK(0, ROOM(6, 9, 4, 4)), COUNT(UNKNOWN), READ(8, 0), READ(9, 0), COUNT(4)}},
        {"fewer were added than counted, and all is read",
            {BEGIN(5, ROOM(1, 5, 5, 5)), READ(9, 0), LOOK(0, ROOM(9, 9, 1, 1)), COUNT(1)}},
        {"fewer were read after the look than counted up to it",
            {BEGIN(0, ROOM(1, 5, 5, 5)), READ(1, 0), READ(2, 0), READ(3, 0), READ(4, 0), READ(5, 0),
                LOOK(0, ROOM(6, 7, 2, 7)), READ(6, 0), READ(7, 0), COUNT(7)}},
    };

    CHECK_ROWS(rows);
}

static void keeps_a_place(void)
{
    static const struct row rows[] = {
        {"in the middle", {BEGIN(3, ROOM(1, 5, 5, 5)), PLACE(3, UNKNOWN), READ(4, 0),
                              PLACE(4, UNKNOWN), READ(5, 0), PLACE(5, 5)}},
        {"what was lost counts",
            {BEGIN(0, ROOM(4, 5, 2, 5)), PLACE(0, 3), READ(5, 1), PLACE(5, 5)}},
        {"before the last", {BEGIN(0, ROOM(1, 9, 9, 9)), BEFORE(6, 3), PLACE(6, 6)}},
        {"no room", {BEGIN(0, NO_ROOM), PLACE(0, 0)}},
        {"no room, after an ID", {BEGIN(9, NO_ROOM), PLACE(0, UNKNOWN)}},
        {"beyond the end",
            {BEGIN(9, ROOM(1, 5, 5, 5)), PLACE(5, UNKNOWN), LOOK(0, ROOM(1, 7, 7, 7)),
                PLACE(7, UNKNOWN), READ(10, 0), PLACE(10, UNKNOWN)}},
        {"beyond the end, which passes it",
            {BEGIN(9, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(1, 12, 12, 12)), PLACE(9, UNKNOWN)}},
    };

    CHECK_ROWS(rows);
}

static void knows_what_became_of_a_room(void)
{
    static const struct row rows[] = {
        {"as it was", {BEGIN(5, ROOM(1, 5, 5, 5)), GOES_ON(ROOM(1, 5, 5, 5)),
                          GOES_ON(ROOM(9, 9, 1, 9)), GOES_ON(ROOM(0, 5, 0, 5))}},
        {"deleted", {BEGIN(5, ROOM(1, 5, 5, 5)), DELETED}},
        {"never there", {BEGIN(0, NO_ROOM), GOES_ON(NO_ROOM), GOES_ON(ROOM(0, 0, 0, 0)),
                            GOES_ON(ROOM(3, 3, 1, 1)), READ(3, 0), DELETED}},
        {"beyond the end", {BEGIN(9, ROOM(1, 5, 5, 5)), GOES_ON(ROOM(1, 5, 5, 5)),
                               WENT_BACK(ROOM(1, 4, 4, 4)), DELETED}},

        {"without the last that were read",
            {BEGIN(5, ROOM(1, 5, 5, 5)), READ(6, 0), READ(7, 0), WENT_BACK(ROOM(1, 6, 6, 6)),
                WENT_BACK(ROOM(4, 6, 3, 6)), WENT_BACK(ROOM(0, 6, 0, 6))}},
        {"without what was there when it began, but beginning as it did",
            {BEGIN(5, ROOM(1, 5, 5, 5)), WENT_BACK(ROOM(1, 4, 4, 4))}},
        {"it lost what was never read, but looked at",
            {BEGIN(5, ROOM(1, 5, 5, 5)), LOOK(0, ROOM(1, 8, 8, 8)), WENT_BACK(ROOM(1, 7, 7, 7))}},
        {"beginning as when last looked at",
            {BEGIN(5, ROOM(1, 5, 5, 5)), READ(6, 0), READ(7, 0), LOOK(0, ROOM(6, 7, 2, 7)),
                WENT_BACK(ROOM(6, 6, 1, 1)), RECREATED(ROOM(1, 6, 4, 4))}},
        {"read from its first entry on",
            {BEGIN(0, NO_ROOM), READ(3, 0), READ(4, 0), WENT_BACK(ROOM(3, 3, 1, 1))}},

        {"another room", {BEGIN(5, ROOM(1, 5, 5, 5)), READ(6, 0), READ(7, 0),
                             RECREATED(ROOM(2, 3, 2, 2)), RECREATED(ROOM(0, 0, 0, 0))}},
        {"another room, with fewer entries",
            {BEGIN(5, ROOM(1, 5, 5, 5)), READ(6, 0), READ(7, 0), RECREATED(ROOM(2, 6, 4, 4))}},
        {"another room, which ends before we began",
            {BEGIN(5, ROOM(1, 5, 5, 5)), READ(6, 0), RECREATED(ROOM(2, 4, 9, 9))}},
        {"another room than the one read from its first entry on",
            {BEGIN(0, NO_ROOM), READ(3, 0), READ(4, 0), RECREATED(ROOM(0, 0, 0, 0)),
                RECREATED(ROOM(2, 2, 1, 1))}},
        {"another room than one that had nothing",
            {BEGIN(0, ROOM(0, 0, 0, 0)), READ(3, 0), LOOK(0, ROOM(3, 3, 1, 1)),
                RECREATED(ROOM(0, 0, 0, 0)), RECREATED(ROOM(1, 2, 2, 2))}},
    };

    CHECK_ROWS(rows);
}

static void knows_a_lost_start(void)
{
    static const struct {
        const char *name;
        struct tail_info now;
        uint64_t start;
        bool lost;
    } rows[] = {
        {"no room", NO_ROOM, 5, false},
        {"nothing was ever lost", ROOM(7, 9, 3, 3), 5, false},
        {"it is there", ROOM(5, 9, 3, 9), 5, false},
        {"one before it is there", ROOM(4, 9, 3, 9), 5, false},
        {"lost, and some after it", ROOM(7, 9, 3, 9), 5, true},
        {"all is lost", ROOM(0, 9, 0, 9), 5, true},
        {"it was the last", ROOM(0, 5, 0, 5), 5, false},
        {"beyond the end", ROOM(0, 4, 0, 4), 5, false},
        {"the beginning", ROOM(7, 9, 3, 9), 0, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row = rows[i].name;
        CHECK(tail_room_lost_start(&rows[i].now, (struct id){rows[i].start, 0}) == rows[i].lost);
    }
}

UNIT_MAIN({"begins where it is told", begins},
    {"begins before the last entries", begins_before_the_last},
    {"resumes at a place of -C", resumes},
    {"counts what is lost while it reads", counts_while_it_reads},
    {"keeps a place for -C", keeps_a_place},
    {"knows what became of a room", knows_what_became_of_a_room},
    {"knows whether a start was lost", knows_a_lost_start})
