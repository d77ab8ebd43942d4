/*
 * Deliveries to one program or file (lib/directory/action.h). Behind an alias:
 * in a process that has become the user of delivery.program_user, and asks the
 * snapshot whether an alias leads there. Of a user of the system: in one that
 * has become that user, and finds it in ~/.forward; where the file no longer
 * has it, the message goes into the user's mailbox. So local delivery, which
 * holds neither, can have no other run or written to.
 *
 * A path that ends with '/' is a Maildir, which is there already; any other is
 * a file in mbox format (lib/maildir/mbox.h). A program's standard input is a
 * file of its own with
 *
 *   From sender Sun Nov 29 06:30:00 2026      (UTC; MAILER-DAEMON: the null
 *                                              reverse-path)
 *   Return-Path: <sender>
 *   Delivered-To: recipient
 *   Received: ...
 *   the message, with line ends LF
 *
 * and its environment SENDER, RECIPIENT, LOCAL and DOMAIN (the recipient's),
 * HOME, LOGNAME, USER, PATH, SHELL and LANG=C. It runs in /, a user's in the
 * user's home; with a umask of 077, in a process group of its own. What stands
 * in ~/.forward and needs a shell is given to /bin/sh -c.
 */
#ifndef USERS_ACTIONS_H
#define USERS_ACTIONS_H

#include "spawn/service.h"

/* As struct service asks. */
void *actions_open(const struct service_env *env, struct why *why);
void actions_take(void *state, int fd, int watch);
size_t actions_connections(const void *state);

#endif
