#include "common/id.h"

#include "tests/unit/unit.h"

#define MOST "18446744073709551615"

static void parses(void)
{
    static const struct {
        const char *text;
        struct id id;
    } good[] = {
        {"0-0", {0, 0}},
        {"0-1", {0, 1}},
        {"1700000000000-42", {1700000000000, 42}},
        {"007-08", {7, 8}},
        {MOST "-" MOST, {UINT64_MAX, UINT64_MAX}},
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct id id = {9, 9};

        unit_row = good[i].text;
        CHECK_NUMBER(id_parse(good[i].text, strlen(good[i].text), &id), 0);
        CHECK_NUMBER(id.ms, good[i].id.ms);
        CHECK_NUMBER(id.seq, good[i].id.seq);
    }
}

static void refuses(void)
{
    static const char *const bad[] = {"", "-", "1", "1-", "-1", "1-2-3", "1--2", "-1-2", "+1-2",
        "1-+2", " 1-2", "1-2 ", "1-2\n", "0x1-2", "1.5-2", "1-*", "*", "$", "+",
        "18446744073709551616-0", "0-18446744073709551616", "99999999999999999999999-0",
        "\xd9\xa1-\xd9\xa1"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct id id = {9, 9};

        unit_row = bad[i];
        CHECK_NUMBER(id_parse(bad[i], strlen(bad[i]), &id), -1);
        CHECK(id.ms == 9 && id.seq == 9);
    }
}

static void minds_the_length(void)
{
    struct id id;

    CHECK_NUMBER(id_parse("12-345", 5, &id), 0);
    CHECK_NUMBER(id.seq, 34);
    CHECK_NUMBER(id_parse("12-345", 3, &id), -1);
    CHECK_NUMBER(id_parse("12\0-3", 5, &id), -1);
    CHECK_NUMBER(id_parse("12-3\0", 5, &id), -1);
    CHECK_NUMBER(id_parse(NULL, 0, &id), -1);
}

static void reads_numbers(void)
{
    uint64_t number = 5;

    CHECK_NUMBER(id_number("0", 1, &number), 0);
    CHECK_NUMBER(number, 0);
    CHECK_NUMBER(id_number("00012", 5, &number), 0);
    CHECK_NUMBER(number, 12);
    CHECK_NUMBER(id_number("1844674407370955161", 19, &number), 0);
    CHECK_NUMBER(number, 1844674407370955161U);
    CHECK_NUMBER(id_number(MOST, 20, &number), 0);
    CHECK_NUMBER(number, UINT64_MAX);
    CHECK_NUMBER(id_number("18446744073709551616", 20, &number), -1);
    CHECK_NUMBER(id_number("18446744073709551620", 20, &number), -1);
    CHECK_NUMBER(id_number("184467440737095516150", 21, &number), -1);
    CHECK_NUMBER(id_number("", 0, &number), -1);
    CHECK_NUMBER(id_number("1a", 2, &number), -1);
    CHECK_NUMBER(id_number("/", 1, &number), -1);
    CHECK_NUMBER(id_number(":", 1, &number), -1);
    CHECK_NUMBER(number, UINT64_MAX);
}

static void prints(void)
{
    char text[ID_TEXT];

    CHECK_NUMBER(id_print(text, ID_LEAST), 3);
    CHECK_TEXT(text, "0-0");
    CHECK_NUMBER(id_print(text, ID_MOST), ID_TEXT - 1);
    CHECK_TEXT(text, MOST "-" MOST);
    id_print(text, (struct id){1700000000000, 7});
    CHECK_TEXT(text, "1700000000000-7");
}

static void compares(void)
{
    static const struct id rising[] = {{0, 0}, {0, 1}, {0, UINT64_MAX}, {1, 0}, {1, 1},
        {INT64_MAX, 0}, {(uint64_t)INT64_MAX + 1, 0}, {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX}};
    enum { N = sizeof rising / sizeof *rising };

    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            int found = id_compare(rising[i], rising[k]);

            CHECK_NUMBER((found > 0) - (found < 0), (i > k) - (i < k));
        }
}

static void steps_back(void)
{
    static const struct id pairs[][2] = {{{5, 7}, {5, 6}}, {{5, 0}, {4, UINT64_MAX}},
        {{0, 1}, {0, 0}}, {{0, 0}, {0, 0}}, {{1, 0}, {0, UINT64_MAX}}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        CHECK_NUMBER(id_compare(id_before(pairs[i][0]), pairs[i][1]), 0);
}

UNIT_MAIN({"parses IDs", parses}, {"refuses what is no ID, and leaves the old one alone", refuses},
    {"reads no byte beyond the length", minds_the_length},
    {"reads numbers up to the largest", reads_numbers}, {"prints IDs", prints},
    {"compares IDs", compares}, {"finds the ID before", steps_back})
