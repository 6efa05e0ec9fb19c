/*
 * A row that is understood, printed again, is one clean line that says the same; and so is a row
 * made of any room, name and text.
 */
#include "common/format.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/utf8.h"

/* Print the message and read the row; both must agree, and the row be a row. */
static void round_trip(const struct entry_message *m)
{
    struct format f = {.kind = FORMAT_TSV};
    struct entry_message back = {0};
    struct buf row = {0};
    size_t tabs = 0;

    format_message(&f, &row, m);
    PROPERTY(row.len > 0 && row.data[row.len - 1] == '\n');
    PROPERTY(utf8_is_clean(row.data, row.len - 1, "\t"));
    PROPERTY(row.len < 3 || memcmp(row.data, "\xef\xbb\xbf", 3) != 0);
    for (size_t i = 0; i < row.len; i++)
        tabs += row.data[i] == '\t';
    PROPERTY(tabs == 3);
    PROPERTY(format_parse_tsv(row.data, row.len - 1, &back) == NULL);
    PROPERTY(fuzz_same(back.room.at, back.room.len, m->room.at, m->room.len));
    PROPERTY(fuzz_same(back.id.at, back.id.len, m->id.at, m->id.len));
    PROPERTY(fuzz_same(back.name.at, back.name.len, m->name.at, m->name.len));
    PROPERTY(fuzz_same(back.text.at, back.text.len, m->text.at, m->text.len));
    format_free(&f);
    buf_free(&row);
}

/* An ID is printed as the server wrote it: digits and a dash, whatever else stands in a row. */
static void give_id(struct entry_message *m)
{
    if (id_parse(m->id.at, m->id.len, &m->key) < 0)
        m->id = (struct entry_bytes){"0-1", 3};
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
