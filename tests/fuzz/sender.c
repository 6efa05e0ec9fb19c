/*
 * chat-send, whatever the server says, at every place where it says something: it ends; what it
 * prints are lines of its input, in order, or IDs of no more messages; and if it succeeds, of all.
 *
 * Letters: `i` prints IDs; `k` takes rows and keeps their IDs; `r` takes rows of several rooms;
 * `l` sends at least once; `w` waits for a replica; `m` and `a` trim.
 */
#include "cmd/send.h"
#include "tests/fuzz/script.h"

enum { RETRY_MS = 3000 };

static const char lines[] = "one\ntwo\nthree\n";
static const char rows[] =
    "r\t1-1\tjhon\tone\ns\t1-2\tjhon\ttwo\nr\t2-1+\tjhon\tthree\nr\t2-1\tmarry\tthree\n"
    "r\t3-0\tjhon\tfour\n";

static void set_up(struct send_settings *set)
{
    bool tsv = script_has('k') || script_has('r');

    *set = (struct send_settings){.mode = tsv ? SEND_TSV : SEND_LINES,
        .room = tsv ? NULL : "r",
        .name = tsv ? NULL : "jhon",
        .keep_ids = script_has('k'),
        .ids = script_has('i'),
        .tee = !script_has('i'),
        .at_least_once = script_has('l') && !script_has('k'),
        .maxlen = script_has('m') ? 10 : 0,
        .maxage = script_has('a') ? 1000 : 0,
        .max_message = 1024,
        .replicas = script_has('w')};
    buf_add_text(&script_in, tsv ? rows : lines);
}

/* Each line is an ID, or empty where the server did not say it. Returns how many there are. */
static size_t check_ids(void)
{
    struct fuzz_input out = {script_out.data, script_out.len};
    size_t n = 0;
    struct id id;

    for (; out.left > 0; n++) {
        struct buf line = fuzz_field(&out, '\n');

        PROPERTY(line.len == 0 || strcmp(line.data, "-") == 0
                 || id_parse(line.data, line.len, &id) == 0);
        buf_free(&line);
    }
    return n;
}

/* Each line is one of the input, in its order; others may have failed in between. */
static void check_copies(void)
{
    struct fuzz_input out = {script_out.data, script_out.len};
    struct fuzz_input in = {script_in.data, script_in.len};

    while (out.left > 0) {
        struct buf line = fuzz_field(&out, '\n'), one = fuzz_field(&in, '\n');

        while (in.left > 0 && strcmp(line.data, one.data) != 0) {
            buf_free(&one);
            one = fuzz_field(&in, '\n');
        }
        PROPERTY(strcmp(line.data, one.data) == 0);
        buf_free(&line);
        buf_free(&one);
    }
}

static void check(const struct send_settings *set, int done, const struct err *e)
{
    size_t n = 0;

    PROPERTY((done == 0) == (e->code == EXIT_DONE));
    PROPERTY(done == 0 || e->code == EXIT_FAILED || e->code == EXIT_NO_CONNECTION
             || e->code == EXIT_REFUSED);
    for (size_t i = 0; i < script_in.len; i++)
        n += script_in.data[i] == '\n';
    /* Two rows are one entry with -k. */
    PROPERTY(done < 0 || script_said() >= n - set->keep_ids);
    if (set->ids) {
        PROPERTY(check_ids() <= n);
        PROPERTY(done < 0 || check_ids() == n);
        return;
    }
    check_copies();
    PROPERTY(done < 0 || script_out.len == script_in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct route route;
    struct send_settings set;
    struct sender s = {.set = &set};
    struct err e = {0};
    int done = -1;

    script_begin(data, size, &route);
    set_up(&set);
    s.session = session_open(&route, SESSION_DEFAULT, RETRY_MS, &e);
    if (s.session) {
        s.delivery = delivery_new(&set, s.session, RETRY_MS, &s.out, &s.progress);
        input_start(&s.input, &set);
        progress_start(&s.progress, false);
        done = send_run(&s, &e);
    }
    if (!script_has('q'))
        check(&set, done, &e);
    send_free(&s);
    session_close(s.session);
    script_end(&route, &e);
    return 0;
}
