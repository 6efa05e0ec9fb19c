/*
 * Whatever the program behind says: its lines are the same however they are cut, and what is made
 * of a room and an ID is read as such.
 */
#include "cmd/tail_answers.h"
#include "common/text.h"
#include "tests/fuzz/fuzz.h"

struct seen {
    struct buf text;
    size_t lines;
};

static void note_id(struct buf *to, const struct tail_answered_id *a)
{
    if (a->found)
        buf_printf(to, "%llu-%llu %d%d,", (unsigned long long)a->id.ms,
            (unsigned long long)a->id.seq, a->failed, a->goes_on);
}

static void note(void *context, const struct tail_answer *a)
{
    struct seen *seen = context;

    note_id(&seen->text, &a->first);
    note_id(&seen->text, &a->second);
    if (a->second.found)
        buf_add(&seen->text, a->room.at, a->room.len);
    seen->lines++;
}

static struct seen feed(const uint8_t *data, size_t size, size_t piece)
{
    struct tail_answers s = {0};
    struct seen seen = {0};

    for (size_t at = 0; at < size; at += piece)
        tail_answers_feed(
            &s, (const char *)data + at, piece < size - at ? piece : size - at, note, &seen);
    tail_answers_free(&s);
    return seen;
}

/* The input is a room's name. */
static void check_room(const uint8_t *data, size_t size)
{
    struct buf line = {0};
    struct tail_answer a;

    text_show_room(&line, (const char *)data, size);
    buf_add_text(&line, "\t-5-6\tname\ttext");
    tail_answer_parse(line.data, line.len, &a);
    PROPERTY(a.second.found && a.second.failed && !a.second.goes_on);
    PROPERTY(a.second.id.ms == 5 && a.second.id.seq == 6);
    PROPERTY(fuzz_same(a.room.at, a.room.len, (const char *)data, size));
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = feed(data, size, size + 1), cut = feed(data, size, 1 + size % 7);
    size_t newlines = 0;

    for (size_t i = 0; i < size; i++)
        newlines += data[i] == '\n';
    PROPERTY(whole.lines == newlines && cut.lines == newlines);
    PROPERTY(fuzz_same(whole.text.data, whole.text.len, cut.text.data, cut.text.len));
    buf_free(&whole.text);
    buf_free(&cut.text);
    check_room(data, size);
    return 0;
}
