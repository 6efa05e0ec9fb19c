/* XINFO STREAM of several rooms in one request. */
#ifndef CMD_TAIL_INFO_H
#define CMD_TAIL_INFO_H

#include "cmd/tail_rooms.h"
#include "common/call.h"

/* How many rooms one request asks about at most, and how many bytes the reply may have, as
 * estimated from the last ones: reading waits for it. */
enum { TAIL_INFO_ROOMS = 100, TAIL_INFO_BYTES = 256 * 1024 };

/* Zero it, set `each` and `context`, and call tail_info_start(). */
struct tail_infos {
    struct request request;
    /* Called for each room with what XINFO says. If the server refuses that for good, `why` says
     * why (otherwise NULL), and `info` is all zero. May set the request's problem. */
    void (*each)(struct tail_infos *q, struct tail_room *room, const struct tail_info *info,
        const struct err *why);
    void *context;
    struct tail_room *rooms[TAIL_INFO_ROOMS];
    size_t n;

    /* Private: of the current reply. */
    struct tail_info info;
    struct err refused;
    char field[32];
    uint64_t bytes;
};

/* Begin with no rooms. */
void tail_info_start(struct tail_infos *q);

/* Add a room. Returns false if the request is full. */
bool tail_info_add(struct tail_infos *q, struct tail_room *room);

#endif
