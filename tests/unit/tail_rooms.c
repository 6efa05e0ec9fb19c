/* All rooms that are read: known by name, in order, and forgotten. */
#include "cmd/tail_rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/route.h"
#include "tests/unit/unit.h"

static struct tail_rooms rooms;

static struct tail_room *add(const char *name, bool matched)
{
    struct tail_room *room = tail_rooms_add(&rooms, name, strlen(name), NULL);

    if (room)
        room->matched = matched;
    return room;
}

static void finish(void)
{
    tail_rooms_free(&rooms);
    rooms = (struct tail_rooms){0};
}

/* Expect these rooms, in this order, separated by blanks. */
static void expect(const char *want)
{
    struct buf names = {0};

    for (size_t i = 0; i < rooms.n; i++)
        buf_printf(&names, "%s%s", i ? " " : "", rooms.all[i]->name);
    CHECK_SAME(names.data, names.len, want, strlen(want));
    buf_free(&names);
}

/* What tail_rooms_report() says, after the program's name. */
static const char *told(void)
{
    static char text[2000];
    char name[64];
    int ends[2], kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    ssize_t n;

    if (kept < 0 || pipe(ends) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
        abort();
    close(ends[1]);
    tail_rooms_report(&rooms, true);
    dup2(kept, STDERR_FILENO);
    close(kept);
    n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    text[n > 0 ? n : 0] = 0;
    snprintf(name, sizeof name, "%s: ", program_invocation_short_name);
    return strncmp(text, name, strlen(name)) == 0 ? text + strlen(name) : text;
}

static void adds(void)
{
    char name[] = "room";
    struct tail_room *room = tail_rooms_add(&rooms, name, 4, NULL);

    CHECK(room && room->state == TAIL_ROOM_NEW && !room->matched && !room->share);
    memset(name, 'x', 4);
    CHECK_TEXT(room->name, "room");
    CHECK_NUMBER(room->len, 4);
    CHECK_NUMBER(room->slot, route_slot("room", 4));
    CHECK_NUMBER(rooms.n, 1);
    finish();
}

static void knows_a_name(void)
{
    struct tail_room *room = add("room", false), *known = NULL;

    add("other", false);
    CHECK(tail_rooms_add(&rooms, "room", 4, &known) == NULL);
    CHECK(known == room);
    CHECK(tail_rooms_add(&rooms, "room", 4, NULL) == NULL);
    known = NULL;
    CHECK(tail_rooms_add(&rooms, "rooms", 5, &known) != NULL);
    CHECK(known == NULL);
    expect("room other rooms");
    finish();
}

/* NULs are part of a name, and so is nothing. */
static void tells_any_names_apart(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } names[] = {{"", 0}, {"\0", 1}, {"\0\0", 2}, {"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"a\0c", 3},
        {"\xff", 1}};
    enum { N = sizeof names / sizeof *names };
    struct tail_room *added[N], *known = NULL;

    for (size_t i = 0; i < N; i++) {
        added[i] = tail_rooms_add(&rooms, names[i].bytes, names[i].len, NULL);
        CHECK(added[i] != NULL);
    }
    for (size_t i = 0; i < N; i++) {
        CHECK(tail_rooms_add(&rooms, names[i].bytes, names[i].len, &known) == NULL);
        CHECK(known == added[i]);
        CHECK_SAME(known->name, known->len + 1, names[i].bytes, names[i].len + 1);
    }
    CHECK_NUMBER(rooms.n, N);
    finish();
}

static void keeps_operands_in_order_and_sorts_the_rest(void)
{
    add("z", false);
    add("m", false);
    add("b", true);
    add("aa", true);
    add("\xc3\xa4", true);
    add("a", true);
    add("ab", true);
    add("B", true);
    tail_rooms_sort(&rooms);
    expect("z m B a aa ab b \xc3\xa4");
    finish();
}

static void sorts_where_there_is_nothing_to_sort(void)
{
    tail_rooms_sort(&rooms);
    expect("");
    add("z", false);
    add("a", false);
    tail_rooms_sort(&rooms);
    expect("z a");
    finish();
    add("z", true);
    add("a", true);
    tail_rooms_sort(&rooms);
    expect("a z");
    finish();
}

static void forgets_what_is_gone(void)
{
    struct tail_room *again, *known = NULL;

    for (const char *const *name = (const char *const[]){"a", "b", "c", "d", NULL}; *name; name++)
        add(*name, true)->state = TAIL_ROOM_READ;
    tail_rooms_drop(&rooms, rooms.all[0]);
    tail_rooms_drop(&rooms, rooms.all[2]);
    CHECK_NUMBER(rooms.all[0]->state, TAIL_ROOM_GONE);
    expect("a b c d");
    tail_rooms_forget(&rooms);
    expect("b d");
    again = tail_rooms_add(&rooms, "c", 1, &known);
    CHECK(again && known == NULL && again->state == TAIL_ROOM_NEW);
    CHECK(tail_rooms_add(&rooms, "d", 1, &known) == NULL);
    CHECK(known == rooms.all[1]);
    expect("b d c");
    tail_rooms_forget(&rooms);
    expect("b d c");
    finish();
}

/* A room that was left out stays known, or it would be found again. */
static void remembers_what_was_left_out(void)
{
    struct err why;
    struct tail_room *known = NULL;

    err_set(&why, EXIT_REFUSED, "a: WRONGTYPE");
    add("a", true);
    tail_rooms_leave_out(&rooms, rooms.all[0], &why);
    CHECK_NUMBER(rooms.all[0]->state, TAIL_ROOM_LEFT_OUT);
    tail_rooms_forget(&rooms);
    CHECK(tail_rooms_add(&rooms, "a", 1, &known) == NULL);
    CHECK(known == rooms.all[0]);
    finish();
}

static void says_which(void)
{
    struct err first, second;

    err_set(&first, EXIT_REFUSED, "a: WRONGTYPE Operation");
    err_set(&second, EXIT_REFUSED, "b: NOPERM");
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++)
        add(*name, true);
    CHECK_TEXT(told(), "");
    tail_rooms_drop(&rooms, rooms.all[1]);
    CHECK_TEXT(told(), "b: deleted; no longer reading it\n");
    CHECK_TEXT(told(), "");
    for (int i = 0; i < 3; i++)
        tail_rooms_drop(&rooms, rooms.all[i]);
    CHECK_TEXT(told(), "3 rooms were deleted; no longer reading them\n");
    tail_rooms_leave_out(&rooms, rooms.all[0], &first); /* which it says at once */
    CHECK_TEXT(told(), "");
    for (int i = 0; i < 6; i++)
        tail_rooms_leave_out(&rooms, rooms.all[i % 3], &second);
    CHECK_TEXT(told(), "3 more rooms cannot be read; they are left out\n");
    CHECK_TEXT(told(), "");
    finish();
}

