/* Printing: messages become lines of standard output, an entry at a time, within the bounds of -S,
 * -U, -c and -x. */
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
    struct id since, until; /* print what comes after the first, up to the second */
    enum tail_stop stop;
    struct out out;
    struct format format;
    struct progress progress; /* counts what was printed */
    int64_t printed_at; /* wait_now() of the last output, or of when following began; 0: before */
    uint64_t printed;   /* progress.messages at that time */
};

/* What has come of an entry that is not complete. Zero it; release it with tail_entry_free(). */
struct tail_entry {
    struct buf lines;
    size_t row;                        /* where the last message begins in them */
    uint64_t messages, bytes, skipped; /* `skipped` messages are not in the others */
};

/* Whether -x hides this name. */
bool tail_print_hides(const struct tail_print *p, const struct span *name);

/* Whether the entry lies after -U or, with -e, after the end of its room. */
bool tail_print_is_past(const struct tail_print *p, const struct tail_room *room, struct id id);

/* Take a message of an entry of the room, if -x and -n want it. */
void tail_print_message(struct tail_print *p, struct tail_entry *open, struct tail_room *room,
    const struct entry_message *m);

/* The entry is complete: print it. Sets `stop` if that is enough for -c. */
void tail_print_entry(struct tail_print *p, struct tail_entry *open, struct tail_room *room);

/* The entry is not complete or not wanted: drop what came of it. */
void tail_print_void(struct tail_entry *open, struct tail_room *room);

void tail_entry_free(struct tail_entry *open);

/* Write all complete entries, as out_flush() does, and note the time for -W. */
void tail_print_flush(struct tail_print *p);

#endif
