#include "cmd/send_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/reply.h"
#include "common/route.h"
#include "common/session.h"
#include "common/wait.h"

/*
 * KEYS: the room, the receipt. ARGV: how many entries went before, how many these are, the line of
 * the last one, the receipt's life; the ID acknowledged last, `?` if there is none, nothing if the
 * receipt may not exist yet; what -k does with an ID that is too old (pass over one that is `held`,
 * or `any`), MAXLEN, the age, whether IDs are printed; then the entries: name and text, or with -k
 * the ID, the number of words, and they.
 *
 * The receipt is `entries line made before`: so many are in, the last of them that line; if IDs are
 * printed, the first one made in the last batch, and in the one before, for two may be under way.
 * The IDs of a batch follow each other, so that the first one tells them all.
 *
 * The receipt is written first: out of memory, read-only and the like are refused at a script's
 * first write, and then nothing has happened; after it nothing that passes is refused any more.
 * Errors are returned as the server words them.
 */
static const char script[] =
    "local call, room, argv = redis.pcall, KEYS[1], ARGV\n"
    "local from, count, line, life, known, keep, maxlen, age, ids = unpack(argv, 1, 9)\n"
    "local said, id, n, at, made = call('GET', KEYS[2]), '*', 2, 10, '-'\n"
    "if said and said.err then return said end\n"
    "local upto, last, first, before = (said or '0 0 - -'):match('(%d+) (%d+) (%S+) (%S+)')\n"
    "local done, all = upto - from, count + 0\n"
    "if done < 0 or done > 0 and done < all or known ~= '' and not said then\n"
    "  local held = said and {} or call('XRANGE', room, known, '+', 'COUNT', 1)\n"
    "  local gone = (held.err or held[1]) and 'evicted' or 'lost'\n"
    "  return {err = table.concat({'GAP', upto, last, first, gone}, ' ')}\n"
    "end\n"
    "local function put(value) return call('SET', KEYS[2], value, 'PX', life) end\n"
    "local got = put(done > 0 and said or from + all .. ' ' .. line .. ' - ' .. first)\n"
    "if got.err then return got end\n"
    "if done > 0 then return {done > all and before or first, all} end\n"
    "while done < all do\n"
    "  if keep ~= '' then id, n, at = argv[at], argv[at + 1], at + 2 end\n"
    "  local to = at + n - 1\n"
    "  if maxlen == '' then got = call('XADD', room, id, unpack(argv, at, to))\n"
    "  else got = call('XADD', room, 'MAXLEN', '~', maxlen, id, unpack(argv, at, to)) end\n"
    "  if got.err and keep ~= '' and got.err:find('ID', 1, true) then\n"
    "    local held = call('XRANGE', room, id, id)\n"
    "    got = held.err and held or (held[1] or keep == 'any') and id or got\n"
    "  end\n"
    "  if got.err then break end\n"
    "  if id == '*' then made, id = got, got:match('%d+') .. '-*' end\n"
    "  done, at = done + 1, at + n\n"
    "end\n"
    "local cut = age ~= '' and type(got) == 'string' and got:match('%d+') - age or 0\n"
    "local low = ('%.0f'):format(cut)\n"
    "local trim = cut > 0 and cut < 2^53 and call('XTRIM', room, 'MINID', '~', low)\n"
    "local failed = got.err and got or type(trim) == 'table' and trim or nil\n"
    "if failed or ids ~= '' then put(from + done .. ' ' .. line .. ' ' .. made .. ' ' .. first) "
    "end\n"
    "return {made, done, failed}\n";

enum { SCRIPT_ARGUMENTS = 9 };

/* Append a number, or an empty word for none. */
static void add_option(struct buf *to, uint64_t number)
{
    if (number > 0)
        reply_number(to, number);
    else
        reply_word(to, "", 0);
}

