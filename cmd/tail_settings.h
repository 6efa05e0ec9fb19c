/* What chat-tail's command line asks for. */
#ifndef CMD_TAIL_SETTINGS_H
#define CMD_TAIL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/format.h"
#include "common/list.h"
#include "common/when.h"

struct string_list LIST(const char *);

struct tail_settings {
    enum { TAIL_NEW, TAIL_LAST, TAIL_FROM } lines; /* -n: none, N, +N */
    uint64_t line_count;
    struct when since, until;          /* WHEN_NONE when not given */
    bool to_end;                       /* -e */
    int64_t count;                     /* -c; 0: no limit */
    int64_t timeout;                   /* -W in ms; -1: none */
    struct string_list exclude, match; /* -x; -m, or the operands of -l: of the argument list */
    bool list;                         /* -l */
    const char *cursor_file;           /* -C, or NULL */
    const char *group;                 /* -g, or NULL */
    const char *consumer;
    bool temporary;   /* the consumer's name was made up: nobody comes back to it */
    uint64_t claim;   /* ms */
    bool ack;         /* --ack */
    int64_t prefetch; /* with --ack: entries given and not answered, at most */
    int64_t tries;    /* --tries; 0: no limit */
    const char *dead; /* --dead, or NULL */
    struct format format;
};

#endif
