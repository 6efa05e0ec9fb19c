#include "cmd/tail_share.h"

#include "common/wait.h"
#include "tests/unit/unit.h"

static struct id id(uint64_t ms)
{
    return (struct id){ms, 1};
}

static void answers(void)
{
    struct tail_share s = {0};

    for (uint64_t i = 1; i <= 5; i++)
        tail_share_give(&s, id(i), i, 100);
    CHECK_NUMBER(s.n_given, 5);
    CHECK_NUMBER(tail_share_answer(&s, id(9), false), TAIL_UNKNOWN);
    CHECK_NUMBER(tail_share_answer(&s, id(3), false), TAIL_TAKEN);
    CHECK_NUMBER(tail_share_answer(&s, id(3), false), TAIL_UNKNOWN);
    CHECK_NUMBER(tail_share_answer(&s, id(1), false), TAIL_TAKEN);
    CHECK_NUMBER(s.n_given, 3);
    CHECK(tail_share_has_given(&s, id(2)));
    CHECK(!tail_share_has_given(&s, id(1)));
    CHECK_NUMBER(s.acks.at[0].ms, 3);
    CHECK_NUMBER(s.acks.n, 2);
    tail_share_free(&s);
}

static void failures(void)
{
    struct tail_share s = {0};

    tail_share_give(&s, id(1), 3, 100);
    CHECK_NUMBER(tail_share_answer(&s, id(1), true), TAIL_TAKEN);
    CHECK_NUMBER(s.backs.at[0].count, 3);
    CHECK_NUMBER(s.backs.n, 1);
    CHECK_NUMBER(s.acks.n, 0);
    CHECK_NUMBER(tail_share_answer(&s, id(1), false), TAIL_IGNORED);
    CHECK_NUMBER(tail_share_answer(&s, id(1), true), TAIL_IGNORED);
    CHECK_NUMBER(s.acks.n, 0);
    tail_share_give(&s, id(1), 4, 200);
    CHECK_NUMBER(tail_share_answer(&s, id(1), false), TAIL_TAKEN);
    CHECK_NUMBER(s.acks.n, 1);
    tail_share_free(&s);
}

/* However many fail, memory does not grow, and the last ones are remembered. */
static void many_failures(void)
{
    struct tail_share s = {0};

    for (uint64_t i = 1; i <= 5000; i++) {
        tail_share_give(&s, id(i), 1, 100);
        CHECK_NUMBER(tail_share_answer(&s, id(i), true), TAIL_TAKEN);
    }
    CHECK_NUMBER(tail_share_answer(&s, id(5000), false), TAIL_IGNORED);
    CHECK_NUMBER(tail_share_answer(&s, id(1), false), TAIL_UNKNOWN);
    CHECK(s.ignored.n <= 1000);
    tail_share_free(&s);
}

static void hands_back(void)
{
    struct tail_share s = {0};

    tail_share_give(&s, id(1), 1, 100);
    tail_share_give(&s, id(2), 2, 100);
    tail_share_answer(&s, id(1), false);
    tail_share_hand_back_all(&s, false);
    CHECK_NUMBER(s.backs.at[0].count, 1);
    CHECK_NUMBER(s.backs.n, 1);
    CHECK_NUMBER(s.n_given, 0);
    tail_share_give(&s, id(3), 2, 100);
    tail_share_hand_back_all(&s, true);
    CHECK_NUMBER(s.backs.at[1].count, 2);
    tail_share_free(&s);
}

static void sends(void)
{
    struct tail_share s = {0};

    tail_share_ack(&s, id(1));
    s.sent_acks = 1;
    tail_share_ack(&s, id(2)); /* while the first one travels */
    tail_share_confirm(&s);
    CHECK_NUMBER(s.acks.at[0].ms, 2);
    CHECK_NUMBER(s.acks.n, 1);
    s.sent_acks = 1;
    tail_share_resend(&s);
    tail_share_confirm(&s);
    CHECK_NUMBER(s.acks.n, 1);
    tail_share_free(&s);
}

static void renews(void)
{
    struct tail_share s = {0};
    struct id_list ids = {0};

    CHECK_NUMBER(tail_share_renew_at(&s, 1000), WAIT_FOREVER);
    tail_share_give(&s, id(1), 1, 100);
    tail_share_give(&s, id(2), 1, 700);
    tail_share_give(&s, id(3), 1, 1500);
    CHECK_NUMBER(tail_share_renew_at(&s, 1000), 1100);
    CHECK_NUMBER(tail_share_renewals(&s, 1900, 1000, &ids), 600); /* half of the youngest's 1200 */
    CHECK_NUMBER(ids.n, 2);
    tail_share_renewed(&s, id(1), 1900);
    CHECK_NUMBER(
        tail_share_renew_at(&s, 1000), 2500); /* id(2) was not renewed: not at once again */
    tail_share_resend(&s);
    CHECK_NUMBER(tail_share_renew_at(&s, 1000), 1700);
    tail_share_answer(&s, id(2), false);
    CHECK_NUMBER(tail_share_renew_at(&s, 1000), 2500);
    CHECK_NUMBER(tail_share_idle(100, 50), 0);
    list_free(&ids);
    tail_share_free(&s);
}

static void loses(void)
{
    struct tail_share s = {0};

    tail_share_give(&s, id(1), 1, 100);
    tail_share_give(&s, id(2), 1, 100);
    tail_share_answer(&s, id(1), false);
    tail_share_lose(&s);
    CHECK_NUMBER(s.n_given + s.acks.n + s.backs.n, 0);
    CHECK_NUMBER(tail_share_answer(&s, id(2), false), TAIL_IGNORED);
    CHECK_NUMBER(tail_share_answer(&s, id(1), false), TAIL_UNKNOWN);
    tail_share_free(&s);
}

UNIT_MAIN({"what was given is answered once, in any order", answers},
    {"after a failure, further answers are ignored until it is given again", failures},
    {"many failures", many_failures}, {"hands back what is left, as a try or not", hands_back},
    {"what was sent is sent again if nobody knows", sends}, {"renews what is due", renews},
    {"a group that is gone", loses})
