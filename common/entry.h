/*
 * Decoding stream entries from the replies to XREAD, XREADGROUP, XRANGE, XREVRANGE and XAUTOCLAIM.
 * An entry is an ID and a list of fields. Each field is one message: its name is the sender, its
 * value the text.
 */
#ifndef COMMON_ENTRY_H
#define COMMON_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/id.h"
#include "common/reply.h"

struct entry_message {
    struct span room;
    struct span id; /* as the server wrote it, followed by a NUL */
    struct id key;  /* the same as numbers */
    struct span name, text;
};

/* The kind of reply; its value is the depth of the array of entries in it. */
enum entry_reply { ENTRY_XRANGE = 0, ENTRY_XAUTOCLAIM = 1, ENTRY_XREAD = 2 };

/* Passes on entries as they come. Zero it, and set what stands before `entries`; release with
 * entry_free(). */
struct entry_decoder {
    enum entry_reply reply;
    /* The room that the next entries are from, if the reply names it. May be NULL. */
    void (*on_room)(void *context, const struct span *room);
    /* A message. Its bytes live only during the call. */
    void (*on_message)(void *context, const struct entry_message *m);
    /* The end of an entry; name and text are unspecified. */
    void (*on_entry)(void *context, const struct entry_message *m);
    void *context;
    const char *about; /* what to put before the text of the server's errors, or NULL */
    struct span from;  /* the room, if the reply does not name it */

    /* About the current reply; entry_begin() resets them. */
    size_t entries;     /* complete ones */
    size_t fields;      /* complete ones */
    size_t bytes;       /* of names and texts */
    struct err problem; /* EXIT_DONE, unless the reply is an error or does not hold entries */

    /* Private. */
    struct entry_message m;
    struct buf room, name;
    char id[ID_TEXT];
};

/* Prepare for a new reply. */
void entry_begin(struct entry_decoder *d);

/* The sink (reply.h) for the reply; its context is the decoder. */
void entry_item(void *decoder, const struct reply_item *item);

/* Release what it holds. */
void entry_free(struct entry_decoder *d);

#endif
