/* What chat-send's own options ask for. */
#ifndef CMD_SEND_SETTINGS_H
#define CMD_SEND_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

enum send_mode { SEND_LINES, SEND_NULL, SEND_WHOLE, SEND_TSV, SEND_WORDS };

/* Strings belong to the argument list unless said otherwise. */
struct send_settings {
    enum send_mode mode;
    const char *room; /* NULL: from the rows */
    const char *name; /* NULL: from the rows */
    struct buf words; /* SEND_WORDS: the message */
    bool keep_ids, empty, tee, ids, at_least_once;
    int64_t maxlen;      /* 0: do not trim */
    uint64_t maxage;     /* ms; 0: do not trim */
    int64_t max_message; /* bytes */
    int64_t replicas;    /* how many must have a message too */
    bool prompt;         /* input is typed on a terminal */
};

#endif
