#include "cmd/tail_share.h"

#include "common/wait.h"

/* So many failed entries are remembered, so that what else is said about them is no surprise. */
enum { IGNORED = 1000 };

static struct tail_given *given(const struct tail_share *s, size_t *n)
{
    *n = s->given.len / sizeof(struct tail_given);
    return (void *)s->given.data;
}

/* Answers mostly come in the order in which entries were given: the search begins at the first. */
static struct tail_given *find(const struct tail_share *s, struct id id)
{
    size_t n;
    struct tail_given *all = given(s, &n);

    for (size_t i = s->first; i < n; i++)
        if (!all[i].answered && id_compare(all[i].id, id) == 0)
            return &all[i];
    return NULL;
}

static bool is_ignored(const struct tail_share *s, struct id id)
{
    const struct id *all = (void *)s->ignored.data;

    for (size_t i = 0; i < s->ignored.len / sizeof *all; i++)
        if (id_compare(all[i], id) == 0)
            return true;
    return false;
}

static void ignore(struct tail_share *s, struct id id)
{
    if (is_ignored(s, id))
        return;
    if (s->ignored.len >= IGNORED * sizeof id)
        buf_consume(&s->ignored, IGNORED / 2 * sizeof id);
    buf_add(&s->ignored, &id, sizeof id);
}

void tail_share_give(struct tail_share *s, struct id id, uint64_t count, int64_t now)
{
    struct tail_given g = {id, count, now, now, false};

    buf_add(&s->given, &g, sizeof g);
    s->n_given++;
}

bool tail_share_has_given(const struct tail_share *s, struct id id)
{
    return find(s, id) != NULL;
}

/* Entries that are answered are forgotten from the front, many at a time. */
static void remove_given(struct tail_share *s, struct tail_given *g)
{
    size_t n;
    struct tail_given *all = given(s, &n);

    g->answered = true;
    s->n_given--;
    while (s->first < n && all[s->first].answered)
        s->first++;
    if (s->first == n)
        buf_clear(&s->given);
    else if (s->first > n / 2)
        buf_consume(&s->given, s->first * sizeof *all);
    else
        return;
    s->first = 0;
}

void tail_share_ack(struct tail_share *s, struct id id)
{
    buf_add(&s->acks, &id, sizeof id);
}

void tail_share_hand_back(struct tail_share *s, struct id id, uint64_t count, int64_t since)
{
    struct tail_back b = {id, since, count, false};

    buf_add(&s->backs, &b, sizeof b);
}

void tail_share_restore(struct tail_share *s, struct id id, uint64_t count)
{
    struct tail_back b = {id, 0, count, true};

    buf_add(&s->backs, &b, sizeof b);
}

enum tail_answered tail_share_answer(struct tail_share *s, struct id id, bool failed)
{
    struct tail_given *g = find(s, id);

    if (g == NULL)
        return is_ignored(s, id) ? TAIL_IGNORED : TAIL_UNKNOWN;
    if (failed) {
        tail_share_hand_back(s, id, g->count, g->since);
        ignore(s, id);
    } else {
        tail_share_ack(s, id);
    }
    remove_given(s, g);
    return TAIL_TAKEN;
}

void tail_share_hand_back_all(struct tail_share *s, bool counts)
{
    size_t n;
    struct tail_given *all = given(s, &n);

    for (size_t i = s->first; i < n; i++)
        if (!all[i].answered)
            tail_share_hand_back(s, all[i].id, all[i].count - !counts, all[i].since);
    buf_clear(&s->given);
    s->first = s->n_given = 0;
}

void tail_share_lose(struct tail_share *s)
{
    size_t n;
    struct tail_given *all = given(s, &n);

    for (size_t i = s->first; i < n; i++)
        if (!all[i].answered)
            ignore(s, all[i].id);
    buf_clear(&s->given);
    buf_clear(&s->acks);
    buf_clear(&s->backs);
    s->first = s->n_given = s->sent_acks = s->sent_backs = 0;
}

int64_t tail_share_renew_at(const struct tail_share *s, int64_t period)
{
    size_t n;
    struct tail_given *all = given(s, &n);
    int64_t due = WAIT_FOREVER;

    for (size_t i = s->first; i < n; i++)
        if (!all[i].answered)
            due = wait_earliest(due, all[i].tried + period);
    return due;
}

uint64_t tail_share_renewals(struct tail_share *s, int64_t now, int64_t period, struct buf *ids)
{
    size_t n;
    struct tail_given *all = given(s, &n);
    int64_t youngest = 0;

    for (size_t i = s->first; i < n; i++)
        if (!all[i].answered && all[i].tried + period <= now) {
            all[i].tried = now;
            youngest = all[i].since > youngest ? all[i].since : youngest;
            buf_add(ids, &all[i].id, sizeof all[i].id);
        }
    return tail_share_idle(youngest, now);
}

void tail_share_renewed(struct tail_share *s, struct id id, int64_t now)
{
    struct tail_given *g = find(s, id);

    if (g)
        g->since = g->tried = now;
}

uint64_t tail_share_idle(int64_t since, int64_t now)
{
    return now > since ? (uint64_t)(now - since) / 2 : 0;
}

void tail_share_told(struct tail_share *s)
{
    buf_consume(&s->acks, s->sent_acks * sizeof(struct id));
    buf_consume(&s->backs, s->sent_backs * sizeof(struct tail_back));
    s->sent_acks = s->sent_backs = 0;
}

void tail_share_untold(struct tail_share *s)
{
    size_t n;
    struct tail_given *all = given(s, &n);

    for (size_t i = s->first; i < n; i++)
        all[i].tried = all[i].since;
    s->sent_acks = s->sent_backs = 0;
}

void tail_share_free(struct tail_share *s)
{
    buf_free(&s->acks);
    buf_free(&s->backs);
    buf_free(&s->given);
    buf_free(&s->ignored);
}
