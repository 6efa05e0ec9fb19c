#include "common/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

/* Colours that are readable in bold on a dark and on a light background. */
static const char *const colours[] = {
    "31", "32", "33", "34", "35", "36", "91", "92", "94", "95", "96"};

#define YEAR_10000 UINT64_C(253402300800) /* seconds since 1970 */

static const char *colour_of(struct span name)
{
    return colours[span_hash(name) % (sizeof colours / sizeof *colours)];
}

/* Make a time for JSON: in UTC, after a quote. Empty beyond the year 9999, RFC 3339's last. */
static void make_json_time(struct format *f, uint64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;
    char text[64];

    if (second < YEAR_10000 && gmtime_r(&t, &tm))
        buf_add(&f->time_text, text, strftime(text, sizeof text, "\"%Y-%m-%dT%H:%M:%S", &tm));
}

/* Make a time in the local zone and the user's format. */
static void make_time(struct format *f, uint64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;
    char text[512], zone[8];

    if (second > INT64_MAX / 1000 || localtime_r(&t, &tm) == NULL) {
        buf_printf(&f->time_text, "@%" PRIu64, second);
        return;
    }
    if (f->time) {
/* The format is the user's own, from --time. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        buf_add(&f->time_text, text, strftime(text, sizeof text, f->time, &tm));
#pragma GCC diagnostic pop
        return;
    }
    buf_add(&f->time_text, text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm));
    if (strftime(zone, sizeof zone, "%z", &tm) == 5)
        buf_printf(&f->time_text, "%.3s:%.2s", zone, zone + 3);
}

/* The text that `make` gives for a time, which is made again only when the second changes. */
static const struct buf *time_text(
    struct format *f, uint64_t ms, void (*make)(struct format *f, uint64_t second))
{
    if (f->time_text.data == NULL || ms / 1000 != f->time_second) {
        buf_clear(&f->time_text);
        buf_reserve(&f->time_text, 1);
        f->time_second = ms / 1000;
        make(f, f->time_second);
    }
    return &f->time_text;
}

void format_time(struct format *f, struct buf *to, uint64_t ms)
{
    const struct buf *text = time_text(f, ms, make_time);

    buf_add(to, text->data, text->len);
}

/* Append data as it is, or as one harmless line. */
static void add_data(struct buf *to, const struct span *data, bool raw, enum text_style style)
{
    if (raw)
        buf_add(to, data->at, data->len);
    else
        text_show(to, data->at, data->len, style);
}

/* Append a text for a terminal, in lines. All but the first are indented, so that whatever begins
 * in the first column is a message. A newline at the end adds no line. */
static void add_lines(struct buf *to, const struct span *text)
{
    const char *at = text->at, *newline;
    size_t left = text->len;

    if (left > 0 && at[left - 1] == '\n')
        left--;
    while (left > 0 && (newline = memchr(at, '\n', left)) != NULL) {
        size_t line = (size_t)(newline - at);

        text_show(to, at, line, TEXT_PLAIN);
        buf_add_text(to, "\n    ");
        at += line + 1;
        left -= line + 1;
    }
    text_show(to, at, left, TEXT_PLAIN);
}

static void add_line(struct format *f, struct buf *to, const struct entry_message *m)
{
    bool raw = f->kind == FORMAT_RAW;

    if (f->times) {
        format_time(f, to, m->key.ms);
        buf_add(to, " ", 1);
    }
    if (f->rooms) {
        add_data(to, &m->room, raw, TEXT_ROOM);
        buf_add(to, " ", 1);
    }
    buf_add(to, "[", 1);
    if (f->colour)
        buf_printf(to, "\033[1;%sm", colour_of(m->name));
    add_data(to, &m->name, raw, TEXT_NAME);
    if (f->colour)
        buf_add_text(to, "\033[0m");
    buf_add(to, "]: ", 3);
    if (f->shown && !raw)
        add_lines(to, &m->text);
    else
        add_data(to, &m->text, raw, TEXT_PLAIN);
    buf_add(to, "\n", 1);
}

static void add_tsv(struct buf *to, const struct entry_message *m)
{
    text_show_room(to, m->room.at, m->room.len);
    buf_add(to, "\t", 1);
    buf_add(to, m->id.at, m->id.len);
    buf_add(to, "\t", 1);
    text_show(to, m->name.at, m->name.len, TEXT_TSV);
    buf_add(to, "\t", 1);
    text_show(to, m->text.at, m->text.len, TEXT_TSV);
    buf_add(to, "\n", 1);
}

/* Put a `+` after the ID of the last row, which begins at `row`. */
static void mark_row(struct buf *to, size_t row)
{
    size_t at = row;

    for (int tabs = 0; tabs < 2; at++) /* no column holds a raw tab */
        tabs += to->data[at] == '\t';
    at--;
    buf_reserve(to, 1);
    memmove(to->data + at + 1, to->data + at, to->len - at);
    to->data[at] = '+';
    to->len++;
}

static void add_json_time(struct format *f, struct buf *to, uint64_t ms)
{
    const struct buf *text = time_text(f, ms, make_json_time);
    char *end;

    if (text->len == 0) {
        buf_add_text(to, "null");
        return;
    }
    buf_add(to, text->data, text->len);
    end = buf_reserve(to, 6);
    end[0] = '.';
    for (int i = 3; i > 0; i--, ms /= 10)
        end[i] = (char)('0' + ms % 10);
    end[4] = 'Z';
    end[5] = '"';
    to->len += 6;
}

/* Append what an entry's object has before its messages. */
static void begin_json(struct format *f, struct buf *to, const struct entry_message *m)
{
    buf_add_text(to, "{\"room\":");
    text_json(to, m->room.at, m->room.len);
    buf_add_text(to, ",\"id\":\"");
    buf_add(to, m->id.at, m->id.len);
    buf_add_text(to, "\",\"time\":");
    add_json_time(f, to, m->key.ms);
}

static void add_json(struct format *f, struct buf *to, const struct entry_message *m)
{
    begin_json(f, to, m);
    buf_add_text(to, ",\"name\":");
    text_json(to, m->name.at, m->name.len);
    buf_add_text(to, ",\"text\":");
    text_json(to, m->text.at, m->text.len);
    buf_add_text(to, "}\n");
}

static const char entry_end[] = "]}\n";

static void add_field(struct buf *to, const struct entry_message *m)
{
    buf_add(to, "[", 1);
    text_json(to, m->name.at, m->name.len);
    buf_add(to, ",", 1);
    text_json(to, m->text.at, m->text.len);
    buf_add(to, "]", 1);
    buf_add_text(to, entry_end);
}

static void add_entry(struct format *f, struct buf *to, const struct entry_message *m)
{
    begin_json(f, to, m);
    buf_add_text(to, ",\"fields\":[");
    add_field(to, m);
}

int format_check(const char *custom, struct err *e)
{
    size_t n;

    if (*custom == 0)
        return err_set(e, EXIT_USAGE, "the format must not be empty");
    for (const char *at = custom; *at; at += n) {
        n = strcspn(at, "%\\");
        if (n > 0)
            continue;
        n = 2;
        if (*at == '%' && (at[1] == 0 || strchr("rintTs%", at[1]) == NULL))
            return err_set(e, EXIT_USAGE,
                "unknown directive '%.2s'; use %%r %%i %%n %%t %%T "
                "%%s %%%%",
                at);
        if (*at == '\\' && text_escape(at + 1, strlen(at + 1), &n) < 0)
            return err_set(e, EXIT_USAGE,
                "unknown escape '%.2s'; use \\n \\t \\r \\0 \\\\ "
                "\\xHH",
                at);
        n += *at == '\\';
    }
    return 0;
}

bool format_shows_ids(const char *custom)
{
    for (const char *at = custom; *at; at++)
        if (*at == '%' && *++at == 'i') /* the % of %% does not begin a directive */
            return true;
    return false;
}

static void add_directive(
    struct format *f, struct buf *to, const struct entry_message *m, char directive)
{
    switch (directive) {
    case 'r': add_data(to, &m->room, !f->shown, TEXT_ROOM); break;
    case 'i': buf_add(to, m->id.at, m->id.len); break;
    case 'n': add_data(to, &m->name, !f->shown, TEXT_NAME); break;
    case 't': add_data(to, &m->text, !f->shown, TEXT_PLAIN); break;
    case 'T': format_time(f, to, m->key.ms); break;
    case 's': buf_printf(to, "%" PRIu64, m->key.ms); break;
    default: buf_add(to, "%", 1); break;
    }
}

static void add_custom(struct format *f, struct buf *to, const struct entry_message *m)
{
    size_t n;

    for (const char *at = f->custom; *at; at += n) {
        n = strcspn(at, "%\\");
        if (n > 0) {
            buf_add(to, at, n);
        } else if (*at == '%') {
            add_directive(f, to, m, at[1]);
            n = 2;
        } else {
            char byte = (char)text_escape(at + 1, strlen(at + 1), &n);

            buf_add(to, &byte, 1);
            n++;
        }
    }
}

void format_message(struct format *f, struct buf *to, const struct entry_message *m)
{
    switch (f->kind) {
    case FORMAT_PLAIN:
    case FORMAT_RAW: add_line(f, to, m); break;
    case FORMAT_TSV: add_tsv(to, m); break;
    case FORMAT_JSON: add_json(f, to, m); break;
    case FORMAT_ENTRIES: add_entry(f, to, m); break;
    case FORMAT_CUSTOM: add_custom(f, to, m); break;
    case FORMAT_NULL:
        buf_add(to, m->text.at, m->text.len);
        buf_add(to, "", 1);
        break;
    }
}

size_t format_another(struct format *f, struct buf *to, size_t row, const struct entry_message *m)
{
    if (f->kind == FORMAT_ENTRIES) {
        to->len -= strlen(entry_end);
        buf_add(to, ",", 1);
        add_field(to, m);
        return row;
    }
    if (f->kind == FORMAT_TSV)
        mark_row(to, row);
    row = to->len;
    format_message(f, to, m);
    return row;
}

bool format_keeps_entries(const struct format *f)
{
    return f->kind == FORMAT_TSV || f->kind == FORMAT_ENTRIES;
}

const char *format_parse_tsv(char *row, size_t n, struct entry_message *m)
{
    struct span *columns[] = {&m->room, &m->id, &m->name, &m->text};
    char *at = row, *end = row + n;

    for (int i = 0; i < 4; i++) {
        char *tab = at < end ? memchr(at, '\t', (size_t)(end - at)) : NULL;
        size_t len = (size_t)((tab ? tab : end) - at);

        if ((tab == NULL) != (i == 3))
            return "malformed: a row has four columns separated by tabs: room, ID, name, text";
        *columns[i] = (struct span){at, len};
        if (text_from_tsv(at, &columns[i]->len) < 0)
            return "malformed: it has an unknown escape; use \\\\ \\t \\n \\r \\0 \\xHH";
        at = tab ? tab + 1 : end;
    }
    return NULL;
}

void format_free(struct format *f)
{
    buf_free(&f->time_text);
}
