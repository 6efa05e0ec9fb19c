/* Passwords from places where nobody else can read them. */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include <stdbool.h>

#include "common/err.h"

/*
 * Ask for a password on the terminal, which does not show it. Whatever signal ends or stops the
 * program, the terminal is restored first; once it is continued, it asks again. Returns a new
 * string, or NULL with EXIT_USAGE where there is no terminal or nothing was typed.
 */
char *secret_ask(struct err *e);

/*
 * The first line of a file, without its end, as a new string. NULL with EXIT_USAGE if it cannot be
 * read or is empty, or if it is standard input and `input_is_data`: the line would be missing from
 * the data, or the password sent along with it.
 */
char *secret_from_file(const char *path, bool input_is_data, struct err *e);

#endif
