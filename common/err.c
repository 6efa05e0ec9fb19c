#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"

static const char *program = "chat";
static enum err_level level = ERR_NORMAL;

int err_set(struct err *e, enum exit_code code, const char *format, ...)
{
    va_list args;

    e->code = code;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return -1;
}

void err_program(const char *name)
{
    program = name;
}

void err_set_level(enum err_level new_level)
{
    level = new_level;
}

enum err_level err_get_level(void)
{
    return level;
}

static void say(const char *text)
{
    struct buf line = {0};

    buf_add(&line, program, strlen(program));
    buf_add(&line, ": ", 2);
    text_show(&line, text, strlen(text), TEXT_PLAIN);
    buf_add(&line, "\n", 1);
    if (write(STDERR_FILENO, line.data, line.len) < 0) {
        /* Standard error is gone: there is nobody left to tell. */
    }
    buf_free(&line);
}

static void say_formatted(const char *format, va_list args)
{
    char text[sizeof((struct err *)0)->text];

    vsnprintf(text, sizeof text, format, args);
    say(text);
}

void err_print(const struct err *e)
{
    say(e->text);
}

void err_notice(const char *format, ...)
{
    va_list args;

    if (level < ERR_NORMAL)
        return;
    va_start(args, format);
    say_formatted(format, args);
    va_end(args);
}

void err_detail(const char *format, ...)
{
    va_list args;

    if (level < ERR_VERBOSE)
        return;
    va_start(args, format);
    say_formatted(format, args);
    va_end(args);
}

void err_no_memory(void)
{
    static const char text[] = ": out of memory\n";

    if (write(STDERR_FILENO, program, strlen(program)) < 0 || write(STDERR_FILENO, text, sizeof text - 1) < 0) {
        /* As in say(). */
    }
    _exit(EXIT_FAILED);
}
