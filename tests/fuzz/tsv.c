/*
 * A row that is understood, printed again, is one clean line that says the same; and so is a row
 * made of any room, name and text. It still is if its entry goes on: then the ID ends in `+`.
 */
#include "common/format.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/utf8.h"

/* Read the row, which must be one, and say what `m` says, its ID followed by `plus`. */
static void check_row(char *row, size_t n, const struct entry_message *m, const char *plus)
{
    struct entry_message back = {0};
    size_t tabs = 0, marks = strlen(plus);

    PROPERTY(n > 0 && row[n - 1] == '\n');
    PROPERTY(utf8_is_clean(row, n - 1, "\t"));
    PROPERTY(n < 3 || memcmp(row, "\xef\xbb\xbf", 3) != 0);
    for (size_t i = 0; i < n; i++)
        tabs += row[i] == '\t';
    PROPERTY(tabs == 3);
    PROPERTY(format_parse_tsv(row, n - 1, &back) == NULL);
    PROPERTY(fuzz_same(back.room.at, back.room.len, m->room.at, m->room.len));
    PROPERTY(back.id.len == m->id.len + marks);
    PROPERTY(fuzz_same(back.id.at, m->id.len, m->id.at, m->id.len));
    PROPERTY(fuzz_same(back.id.at + m->id.len, marks, plus, marks));
    PROPERTY(fuzz_same(back.name.at, back.name.len, m->name.at, m->name.len));
    PROPERTY(fuzz_same(back.text.at, back.text.len, m->text.at, m->text.len));
}

/* Print the message twice, as the two rows of an entry, and read them. */
static void round_trip(const struct entry_message *m)
{
    struct format f = {.kind = FORMAT_TSV};
    struct buf rows = {0};
    size_t first;

    format_message(&f, &rows, m);
    first = format_another(&f, &rows, 0, m);
    check_row(rows.data, first, m, "+");
    check_row(rows.data + first, rows.len - first, m, "");
    format_free(&f);
    buf_free(&rows);
}

/* An ID is printed as the server wrote it: digits and a dash, whatever else stands in a row. */
static void give_id(struct entry_message *m)
{
    if (id_parse(m->id.at, m->id.len, &m->key) < 0)
        m->id = (struct span){"0-1", 3};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size}, parts = in;
    struct buf row = fuzz_field(&in, '\n');
    struct buf room = fuzz_field(&parts, '\t'), name = fuzz_field(&parts, '\t');
    struct entry_message m = {0};
    const char *wrong;

    wrong = format_parse_tsv(row.data, row.len, &m);
    PROPERTY(wrong == NULL || strncmp(wrong, "malformed: ", 11) == 0);
    if (wrong == NULL) {
        PROPERTY(m.text.at + m.text.len <= row.data + row.len);
        give_id(&m);
        round_trip(&m);
    }
    m = (struct entry_message){fuzz_bytes(&room), {NULL, 0}, {0, 0}, fuzz_bytes(&name),
        {parts.at, parts.left}};
    give_id(&m);
    round_trip(&m);
    buf_free(&row);
    buf_free(&room);
    buf_free(&name);
    return 0;
}
