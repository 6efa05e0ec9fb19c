#include "common/err.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"

/* How much of a text is kept before a hint, to leave room for the hint and what is added later. */
enum { LONGEST_HINTED = 320 };

static enum err_level wanted = ERR_NOTICE;
static bool line_open;
static struct screen screen;

int err_set(struct err *e, enum exit_code code, const char *format, ...)
{
    va_list args;

    e->code = code;
    e->kind = ERR_FINAL;
    e->hinted = false;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return -1;
}

int err_needs(struct err *e, const char *value, const char *format, ...)
{
    char needed[sizeof e->text / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(needed, sizeof needed, format, args);
    va_end(args);
    if (strstr(value, "://"))
        return err_set(e, EXIT_USAGE, "needs %s; for a URI use -u", needed);
    return err_set(e, EXIT_USAGE, "needs %s, not '%s'", needed, value);
}

void err_add(struct err *e, const char *format, ...)
{
    size_t n = strlen(e->text);
    va_list args;

    va_start(args, format);
    vsnprintf(e->text + n, sizeof e->text - n, format, args);
    va_end(args);
}

void err_hint(struct err *e, const char *hint)
{
    if (e->hinted)
        return;
    e->text[LONGEST_HINTED] = 0;
    err_add(e, "; %s", hint);
    e->hinted = true;
}

void err_set_level(enum err_level level)
{
    wanted = level;
}

void err_set_screen(enum screen_when when)
{
    screen_start(&screen, STDERR_FILENO, when);
}

bool err_is_above(void)
{
    return screen_is_on(&screen);
}

void err_write(const char *bytes, size_t n)
{
    struct pollfd ready = {STDERR_FILENO, POLLOUT, 0};

    while (n > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, n);

        if (written >= 0) {
            bytes += written;
            n -= (size_t)written;
        } else if (errno == EAGAIN) { /* another process made the descriptor non-blocking */
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return; /* standard error is closed: nobody can be told */
        }
    }
}

static void say_above(const struct buf *line)
{
    for (size_t at = 0; at < line->len;) {
        at += screen_show(&screen, line->data + at, line->len - at);
        err_write(screen.frame.data, screen.frame.len);
    }
}

void err_say(enum err_level level, const char *format, ...)
{
    char text[sizeof((struct err *)0)->text];
    bool above = err_is_above();
    struct buf line = {0};
    va_list args;

    if (level > wanted)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(&line, "%s%s: ", line_open && !above ? "\n" : "", program_invocation_short_name);
    text_show(&line, text, strlen(text), TEXT_PLAIN);
    buf_add(&line, "\n", 1);
    if (above)
        say_above(&line);
    else
        err_write(line.data, line.len);
    line_open = line_open && above;
    buf_free(&line);
}

void err_line_begun(void)
{
    line_open = true;
}

bool err_line_open(void)
{
    return line_open;
}

void err_line_ended(void)
{
    line_open = false;
}

void err_line_end(void)
{
    if (line_open)
        err_write("\n", 1);
    err_line_ended();
}
