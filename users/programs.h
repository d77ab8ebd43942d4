/*
 * Deliveries to one program behind an alias, in a process that has become the
 * user of delivery.program_user. It asks the snapshot whether an alias leads to
 * the program: local delivery, which holds no alias, can have no other run.
 *
 * The program's standard input is a file of its own with
 *
 *   From sender Sun Nov 29 06:30:00 2026      (UTC; MAILER-DAEMON: the null
 *                                              reverse-path)
 *   Return-Path: <sender>
 *   Delivered-To: recipient
 *   Received: ...
 *   the message, with line ends LF
 *
 * and its environment SENDER, RECIPIENT, LOCAL and DOMAIN (the recipient's),
 * HOME, LOGNAME, USER, PATH, SHELL and LANG=C. It runs in /, with a umask of
 * 077, in a process group of its own.
 */
#ifndef USERS_PROGRAMS_H
#define USERS_PROGRAMS_H

#include "spawn/service.h"

/* As struct service asks. */
void *programs_open(const struct service_env *env, struct why *why);
void programs_take(void *state, int fd, int watch);
size_t programs_connections(const void *state);

#endif