/* Append the command up to its entries, which are `count` in so many words. */
static void add_head(const struct wire *w, struct buf *to, size_t count, size_t words)
{
    const struct send_settings *set = w->set;
    const struct receipt *r = w->receipt;
    char id[ID_TEXT] = "?";

    if (id_compare(r->last_id, ID_LEAST) > 0)
        id_print(id, r->last_id);
    reply_command(to, 5 + SCRIPT_ARGUMENTS + words);
    reply_text(to, "EVAL");
    reply_text(to, script);
    reply_number(to, 2);
    reply_word(to, r->room.data, r->room.len);
    reply_word(to, r->key.data, r->key.len);
    reply_number(to, r->sent);
    reply_number(to, count);
    reply_number(to, count > 0 ? w->batch->slots[w->batch->n - 1].line : r->last);
    reply_number(to, r->life);
    reply_text(to, r->open ? id : "");
    reply_text(to, !set->keep_ids ? "" : set->maxlen || set->maxage ? "any" : "held");
    add_option(to, (uint64_t)set->maxlen);
    add_option(to, set->maxage);
    reply_text(to, set->ids ? "1" : "");
}

void script_open(struct wire *w)
{
    struct buf to = {0};

    add_head(w, &to, 0, 0);
    link_send(w->link, to.data, to.len);
    buf_free(&to);
    w->receipt->used = wait_now();
}

static void script_send(struct wire *w)
{
    struct send_batch *b = w->batch;
    size_t first = batch_undone(b, 0); /* what is done comes before what is not */
    size_t words = 0;
    struct buf to = {0};

    for (size_t i = first; i < b->n; i++)
        words += 2 * b->slots[i].messages + (w->set->keep_ids ? 2 : 0);
    add_head(w, &to, b->n - first, words);
    for (size_t i = first; i < b->n; i++) {
        struct entry_bytes fields = batch_fields(b, i);

        if (w->set->keep_ids) {
            char id[ID_TEXT];

            reply_word(&to, id, id_print(id, b->slots[i].id));
            reply_number(&to, 2 * b->slots[i].messages);
        }
        buf_add(&to, fields.at, fields.len);
    }
    link_send(w->link, to.data, to.len);
    buf_free(&to);
    b->state = BATCH_SENT;
    w->receipt->sent += b->n - first;
    w->receipt->used = wait_now();
}

/* The next word of an error's text, up to a blank. */
static struct entry_bytes next_word(const char **at, const char *end)
{
    const char *from = *at, *blank = memchr(from, ' ', (size_t)(end - from));
    struct entry_bytes word = {from, (size_t)((blank ? blank : end) - from)};

    *at = blank ? blank + 1 : end;
    return word;
}

/* `GAP entries line made evicted|lost` */
static void on_gap(struct wire *w, const struct reply_item *item)
{
    const char *at = item->bytes, *end = at + item->len;
    struct trouble *t = w->trouble;
    struct entry_bytes upto, line, made;
    uint64_t number = 0;

    next_word(&at, end);
    upto = next_word(&at, end);
    line = next_word(&at, end);
    made = next_word(&at, end);
    if (t->kind != TROUBLE_NONE)
        return; /* what came before was refused: so was this */
    t->kind = TROUBLE_GAP;
    id_number(upto.at, upto.len, &t->gap.upto);
    id_number(line.at, line.len, &number);
    t->gap.line = (size_t)number;
    t->gap.evicted = *at == 'e';
    id_parse(made.at, made.len, &w->receipt->made);
    if (t->gap.upto > w->receipt->acked) /* a part is in: the rest was refused */
        w->receipt->count = t->gap.upto - w->receipt->acked;
}

static void on_error(struct wire *w, const struct reply_item *item)
{
    bool first = w->trouble->kind == TROUBLE_NONE && w->receipt->acked == 0;

    wire_refuse(w, item, w->batch->slots[batch_undone(w->batch, 0)].line);
    if (first && w->trouble->kind == TROUBLE_FINAL && w->trouble->why.code == EXIT_REFUSED)
        w->trouble->kind = TROUBLE_SCRIPT;
}

/* The last part of a reply: an error about the entry behind those that are in, or the trimming. */
static void on_failure(struct wire *w, const struct reply_item *item)
{
    const struct send_batch *b = w->batch;
    size_t at = batch_undone(b, 0) + w->receipt->count;

    if (at < b->n && w->set->keep_ids && wire_is_too_old(item))
        wire_refuse_id(w, &b->slots[at]);
    else if (w->receipt->count == 0)
        on_error(w, item);
    else
        wire_refuse(w, item, at < b->n ? b->slots[at].line : 0);
}

