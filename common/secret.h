/* Reading passwords from where nobody else can read them. */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include <stdbool.h>

#include "common/err.h"

/*
 * Ask for a password on the terminal, which does not show it. If a signal ends or stops the
 * program, the terminal is restored first; a stopped program asks again when it is continued.
 * Returns a new string, or NULL with EXIT_USAGE if there is no terminal or nothing was typed.
 */
char *secret_ask(struct err *e);

/*
 * Read the first line of a file. Returns it without its newline as a new string, or NULL with
 * EXIT_USAGE if it cannot be read or is empty. With `input_is_data`, standard input is refused: a
 * line would be missing from the data, or the password would be sent with it.
 */
char *secret_from_file(const char *path, bool input_is_data, struct err *e);

#endif
