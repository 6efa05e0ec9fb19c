/* XINFO STREAM of several rooms at once: what becomes of them. */
#ifndef CMD_TAIL_INFO_H
#define CMD_TAIL_INFO_H

#include "cmd/tail_rooms.h"
#include "common/call.h"

/* How many rooms one request asks about at most, and how many bytes it may bring, going by the last
 * answers: it holds up reading. */
enum { TAIL_INFO_ROOMS = 100, TAIL_INFO_BYTES = 256 * 1024 };

/* Zero it and set the first; the kind is set by tail_info_start(). */
struct tail_infos {
    struct request request;
    /*
     * What XINFO says of a room, or why the server refuses it for good (`why`, else NULL):
     * then `info` is all zero. May set the request's problem.
     */
    void (*each)(struct tail_infos *q, struct tail_room *room, const struct tail_info *info,
        const struct err *why);
    void *context;
    struct tail_room *rooms[TAIL_INFO_ROOMS];
    size_t n;

    /* Private: of the answer at hand. */
    struct tail_info info;
    struct err refused;
    char field[32];
    uint64_t bytes;
};

/* Begin with no rooms. */
void tail_info_start(struct tail_infos *q);

/* Add a room. Returns false, and does not, when there are enough. */
bool tail_info_add(struct tail_infos *q, struct tail_room *room);

#endif
