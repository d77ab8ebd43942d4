/*
 * What is in a snapshot. Private to lib/directory: compile.c writes it,
 * directory.c reads it. One key space; the first byte of a key says what it
 * is. Local parts in keys are in lower case, domains are so anyway.
 *
 *   v                       DIRECTORY_VERSION
 *   f                       the first local domain
 *   s                       what may stand between user and detail
 *   p                       the postmaster's address, when there is one
 *   d example.org           a local domain, or one that stands for it: then
 *                           the local one is the value
 *   a joe@example.org       an account: its login as it was written
 *   l joe@example.org       an alias: targets, LF between; an account or alias
 *                           without a value cannot be told for a mistake
 *   b joe                   the same for every local domain; a target without
 *                           '@' is at the domain that was asked for
 *   h example.org           there users of the system have mailboxes
 *   u joe                   such a user
 *   c example.org           who gets what nobody else does there
 *   r example.net           a domain of other hosts, whose mail is taken; "*":
 *                           whoever it is for
 *   w example.net           the same by the list of recipients
 *   m joe@example.net       an address at one of them
 *   y                       an address in that list cannot be read
 *   g joe@example.org       whose owners may send as this address, too: as in
 *                           l; also with @example.org, joe and *
 *   k |/usr/bin/program     an alias leads to that program (or /file)
 *   x                       there is an account or alias whose name cannot be
 *                           told for a mistake
 *
 * (without the space). Behind the last page nothing follows.
 */
#ifndef LIB_DIRECTORY_FORMAT_H
#define LIB_DIRECTORY_FORMAT_H

#define DIRECTORY_VERSION "mailstead directory 5"
#define DIRECTORY_KEY_MAX 511 /* of LMDB */

#endif
