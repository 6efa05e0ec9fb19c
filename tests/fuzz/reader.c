/*
 * chat-tail, whatever the server says, at every place where it says something: it ends, and what it
 * prints are the rows of whole entries, each with an ID.
 *
 * Letters: `e` ends at the end; `n` and `f` begin at the last 2 messages, or at the first; `s` and
 * `u` begin and end by the server's clock; `m` looks for rooms; `l` lists them; `g` shares them,
 * with `a` for answers (all, but every third one says that it failed) and `d` for dead ones.
 */
#include "cmd/tail.h"
#include "common/format.h"
#include "tests/fuzz/script.h"

enum { RETRY_MS = 3000 };

static const char *globs[] = {"*"};

static void set_up(struct tail_settings *set)
{
    *set = (struct tail_settings){.lines = script_has('n')   ? TAIL_LAST
                                           : script_has('f') ? TAIL_FROM
                                                             : TAIL_NEW,
        .line_count = script_has('n') ? 2 : script_has('f'),
        .to_end = script_has('e'),
        .timeout = script_has('q') ? -1 : 600000,
        .match = {globs, script_has('m') || script_has('l'), 1},
        .list = script_has('l'),
        .group = script_has('g') ? script_has('l') ? "*" : "w" : NULL,
        .consumer = "me",
        .temporary = true,
        .claim = 60000,
        .ack = script_has('a') && script_has('g') && !script_has('l'),
        .prefetch = 2,
        .format = {.kind = FORMAT_TSV}};
    if (script_has('s'))
        set->since = (struct when){.kind = WHEN_AGO, .ms = 60000};
    if (script_has('u'))
        set->until = (struct when){.kind = WHEN_AGO, .ms = 0};
    if (set->ack && script_has('d')) {
        set->tries = 2;
        set->dead = "dead";
    }
}

/* A row; `before`: the room and ID of the one before it, if its entry goes on here. */
static void check_row(struct buf *row, struct buf *before)
{
    struct entry_message m;
    struct id id;
    bool goes_on;

    PROPERTY(format_parse_tsv(row->data, row->len, &m) == NULL);
    goes_on = m.id.len > 0 && m.id.at[m.id.len - 1] == '+';
    m.id.len -= goes_on;
    PROPERTY(id_parse(m.id.at, m.id.len, &id) == 0);
    PROPERTY(
        before->len == 0
        || (before->len == m.room.len + m.id.len && memcmp(before->data, m.room.at, m.room.len) == 0
            && memcmp(before->data + m.room.len, m.id.at, m.id.len) == 0));
    buf_clear(before);
    if (goes_on) {
        buf_add(before, m.room.at, m.room.len);
        buf_add(before, m.id.at, m.id.len);
    }
}

/* Whole lines, and of rows whole entries. */
static void check_output(bool rows)
{
    struct fuzz_input out = {script_out.data, script_out.len};
    struct buf before = {0};

    PROPERTY(out.left == 0 || out.at[out.left - 1] == '\n');
    while (out.left > 0) {
        struct buf row = fuzz_field(&out, '\n');

        if (rows)
            check_row(&row, &before);
        buf_free(&row);
    }
    PROPERTY(before.len == 0);
    buf_free(&before);
}

/* The program behind: it answers to all that it was given, until it ends. */
static void answer(void)
{
    for (unsigned i = 1; i < 4; i++)
        for (unsigned seq = 0; seq < 4; seq++)
            buf_printf(&script_in, "r\t%s%u-%u\n", (i + seq) % 3 ? "" : "-", i, seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct route route;
    struct tail_settings set;
    struct tail t = {.route = &route, .retry = RETRY_MS, .print = {.set = &set}};
    struct err e = {0};
    int done = -1;

    script_begin(data, size, &route);
    set_up(&set);
    t.print.format = set.format;
    if (set.ack)
        answer();
    if (!script_has('l')) {
        tail_rooms_add(&t.rooms, "r", 1, NULL);
        tail_rooms_add(&t.rooms, "s", 1, NULL);
    }
    t.session = session_open(&route, SESSION_DEFAULT, RETRY_MS, &e);
    if (t.session) {
        progress_start(&t.print.progress, false);
        done = tail_run(&t, &e);
    }
    PROPERTY(done == 0 || e.code == EXIT_FAILED || e.code == EXIT_NO_CONNECTION
             || e.code == EXIT_REFUSED);
    check_output(!set.list);
    tail_free(&t);
    format_free(&t.print.format);
    script_end(&route, &e);
    return 0;
}
