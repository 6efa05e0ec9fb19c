#include "common/list.h"

#include "tests/unit/unit.h"

struct pair {
    int a;
    char b;
};
struct pair_list LIST(struct pair);

static void grows(void)
{
    struct pair_list l = {0};

    for (int i = 0; i < 1000; i++)
        list_add(&l, ((struct pair){i, 'x'}));
    CHECK_NUMBER(l.n, 1000);
    for (int i = 0; i < 1000; i++)
        CHECK_NUMBER(l.at[i].a, i);
    list_free(&l);
    CHECK(l.at == NULL);
    CHECK_NUMBER(l.n + l.most, 0);
}

static void drops(void)
{
    struct pair_list l = {0};

    list_drop(&l, 0, 0);
    for (int i = 0; i < 10; i++)
        list_add(&l, ((struct pair){i, 'x'}));
    list_drop(&l, 0, 3); /* 3 4 5 6 7 8 9 */
    list_drop(&l, 2, 1); /* 3 4 6 7 8 9 */
    list_drop(&l, 5, 1); /* 3 4 6 7 8 */
    CHECK_NUMBER(l.n, 5);
    CHECK_NUMBER(l.at[0].a, 3);
    CHECK_NUMBER(l.at[2].a, 6);
    CHECK_NUMBER(l.at[4].a, 8);
    list_drop(&l, 0, 5);
    CHECK_NUMBER(l.n, 0);
    list_add(&l, ((struct pair){11, 'y'}));
    CHECK_NUMBER(l.at[0].a, 11);
    list_free(&l);
}

static void frees_nothing(void)
{
    struct pair_list l = {0};

    list_free(&l);
    CHECK_NUMBER(l.n, 0);
}

UNIT_MAIN({"grows, and keeps what was added", grows},
    {"what is dropped goes, and nothing else", drops},
    {"an empty one can be released", frees_nothing})
