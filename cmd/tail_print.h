/*
 * What is printed, and when it is enough: messages become lines of standard output, an entry at a
 * time, within the bounds of -S, -U, -c and -x.
 */
#ifndef CMD_TAIL_PRINT_H
#define CMD_TAIL_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/tail_rooms.h"
#include "cmd/tail_settings.h"
#include "common/entry.h"
#include "common/out.h"
#include "common/progress.h"

/* Why reading stopped. */
enum tail_stop { TAIL_GOES_ON, TAIL_ENDED, TAIL_TIMED_OUT, TAIL_BY_SIGNAL };

struct tail_print {
    const struct tail_settings *set;
    struct id since, until; /* what is read comes after the first, and not after the second */
    enum tail_stop stop;
    struct out out;
    struct format format;
    struct progress progress; /* counts what was printed */
    int64_t
        printed_at;   /* wait_now() of the last print, or of the start of the present; 0: before */
    uint64_t printed; /* progress.messages at that time */
};

/* What has come of an entry that is not whole yet. Zero it; tail_entry_free(). */
struct tail_entry {
    struct buf lines;
    size_t row; /* where in them the last message begins */
    uint64_t messages, bytes, skipped;
};

/* Whether -x hides this name. */
bool tail_print_hides(const struct tail_print *p, const struct span *name);

/* Whether the entry lies past what is wanted of its room. */
bool tail_print_is_past(const struct tail_print *p, const struct tail_room *room, struct id id);

/* Take a message of an entry of the room, which tail_print_void() drops again if it is past. */
void tail_print_message(struct tail_print *p, struct tail_entry *open, struct tail_room *room,
    const struct entry_message *m);

/* The entry is whole: print what came of it. Sets `stop` when that was enough. */
void tail_print_entry(struct tail_print *p, struct tail_entry *open, struct tail_room *room);

/* The entry will not become whole. */
void tail_print_void(struct tail_entry *open, struct tail_room *room);

void tail_entry_free(struct tail_entry *open);

/* Write what is whole, however long that blocks, and note when. */
void tail_print_flush(struct tail_print *p);

#endif
