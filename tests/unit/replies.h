/* A decoder fed by hand: replies as the server's bytes go in, a log of what was told comes out. */
#ifndef TESTS_UNIT_REPLIES_H
#define TESTS_UNIT_REPLIES_H

#include <hiredis/hiredis.h>

#include "common/entry.h"
#include "common/text.h"

struct replies {
    redisReader *reader;
    struct reply_target target;
    struct entry_decoder decoder;
    struct buf log;
    size_t entries, fields, bytes; /* of all replies */
    bool within;                   /* a part of a reply has come */
};

static inline void replies_word(struct buf *log, const struct span *word)
{
    text_show(log, word->at, word->len, TEXT_TSV);
    buf_add(log, " ", 1);
}

static inline void replies_on_message(void *context, const struct entry_message *m)
{
    struct buf *log = context;

    replies_word(log, &m->room);
    replies_word(log, &m->id);
    replies_word(log, &m->name);
    text_show(log, m->text.at, m->text.len, TEXT_TSV);
    buf_add(log, "\n", 1);
}

static inline void replies_on_entry(void *context, const struct entry_message *m)
{
    char id[ID_TEXT];

    id_print(id, m->key);
    buf_printf(context, "%s ends\n", id);
}

static inline void replies_open(struct replies *r, enum entry_reply kind)
{
    *r = (struct replies){.decoder = {.reply = kind, .on_message = replies_on_message,
                              .on_entry = replies_on_entry}};
    r->decoder.context = &r->log;
    r->reader = redisReaderCreateWithFunctions(NULL);
    reply_attach(r->reader, &r->target);
}

/* Feed a part, and log the replies that have become whole. -1 once the bytes were no RESP. */
static inline int replies_feed(struct replies *r, const char *bytes, size_t n)
{
    const struct err *problem = &r->decoder.problem;
    int told;

    redisReaderFeed(r->reader, bytes, n);
    do {
        if (!r->within)
            entry_begin(&r->decoder);
        told = reply_next(r->reader, entry_item, &r->decoder);
        r->within = told == 0;
        if (told > 0 && problem->code != EXIT_DONE)
            buf_printf(&r->log, "problem %d: %s\n", (int)problem->code, problem->text);
        else if (told > 0)
            buf_printf(&r->log, "%zu entries\n", r->decoder.entries);
        else if (told < 0)
            buf_printf(&r->log, "no reply: %s\n", r->reader->errstr);
        if (told > 0) {
            r->entries += r->decoder.entries;
            r->fields += r->decoder.fields;
            r->bytes += r->decoder.bytes;
        }
    } while (told > 0);
    return told;
}

static inline void replies_close(struct replies *r)
{
    redisReaderFree(r->reader);
    entry_free(&r->decoder);
    buf_free(&r->log);
}

#endif