static void script_item(void *wire, const struct reply_item *item)
{
    struct wire *w = wire;
    struct receipt *r = w->receipt;

    if (item->depth == 0) {
        r->count = 0;
        r->made = ID_LEAST;
    }
    if (item->depth == 0 && reply_is_error(item, "GAP "))
        on_gap(w, item);
    else if (item->depth == 0 && item->type == REPLY_ERROR)
        on_error(w, item);
    else if (item->depth == 0 && item->type != REPLY_ARRAY)
        wire_reject(w);
    else if (item->depth == 1 && item->index == 0 && item->type == REPLY_STRING)
        id_parse(item->bytes, item->len, &r->made);
    else if (item->depth == 1 && item->index == 1 && item->type == REPLY_INTEGER)
        r->count = item->integer > 0 ? (uint64_t)item->integer : 0;
    else if (item->depth == 1 && item->type == REPLY_ERROR)
        on_failure(w, item);
}

static void script_replied(struct wire *w)
{
    struct send_batch *b = w->batch;
    struct receipt *r = w->receipt;
    size_t at = batch_undone(b, 0), end = b->n - at < r->count ? b->n : at + r->count;
    bool made = !w->set->keep_ids && id_compare(r->made, ID_LEAST) > 0;

    for (uint64_t i = 0; at < end; at++, i++) {
        struct send_slot *slot = &b->slots[at];

        slot->done = true;
        if (made)
            slot->id = (struct id){r->made.ms, r->made.seq + i};
        receipt_acknowledge(r, slot);
    }
    b->state = end == b->n ? BATCH_IN : BATCH_READY;
    if (b->state == BATCH_READY && w->trouble->kind == TROUBLE_NONE)
        wire_reject(w);
}

const struct send_way send_as_script = {script_send, script_item, script_replied};

/* In the room's hash slot. */
static void name_key(struct receipt *r, const char *sender)
{
    size_t hashed = r->room.len;
    bool tagged = route_hashed(r->room.data, &hashed) != r->room.data;

    buf_clear(&r->key);
    buf_add_text(&r->key, tagged ? "" : "{");
    buf_add(&r->key, r->room.data, r->room.len);
    buf_printf(&r->key, "%s:chat-send:%s", tagged ? "" : "}", sender);
}

int receipt_begin(
    struct receipt *r, const struct buf *room, int64_t retry, int64_t now, struct err *e)
{
    enum { HOUR_MS = 3600 * 1000, WEEK_MS = 7 * 24 * HOUR_MS };
    struct receipt begun = {.room = r->room, .key = r->key, .used = now};
    unsigned char chance[16];
    char sender[2 * sizeof chance + 1];

    if (getrandom(chance, sizeof chance, 0) != sizeof chance)
        return err_set(e, EXIT_FAILED, "no random numbers to be had: %s", strerror(errno));
    for (size_t i = 0; i < sizeof chance; i++)
        snprintf(sender + 2 * i, 3, "%02x", chance[i]);
    *r = begun;
    buf_clear(&r->room);
    buf_add(&r->room, room->data, room->len);
    *buf_reserve(&r->room, 1) = 0; /* a string too, for errors */
    name_key(r, sender);
    r->life = retry == SESSION_FOREVER ? WEEK_MS
              : retry < HOUR_MS / 4    ? HOUR_MS
                                       : 4 * (uint64_t)retry;
    return 0;
}

bool receipt_serves(const struct receipt *r, const struct buf *room, int64_t now)
{
    return r->key.len > 0 && (uint64_t)(now - r->used) < r->life / 4 && r->room.len == room->len
           && memcmp(r->room.data, room->data, room->len) == 0;
}

bool receipt_end(struct receipt *r, struct link *l)
{
    bool sent = r->open && !r->stays && l;

    if (sent)
        link_command(l, "DEL %b", r->key.data, r->key.len);
    buf_clear(&r->key);
    r->open = false;
    return sent;
}

void receipt_acknowledge(struct receipt *r, const struct send_slot *slot)
{
    if (id_compare(slot->id, ID_LEAST) > 0)
        r->last_id = slot->id;
    r->first = r->first ? r->first : slot->line;
    r->last = slot->line;
    r->acked++;
}

void receipt_free(struct receipt *r)
{
    buf_free(&r->room);
    buf_free(&r->key);
}
