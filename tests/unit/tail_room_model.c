/*
 * A simulated room, whose entries are added, trimmed and deleted at random, while a reader that
 * knows it only through cmd/tail_room.h reads, looks and is started again. What it printed and what
 * it reported lost must add up to all that it should have seen.
 */
#include "cmd/tail_room.h"

#include "tests/unit/unit.h"

enum { ROUNDS = 20000, STEPS = 40, MOST = 4 * STEPS + 8 };

struct entry {
    struct id id;
    bool there, read;
    bool wanted; /* after the start, and there when the reader began or added later */
};

static struct {
    struct entry all[MOST];
    size_t n;          /* entries that were ever added */
    bool exists, gone; /* gone: an entry was trimmed or deleted */

    struct tail_position at;
    struct id start;
    uint64_t told;    /* entries that the reader reported lost */
    uint64_t unknown; /* and how often it said that nobody knows how many */
    uint64_t excused; /* lost entries whose number it could not know */
} sim;

static bool one_in(uint32_t n)
{
    return unit_random() % n == 0;
}

/* --- the room --------------------------------------------------------------------------------- */

static struct tail_info info(void)
{
    struct tail_info now = {.exists = sim.exists, .added = sim.n};

    for (size_t i = 0; i < sim.n; i++)
        if (sim.all[i].there && now.length++ == 0)
            now.first = sim.all[i].id;
    if (sim.n > 0)
        now.last = sim.all[sim.n - 1].id;
    return now;
}

static void add(void)
{
    struct id id = info().last;

    if (one_in(3) && id.ms > 0)
        id.seq++;
    else
        id = (struct id){id.ms + 1 + unit_random() % 3, 0};
    sim.exists = true;
    sim.all[sim.n++] = (struct entry){
        .id = id, .there = true, .wanted = id_compare(id, sim.start) > 0};
}

static void take_away(struct entry *e)
{
    sim.gone = sim.gone || e->there;
    e->there = false;
}

static void trim(void)
{
    uint64_t length = info().length, kept = length > 0 ? unit_random() % length : 0;

    for (size_t i = 0; length > kept; i++)
        if (sim.all[i].there) {
            take_away(&sim.all[i]);
            length--;
        }
}

static void delete_one(void)
{
    if (sim.n > 0)
        take_away(&sim.all[one_in(3) ? sim.n - 1 : unit_random() % sim.n]);
}

static void change(void)
{
    uint32_t chance = unit_random() % 10;

    if (chance == 0)
        trim();
    else if (chance == 1)
        delete_one();
    else
        for (uint32_t more = 1 + unit_random() % 4; more > 0 && sim.n < MOST; more--)
            add();
}

/* Wanted entries that can never be read. */
static uint64_t lost(void)
{
    uint64_t n = 0;

    for (size_t i = 0; i < sim.n; i++)
        n += sim.all[i].wanted && !sim.all[i].read && !sim.all[i].there;
    return n;
}

/* --- the reader ------------------------------------------------------------------------------- */

static void tell(struct tail_loss loss)
{
    sim.told += loss.entries;
    sim.unknown += loss.unknown;
    CHECK(sim.told <= lost());
    CHECK(!loss.unknown || sim.gone);
}

/* XREAD COUNT `count`. Returns whether something came. */
static bool read_some(uint32_t count)
{
    const struct id cursor = sim.at.cursor;
    bool came = false;

    for (size_t i = 0; i < sim.n && count > 0 && !unit_failed; i++) {
        struct entry *e = &sim.all[i];

        if (!e->there || id_compare(e->id, cursor) <= 0)
            continue;
        CHECK(e->wanted && !e->read);
        e->read = came = true;
        count--;
        tell(tail_room_read(&sim.at, e->id));
    }
    if (!came)
        tell(tail_room_read_nothing(&sim.at));
    return came;
}

static void look(void)
{
    struct tail_info now = info();

    CHECK_NUMBER(tail_room_fate(&sim.at, &now, one_in(2)), TAIL_ROOM_GOES_ON);
    tell(tail_room_check(&sim.at, &now));
}

/* A start that lay beyond the room's end is forgotten when the reader exits. */
static void start_at(struct id place)
{
    for (size_t i = 0; i < sim.n; i++)
        if (id_compare(sim.all[i].id, place) > 0 && id_compare(sim.all[i].id, sim.start) <= 0)
            sim.all[i].wanted = sim.all[i].there;
    if (id_compare(place, sim.start) < 0)
        sim.start = place;
}

