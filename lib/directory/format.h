/*
 * What is in a snapshot. Private to lib/directory: compile.c writes it,
 * directory.c reads it. One key space; the first byte of a key says what it
 * is. Local parts in keys are in lower case, domains are so anyway.
 *
 *   v                       DIRECTORY_VERSION
 *   f                       the first local domain
 *   p                       the postmaster's address, when there is one
 *   d example.org           a local domain
 *   a joe@example.org       an account: its login as it was written
 *   l joe@example.org       an alias: targets, LF between
 *   b joe                   the same for every local domain; a target without
 *                           '@' is at the domain that was asked for
 *   h example.org           a domain at which users of the system have a
 * mailbox u joe                   such a user c example.org           who gets
 * what nobody else does there
 *
 * (without the space). Behind the last page nothing follows.
 */
#ifndef LIB_DIRECTORY_FORMAT_H
#define LIB_DIRECTORY_FORMAT_H

#define DIRECTORY_VERSION "mailstead directory 2"
#define DIRECTORY_KEY_MAX 511 /* of LMDB */

#endif
