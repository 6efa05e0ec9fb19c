/*
 * The file of -C: how far each room was read, as lines `room<TAB>ID`, for the next start. It is
 * replaced as a whole, so that it is never half written, and locked while it is in use.
 */
#ifndef CMD_TAIL_CURSOR_H
#define CMD_TAIL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/id.h"

struct tail_cursor;

/*
 * Read the file and lock it, if there is one; else the first save makes it. Returns it for
 * tail_cursor_close(); NULL with EXIT_FAILED if another reader has it, if it cannot be used, or if
 * it is damaged.
 */
struct tail_cursor *tail_cursor_open(const char *path, struct err *e);

/* Where the room was read up to. False if the file does not say. */
bool tail_cursor_find(struct tail_cursor *c, const char *room, size_t len, struct id *id);

/* Say how far a room was read. */
void tail_cursor_put(struct tail_cursor *c, const char *room, size_t len, struct id id);

/* Replace the file, if something was put that it does not say. -1 with EXIT_FAILED. */
int tail_cursor_save(struct tail_cursor *c, struct err *e);

/* Unlock and release; NULL is fine. */
void tail_cursor_close(struct tail_cursor *c);

#endif