/* Like a set that is kept beside it: many names come, go and come again. */
static void keeps_many(void)
{
    enum { NAMES = 2000, TURNS = 20000 };
    static bool there[NAMES];
    size_t n = 0;
    char name[16];

    for (int i = 0; i < TURNS; i++) {
        uint32_t k = unit_random() % NAMES;
        struct tail_room *known = NULL, *room;
        int len = snprintf(name, sizeof name, "room %u", k);

        room = tail_rooms_add(&rooms, name, (size_t)len, &known);
        CHECK((room != NULL) == !there[k] && (known != NULL) == there[k]);
        if (there[k] && known)
            known->state = TAIL_ROOM_GONE;
        n += there[k] ? (size_t)-1 : 1;
        there[k] = !there[k];
        if (known || unit_random() % 100 == 0)
            tail_rooms_forget(&rooms);
        CHECK_NUMBER(rooms.n, n);
    }
    finish();
}

UNIT_MAIN({"adds a room", adds}, {"knows a name", knows_a_name},
    {"tells any names apart", tells_any_names_apart},
    {"keeps operands in order, and sorts the rest", keeps_operands_in_order_and_sorts_the_rest},
    {"sorts where there is nothing to sort", sorts_where_there_is_nothing_to_sort},
    {"forgets what is gone", forgets_what_is_gone},
    {"remembers what was left out", remembers_what_was_left_out}, {"says which", says_which},
    {"keeps many", keeps_many})
