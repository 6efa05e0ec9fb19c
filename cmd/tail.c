#include "cmd/tail.h"

#include <unistd.h>

#include "cmd/tail_follow.h"
#include "cmd/tail_group.h"
#include "cmd/tail_groups.h"
#include "cmd/tail_list.h"
#include "cmd/tail_replay.h"
#include "cmd/tail_scan.h"
#include "cmd/tail_start.h"
#include "cmd/tail_wait.h"
#include "common/wait.h"

/* Find out where to begin in each room. */
static int locate(struct tail *t, struct err *e)
{
    int done = tail_start_locate(t, e);

    return done == 1 && !t->print.set->list ? tail_start_search(t, e) : done;
}

/* The phases that come before the last one. Returns as tail_call(). */
static int prepare(struct tail *t, struct err *e)
{
    const struct tail_settings *set = t->print.set;
    int done = tail_start_bounds(t, e);

    if (done == 1 && set->match.n > 0)
        done = tail_scan_all(t, e);
    if (done == 1 && set->group && set->list)
        return tail_groups(t, e);
    if (done != 1 || set->group)
        return done;
    done = locate(t, e);
    if (done != 1 || set->list)
        return done;
    tail_wait_flush(t, true);
    return tail_replay(t, e);
}

/* Report rooms that do not exist yet, to a person who may have mistyped a name. */
static void report_awaited(struct tail *t)
{
    enum { SAID = 3 };
    const struct tail_room *missing[SAID];
    size_t n = 0;

    if (!isatty(STDERR_FILENO))
        return;
    for (size_t i = 0; i < t->rooms.n; i++)
        if (t->rooms.all[i]->missing && !t->rooms.all[i]->matched) {
            if (n < SAID)
                missing[n] = t->rooms.all[i];
            n++;
        }
    tail_wait_flush(t, false); /* show what was printed first */
    for (size_t i = 0; i < n && i < SAID; i++)
        err_say(
            ERR_NOTICE, "%.64s: no such room yet; waiting for its first message", missing[i]->name);
    if (n > SAID)
        err_say(ERR_NOTICE, "%zu more rooms do not exist yet", n - SAID);
}

static int run_phases(struct tail *t, struct err *e)
{
    const struct tail_settings *set = t->print.set;
    int done = prepare(t, e);

    if (done != 1)
        return done;
    if (set->group && !set->list)
        return tail_group(t, e);
    if (set->list && !set->group)
        tail_list(t);
    else if (!set->list && !set->to_end && t->print.stop == TAIL_GOES_ON) {
        report_awaited(t);
        return tail_follow(t, e);
    }
    if (t->print.stop == TAIL_GOES_ON)
        t->print.stop = TAIL_ENDED;
    return 0;
}

int tail_run(struct tail *t, struct err *e)
{
    int done;

    wait_arm();
    if (session_in_cluster(t->session))
        session_keep_links(t->session);
    done = run_phases(t, e);
    tail_wait_flush(t, true);
    if (done < 0 || t->print.out.failure.code == EXIT_DONE)
        return done < 0 ? -1 : 0;
    *e = t->print.out.failure;
    return -1;
}

void tail_free(struct tail *t)
{
    session_close(t->session);
    tail_rooms_free(&t->rooms);
    buf_free(&t->fds);
    list_free(&t->unsaved);
    out_free(&t->print.out);
}
