/*
 * The file of -C: how far each room was printed, for the next start. It has a line for each room:
 * `room<TAB>ID<TAB>count`, or `room<TAB>ID` where the count is not known, escaped as by -t.
 *
 * Earlier versions wrote no counts. One reader at a time uses a file (tail_file.h).
 */
#ifndef CMD_TAIL_CURSOR_H
#define CMD_TAIL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/id.h"

/* How far a room was printed. */
struct tail_place {
    struct id id;   /* the last entry printed */
    bool counted;   /* whether `added` is known */
    uint64_t added; /* how many entries were ever added to the room, up to and including that one */
};

struct tail_cursor;

/*
 * Read the file and lock it. If there is none, the first save creates it; if `path` is a symbolic
 * link, it is the file that the link leads to. Returns what tail_cursor_close() takes; NULL with
 * EXIT_FAILED if another reader uses the file, if it cannot be used, or if it is damaged.
 */
struct tail_cursor *tail_cursor_open(const char *path, struct err *e);

/* Look up a room. Returns false, and leaves `*place` alone, if the file does not have it. */
bool tail_cursor_find(
    const struct tail_cursor *c, const char *room, size_t len, struct tail_place *place);

/*
 * Note how far a room was printed, for the next save. The name is copied. The room whose name is
 * empty is ignored: no option can name it.
 */
void tail_cursor_put(
    struct tail_cursor *c, const char *room, size_t len, const struct tail_place *place);

/*
 * When to save next, as wait_now() counts: a time in the past if nothing was saved for a while, so
 * that saving takes a small part of the time however slow the disk is. WAIT_FOREVER if there is
 * nothing to save. It is advice: tail_cursor_save() can be called at any time, as before exiting.
 */
int64_t tail_cursor_due(const struct tail_cursor *c);

/*
 * Replace the file if something changed; the lines of other rooms stay. -1 with EXIT_FAILED: the
 * file is as it was. After a power failure it is the one that was saved last, or the one before.
 */
int tail_cursor_save(struct tail_cursor *c, struct err *e);

/* Unlock the file and release all memory; does not save. NULL is fine. */
void tail_cursor_close(struct tail_cursor *c);

#endif
