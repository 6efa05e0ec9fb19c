/*
 * Stream entries out of the replies to XREAD, XREADGROUP, XRANGE, XREVRANGE and XAUTOCLAIM. An
 * entry is an ID and a list of fields; each field is one message, its name the sender and its value
 * the text.
 */
#ifndef COMMON_ENTRY_H
#define COMMON_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/id.h"
#include "common/reply.h"
#include "common/span.h"

struct entry_message {
    struct span room; /* or the decoder's `from` */
    struct span id;   /* as the server wrote it, with a NUL behind */
    struct id key;    /* the same as numbers */
    struct span name, text;
};

/* How deep in the reply the array of entries lies. */
enum entry_reply { ENTRY_XRANGE = 0, ENTRY_XAUTOCLAIM = 1, ENTRY_XREAD = 2 };

/* What a reply holds, passed on as it comes. Zero it, then fill in the first five. */
struct entry_decoder {
    enum entry_reply reply;
    /* The room that the next entries are from, where the reply names it; or NULL. */
    void (*on_room)(void *context, const struct span *room);
    /* A message, whose bytes live only during the call; and: the entry is whole (no name, text). */
    void (*on_message)(void *context, const struct entry_message *m);
    void (*on_entry)(void *context, const struct entry_message *m);
    void *context;
    const char *about; /* what the server's errors are about, before their words; or NULL */
    struct span from;  /* the room, where the reply does not name it */

    /* Of the reply at hand; entry_begin() resets them. */
    size_t entries;     /* whole ones */
    size_t fields;      /* in them */
    size_t bytes;       /* of names and texts in them */
    struct err problem; /* EXIT_DONE unless the reply is an error (its words) or no entries */

    /* Private. */
    struct entry_message m;
    struct buf room, name;
    char id[ID_TEXT];
};

/* Expect a new reply. */
void entry_begin(struct entry_decoder *d);

/* The sink (reply.h) to read the reply with; its context is the decoder. */
void entry_item(void *decoder, const struct reply_item *item);

void entry_free(struct entry_decoder *d);

#endif
