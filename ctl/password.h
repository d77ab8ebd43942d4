/*
 * Asking for a new password.
 */
#ifndef CTL_PASSWORD_H
#define CTL_PASSWORD_H

#include <stdbool.h>

#include "lib/base/secret.h"

/*
 * Twice on the terminal without echo, or, when standard input is none, its
 * first line. Owned by the caller. False: none was given, and that has been
 * said.
 */
bool password_read(struct secret *password);

#endif
