#include "cmd/tail_share.h"

#include "common/wait.h"

/* At most this many ignored entries are remembered: for the others, answers are unknown. */
enum { IGNORED = 1000 };

/* Mostly finds the first one: answers usually come in the order in which entries were given. */
static struct tail_given *find(const struct tail_share *s, struct id id)
{
    for (size_t i = s->first; i < s->given.n; i++)
        if (!s->given.at[i].answered && id_compare(s->given.at[i].id, id) == 0)
            return &s->given.at[i];
    return NULL;
}

static bool is_ignored(const struct tail_share *s, struct id id)
{
    for (size_t i = 0; i < s->ignored.n; i++)
        if (id_compare(s->ignored.at[i], id) == 0)
            return true;
    return false;
}

static void ignore(struct tail_share *s, struct id id)
{
    if (is_ignored(s, id))
        return;
    if (s->ignored.n >= IGNORED)
        list_drop(&s->ignored, 0, IGNORED / 2);
    list_add(&s->ignored, id);
}

void tail_share_give(struct tail_share *s, struct id id, uint64_t count, int64_t now)
{
    struct tail_given g = {id, count, now, now, false};

    list_add(&s->given, g);
    s->n_given++;
}

bool tail_share_has_given(const struct tail_share *s, struct id id)
{
    return find(s, id) != NULL;
}

/* Answered entries are only removed from the front, many at a time. */
static void remove_given(struct tail_share *s, struct tail_given *g)
{
    g->answered = true;
    s->n_given--;
    while (s->first < s->given.n && s->given.at[s->first].answered)
        s->first++;
    if (s->first <= s->given.n / 2)
        return;
    list_drop(&s->given, 0, s->first);
    s->first = 0;
}

void tail_share_ack(struct tail_share *s, struct id id)
{
    list_add(&s->acks, id);
}

void tail_share_hand_back(struct tail_share *s, struct id id, uint64_t count, int64_t since)
{
    struct tail_back b = {id, since, count, false};

    list_add(&s->backs, b);
}

void tail_share_restore(struct tail_share *s, struct id id, uint64_t count)
{
    struct tail_back b = {id, 0, count, true};

    list_add(&s->backs, b);
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
    for (size_t i = s->first; i < s->given.n; i++) {
        const struct tail_given *g = &s->given.at[i];

        if (!g->answered)
            tail_share_hand_back(s, g->id, g->count - !counts, g->since);
    }
    s->given.n = s->first = s->n_given = 0;
}

void tail_share_lose(struct tail_share *s)
{
    for (size_t i = s->first; i < s->given.n; i++)
        if (!s->given.at[i].answered)
            ignore(s, s->given.at[i].id);
    s->given.n = s->acks.n = s->backs.n = 0;
    s->first = s->n_given = s->sent_acks = s->sent_backs = 0;
}

int64_t tail_share_renew_at(const struct tail_share *s, int64_t period)
{
    int64_t due = WAIT_FOREVER;

    for (size_t i = s->first; i < s->given.n; i++)
        if (!s->given.at[i].answered)
            due = wait_earliest(due, s->given.at[i].tried + period);
    return due;
}

uint64_t tail_share_renewals(struct tail_share *s, int64_t now, int64_t period, struct id_list *ids)
{
    int64_t youngest = 0;

    for (size_t i = s->first; i < s->given.n; i++) {
        struct tail_given *g = &s->given.at[i];

        if (g->answered || g->tried + period > now)
            continue;
        g->tried = now;
        youngest = g->since > youngest ? g->since : youngest;
        list_add(ids, g->id);
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

void tail_share_confirm(struct tail_share *s)
{
    list_drop(&s->acks, 0, s->sent_acks);
    list_drop(&s->backs, 0, s->sent_backs);
    s->sent_acks = s->sent_backs = 0;
}

void tail_share_resend(struct tail_share *s)
{
    for (size_t i = s->first; i < s->given.n; i++)
        s->given.at[i].tried = s->given.at[i].since;
    s->sent_acks = s->sent_backs = 0;
}

void tail_share_free(struct tail_share *s)
{
    list_free(&s->acks);
    list_free(&s->backs);
    list_free(&s->given);
    list_free(&s->ignored);
}
