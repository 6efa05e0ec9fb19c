#include "cmd/tail_answers.h"

#include "tests/unit/unit.h"

/* One reading of a line: with a room, or bare. */
struct reading {
    bool is, failed, goes_on;
    uint64_t ms, seq;
};

static void check_reading(const struct reading *want, const struct tail_answered_id *got)
{
    CHECK_NUMBER(got->found, want->is);
    if (!got->found)
        return;
    CHECK_NUMBER(got->failed, want->failed);
    CHECK_NUMBER(got->goes_on, want->goes_on);
    CHECK_NUMBER(got->id.ms, want->ms);
    CHECK_NUMBER(got->id.seq, want->seq);
}

static void parses(void)
{
    static const struct {
        const char *line, *room;
        struct reading bare, named;
    } rows[] = {
        {"1-2", "", {true, false, false, 1, 2}, {0}}, {"-1-2", "", {true, true, false, 1, 2}, {0}},
        {"1-2+", "", {true, false, true, 1, 2}, {0}}, {"-1-2+", "", {true, true, true, 1, 2}, {0}},
        {"1-2\ttext", "", {true, false, false, 1, 2}, {0}},
        {"room\t1-2", "room", {0}, {true, false, false, 1, 2}},
        {"room\t-1-2", "room", {0}, {true, true, false, 1, 2}},
        {"room\t1-2+\tname\ttext", "room", {0}, {true, false, true, 1, 2}},
        {"a\\\\b\\t\t1-2\t", "a\\b\t", {0}, {true, false, false, 1, 2}},
        {"3-4\t1-2", "3-4", {true, false, false, 3, 4}, {true, false, false, 1, 2}},
        {"\t1-2", "", {0}, {true, false, false, 1, 2}}, {"", "", {0}, {0}}, {"-", "", {0}, {0}},
        {"+", "", {0}, {0}}, {"--1-2", "", {0}, {0}}, {"1", "", {0}, {0}}, {"1-2 ", "", {0}, {0}},
        {"room", "", {0}, {0}}, {"room\t", "", {0}, {0}}, {"room\tname\t1-2", "", {0}, {0}},
        {"a\\b\t1-2", "", {0}, {0}}, /* an unknown escape */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[64];
        struct tail_answer a;

        unit_row = rows[i].line;
        strcpy(line, rows[i].line);
        tail_answer_parse(line, strlen(line), &a);
        check_reading(&rows[i].bare, &a.first);
        check_reading(&rows[i].named, &a.second);
        if (a.second.found)
            CHECK_SAME(a.room.at, a.room.len, rows[i].room, strlen(rows[i].room));
    }
}

static void note(void *context, const struct tail_answer *a)
{
    struct buf *to = context;

    buf_printf(to, "%d%" PRIu64 ",", !a->first.found && !a->second.found,
        a->second.found ? a->second.id.ms : a->first.id.ms);
}

/* However the bytes are cut, the lines are the same; what is no whole line is no answer. */
static void feeds(void)
{
    static const char text[] = "1-1\nroom\t22-1\tname\tlong\ttext\n\n-3-1\nnonsense\n4-1";

    for (size_t cut = 1; cut < sizeof text; cut++) {
        struct tail_answers s = {0};
        struct buf got = {0};

        for (size_t at = 0; at < sizeof text - 1; at += cut)
            tail_answers_feed(
                &s, text + at, cut < sizeof text - 1 - at ? cut : sizeof text - 1 - at, note, &got);
        CHECK_BYTES(got.data, got.len, "01,022,10,03,10,");
        buf_free(&got);
        tail_answers_free(&s);
    }
}

/* A row of many MB is remembered by its head alone. */
static void long_lines(void)
{
    static char text[1024 * 1024];
    struct tail_answers s = {0};
    struct buf got = {0};

    memset(text, 'x', sizeof text);
    tail_answers_feed(&s, "r\t5-1\t", 6, note, &got);
    for (int i = 0; i < 8; i++)
        tail_answers_feed(&s, text, sizeof text, note, &got);
    CHECK(s.line.cap < 1024);
    tail_answers_feed(&s, "\n", 1, note, &got);
    for (int i = 0; i < 8; i++)
        tail_answers_feed(&s, text, sizeof text, note, &got);
    CHECK(s.line.cap < 8 * sizeof text);
    tail_answers_feed(&s, "\n6-1\n", 5, note, &got);
    CHECK_BYTES(got.data, got.len, "05,10,06,");
    buf_free(&got);
    tail_answers_free(&s);
}

UNIT_MAIN({"IDs, rooms and IDs, rows", parses}, {"lines that come in pieces", feeds},
    {"long lines", long_lines})
