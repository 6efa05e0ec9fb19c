#include "cmd/send_guard.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/link.h"
#include "common/wait.h"

/* How long to wait for the server to delete the receipts. */
enum { CLOSING_MS = 1000 };

/* The name of a receipt's room, for %.*s. */
#define ROOM_TEXT(receipt) SPAN_TEXT(span_of_buf(&(receipt)->room), 64)

struct receipt *guards_receipt(struct guards *g, int slot, struct span room)
{
    struct receipt **r = &g->receipts[slot < 0 ? ROUTE_SLOTS : slot];

    if (*r == NULL && (*r = calloc(1, sizeof **r)) == NULL)
        buf_no_memory();
    if ((*r)->state == RECEIPT_NONE)
        receipt_begin(*r, room, session_user(g->session), g->retry, wait_now());
    return slot < 0 || receipt_lies_beside(*r) ? *r : NULL;
}

void guards_ask(struct guards *g, struct receipt *r, bool may_renew)
{
    /* On a new connection, the old receipt first shows whether the server has lost anything. */
    if (may_renew && g->proven && r->state >= RECEIPT_UNREPLICATED
        && receipt_is_old(r, wait_now())) {
        request_delete(g->requests, r);
        receipt_begin(r, span_of_buf(&r->room), session_user(g->session), g->retry, wait_now());
    }
    if (!g->proven)
        g->asked_at = wait_now();
    request_guard(g->requests, r, g->proven);
    g->guarded = r;
    g->state = GUARD_ASKED;
}

void guards_prove(struct guards *g)
{
    g->asked_at = wait_now();
    request_prove(g->requests, NULL);
}

enum guard guards_state(const struct guards *g, const struct receipt *r)
{
    return r && g->guarded == r ? g->state : GUARD_NONE;
}

void guards_drop(struct guards *g)
{
    g->state = GUARD_NONE;
    g->guarded = NULL;
}

void guards_drop_connection(struct guards *g)
{
    guards_drop(g);
    g->proven = false;
    g->asked_at = 0;
}

void guards_lose_server(struct guards *g)
{
    guards_drop_connection(g);
    for (size_t i = 0; i <= ROUTE_SLOTS; i++) {
        struct receipt *r = g->receipts[i];

        if (r && r->state == RECEIPT_OPENING)
            r->state = RECEIPT_NONE;
        if (r)
            r->checked = id_compare(r->last_id, ID_LEAST) == 0;
        g->unchecked = g->unchecked || (r && !r->checked);
    }
}

void guards_on_proof(struct guards *g)
{
    int64_t took = wait_now() - g->asked_at, login = link_distance(session_link(g->session));

    if (g->proven || g->asked_at == 0)
        return;
    g->proven = true;
    g->distance = took < login ? took : login;
}

static void give_up(struct guards *g, struct receipt *r)
{
    r->state = RECEIPT_NONE;
    if (g->guarded == r)
        guards_drop(g);
}

/* The server has lost what it acknowledged, as after a failover to a replica that did not have it.
 * Of the receipt's entries, it still has `held`, the last of them from line `held_line`. */
static void report_loss(struct guards *g, struct receipt *r, uint64_t held, size_t held_line)
{
    uint64_t lost = r->acked - held;
    size_t from = held > 0 ? held_line + 1 : r->first;

    if (r->acked == 0) { /* the receipt is new */
        lost = r->before;
        from = r->before_first;
    }
    if (lost == 0)
        err_say(ERR_ALWAYS,
            "%.*s: the server lost messages that it had acknowledged, up to line %zu", ROOM_TEXT(r),
            r->last);
    else if (from == r->last)
        err_say(ERR_ALWAYS, "%.*s: the server lost a message that it had acknowledged, line %zu",
            ROOM_TEXT(r), from);
    else
        err_say(ERR_ALWAYS,
            "%.*s: the server lost %" PRIu64 " messages that it had acknowledged, lines %zu to %zu",
            ROOM_TEXT(r), lost, from, r->last);
    g->lost += lost ? lost : 1;
    r->acked = held;
    r->before = 0;
    r->last_id = ID_LEAST;
    r->checked = true;
    if (r->state != RECEIPT_OPENING)
        give_up(g, r);
}

/* Begin a new receipt. If the server evicts that one too, it is full. */
static void on_evicted(struct guards *g, struct receipt *r)
{
    struct err *why = &g->replies->error.why;
    bool sending = g->guarded == r;

    give_up(g, r);
    if (!sending || g->evicted++ == 0)
        return;
    err_set(why, EXIT_FAILED,
        "%.*s: the server is full and keeps evicting receipts; raise its maxmemory", ROOM_TEXT(r));
    why->kind = ERR_TRANSIENT;
}

enum receipt_verdict guards_on_get(struct guards *g, struct receipt *r, uint64_t in_doubt)
{
    const struct receipt_content *content = &g->replies->receipt;
    enum receipt_verdict verdict = receipt_judge(r, in_doubt, content);

    if (verdict == RECEIPT_BEHIND) {
        report_loss(g, r, content->entries, content->line);
    } else if (verdict == RECEIPT_GONE && in_doubt == 0) {
        on_evicted(g, r);
    } else if (verdict == RECEIPT_AGREES || verdict == RECEIPT_RAN) {
        r->checked = true;
        if (r->state == RECEIPT_OPENING)
            r->state = RECEIPT_OPEN;
        if (g->guarded == r)
            g->state = GUARD_STANDS;
    }
    return verdict;
}

void guards_on_last(struct guards *g, struct receipt *r)
{
    const struct replies *replies = g->replies;

    r->checked = true;
    if (replies->last == LAST_GONE)
        report_loss(g, r, 0, 0);
    if (replies->last != LAST_UNKNOWN)
        return;
    g->unsure = true;
    err_say(ERR_ALWAYS, "%s; cannot check whether acknowledged messages are still there",
        replies->unknown.text);
}

void guards_check(struct guards *g)
{
    if (!g->unchecked || g->requests->n > 0)
        return;
    for (int i = 0; i <= ROUTE_SLOTS; i++) {
        struct receipt *r = g->receipts[i];

        if (r == NULL || r->checked)
            continue;
        if (i < ROUTE_SLOTS && session_use_slot(g->session, i))
            guards_drop_connection(g);
        if (session_up(g->session))
            request_check(g->requests, r);
        return;
    }
    g->unchecked = false;
}

/* Wait for the last replies, so that the commands reach the server. */
static void finish_asking(struct guards *g, int64_t deadline)
{
    while (g->requests->n > 0 && session_finish(g->session, deadline))
        request_answered(g->requests);
    request_forget(g->requests);
}

void guards_delete(struct guards *g)
{
    int64_t deadline = wait_now() + CLOSING_MS;
    int node = 0;

    for (int i = 0; i <= ROUTE_SLOTS; i++) {
        struct receipt *r = g->receipts[i];

        if (r == NULL || r->state < RECEIPT_OPENING)
            continue;
        if (i < ROUTE_SLOTS && session_node(g->session, i) != node) {
            finish_asking(g, deadline);
            session_use_slot(g->session, i);
            node = session_node(g->session, i);
        }
        if (!session_up(g->session))
            continue;
        request_delete(g->requests, r);
        link_flush(session_link(g->session)); /* even if no time is left to wait for the reply */
    }
    finish_asking(g, deadline);
}

void guards_free(struct guards *g)
{
    for (size_t i = 0; i <= ROUTE_SLOTS; i++) {
        if (g->receipts[i])
            receipt_free(g->receipts[i]);
        free(g->receipts[i]);
    }
}
