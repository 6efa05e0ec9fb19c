#include "common/progress.h"

#include <errno.h>
#include <inttypes.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/wait.h"

enum { EVERY_MS = 1000 };

void progress_start(struct progress *p, bool on)
{
    *p = (struct progress){.started = wait_now(), .on = on};
    p->shown = p->started;
}

int64_t progress_due(const struct progress *p)
{
    return p->on ? p->shown + EVERY_MS : WAIT_FOREVER;
}

/* Show the line. While somebody types on the terminal, show only the last state, as a notice. */
static void show(struct progress *p, uint64_t messages, int64_t ms, bool last)
{
    uint64_t rate = ms > 0 ? messages * 1000 / (uint64_t)ms : 0;
    const char *plural = p->messages == 1 ? "" : "s";
    struct buf line = {0};

    if (err_is_above()) {
        err_line_ended();
        if (last)
            err_say(ERR_ALWAYS, "%" PRIu64 " message%s, %" PRIu64 "/s", p->messages, plural, rate);
        return;
    }
    err_line_begun();
    /* The spaces cover the end of a longer line. */
    buf_printf(&line, "\r%s: %" PRIu64 " message%s, %" PRIu64 "/s   ",
        program_invocation_short_name, p->messages, plural, rate);
    err_write(line.data, line.len);
    buf_free(&line);
}

void progress_show(struct progress *p)
{
    int64_t now = wait_now();

    if (now < progress_due(p))
        return;
    show(p, p->messages - p->messages_shown, now - p->shown, false);
    p->shown = now;
    p->messages_shown = p->messages;
}

void progress_end(struct progress *p)
{
    int64_t ms = wait_now() - p->started;

    if (p->on) {
        show(p, p->messages, ms, true);
        err_line_end();
    }
    err_say(ERR_DETAIL, "%" PRIu64 " message%s, %" PRIu64 " bytes, %.1f s", p->messages,
        p->messages == 1 ? "" : "s", p->bytes, (double)ms / 1000);
}