/* The reader exits and is started again with its file. */
static void restart(void)
{
    struct tail_place place = tail_room_place(&sim.at);
    struct tail_info now;

    start_at(place.id);
    while (one_in(2))
        change();
    now = info();
    tell(tail_room_resume(&sim.at, &now, &place));
    /* Its count is used only if the room was trimmed beyond it: this may be another server. */
    if (!place.counted || id_compare(now.last, place.id) <= 0
        || (now.length > 0 && id_compare(now.first, place.id) <= 0))
        sim.excused = lost() - sim.told;
}

/* -n: its end was learned a while before its last entries are searched for. */
static void begin_before(struct id end)
{
    uint64_t found = 0, wanted = 1 + unit_random() % 5;
    size_t from = 0;

    while (one_in(2))
        change();
    for (size_t i = sim.n; i-- > 0 && found < wanted;)
        if (sim.all[i].there && id_compare(sim.all[i].id, end) <= 0) {
            found++;
            from = i;
        }
    if (found == 0)
        return;
    for (size_t i = 0; i < sim.n; i++)
        if (i < from || id_compare(sim.all[i].id, end) <= 0)
            sim.all[i].wanted = i >= from && sim.all[i].there;
    tail_room_begin_before(&sim.at, id_before(sim.all[from].id), found);
}

static void begin(void)
{
    const struct id starts[] = {ID_LEAST, info().last, {unit_random() % 20, unit_random() % 2}};
    struct tail_info now = info();
    bool before = one_in(4);

    sim.start = before ? ID_LEAST : starts[unit_random() % 3];
    for (size_t i = 0; i < sim.n; i++)
        sim.all[i].wanted = sim.all[i].there && id_compare(sim.all[i].id, sim.start) > 0;
    tail_room_begin(&sim.at, &now, sim.start);
    if (before)
        begin_before(now.last);
}

/* A reader that resumes at the place finds every wanted entry that is left unread. */
static void check_place(void)
{
    struct id place = tail_room_place(&sim.at).id;

    for (size_t i = 0; i < sim.n; i++)
        if (sim.all[i].wanted && sim.all[i].there && !sim.all[i].read)
            CHECK(id_compare(place, sim.all[i].id) < 0);
}

static void step(void)
{
    uint32_t chance = unit_random() % 100;

    if (chance < 40)
        change();
    else if (chance < 70)
        read_some(1 + unit_random() % 4);
    else if (chance < 97)
        look();
    else
        restart();
    if (!sim.at.counted)
        sim.excused = lost() - sim.told;
    check_place();
}

static void finish(void)
{
    struct tail_info now = info();

    for (int i = 0; i < 2; i++) { /* the first may find another look pending */
        look();
        while (read_some(3))
            continue;
    }
    if (id_compare(now.last, sim.at.cursor) >= 0) {
        CHECK(sim.at.counted);
        CHECK_NUMBER(sim.at.count, sim.n);
    }
    for (size_t i = 0; i < sim.n; i++)
        CHECK(!sim.all[i].wanted || !sim.all[i].there || sim.all[i].read);
}

static void run(void)
{
    memset(&sim, 0, sizeof sim);
    sim.start = ID_MOST;
    while (one_in(2))
        change();
    begin();
    for (int i = 0; i < STEPS && !unit_failed; i++)
        step();
    finish();
}

/* Exact wherever the count was known at the start; elsewhere never more than were lost. */
static void counts_exactly(void)
{
    unsigned exact = 0, unknown = 0, untouched = 0;
    char row[32];

    unit_row = row;
    for (unsigned i = 0; i < ROUNDS && !unit_failed; i++) {
        snprintf(row, sizeof row, "round %u", i);
        run();
        CHECK(lost() - sim.told <= sim.excused);
        exact += sim.told > 0 && sim.excused == 0;
        unknown += sim.unknown > 0;
        untouched += !sim.gone;
    }
    unit_row = NULL;
    CHECK(exact > ROUNDS / 4 && unknown > ROUNDS / 20 && untouched > ROUNDS / 100);
}

UNIT_MAIN({"what was printed and what was reported lost make up all there was", counts_exactly})
