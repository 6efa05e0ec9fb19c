#include "cmd/tail_list.h"

#include <inttypes.h>

#include "common/text.h"

void tail_list(struct tail *t)
{
    struct out *out = &t->print.out;

    for (size_t i = 0; i < t->rooms.n; i++) {
        const struct tail_room *room = t->rooms.all[i];

        if (room->state == TAIL_ROOM_LEFT_OUT || room->missing)
            continue;
        text_show_room(&out->buf, room->name, room->len);
        buf_printf(&out->buf, "\t%" PRIu64 "\t", room->length);
        if (room->end.ms > 0)
            format_time(&t->print.format, &out->buf, room->end.ms);
        buf_add(&out->buf, "\n", 1);
        out_commit(out);
    }
}
