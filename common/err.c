#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"

static enum err_level wanted = ERR_NOTICE;

int err_set(struct err *e, enum exit_code code, const char *format, ...)
{
    va_list args;

    e->code = code;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return -1;
}

void err_set_level(enum err_level level)
{
    wanted = level;
}

void err_say(enum err_level level, const char *format, ...)
{
    char text[sizeof((struct err *)0)->text];
    struct buf line = {0};
    va_list args;

    if (level > wanted)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(&line, "%s: ", program_invocation_short_name);
    text_show(&line, text, strlen(text), TEXT_PLAIN);
    buf_add(&line, "\n", 1);
    if (write(STDERR_FILENO, line.data, line.len) < 0) {
        /* Standard error is gone: there is nobody left to tell. */
    }
    buf_free(&line);
}
