/*
 * The files of the history: one a day (UTC), named 2026-11-26.txt, in a folder
 * of their own. Lines are added at the end and never changed. Nothing is
 * flushed. All functions block (disk), but
 * those of history_file_day*().
 */
#ifndef QMGR_HISTORY_FILE_H
#define QMGR_HISTORY_FILE_H

#include <stdint.h>

#include "lib/base/span.h"
#include "lib/base/why.h"

/* A day as a number: 20261126. They sort as days do. */
uint32_t history_file_day(uint64_t real_us);
uint32_t history_file_day_before(uint32_t day);

/* The folder, or -1 with errno; the caller's to close. */
int history_file_folder(const char *path);

/* Where lines are added: one at a time has it. */
struct history_file {
	int folder; /* borrowed */
	int fd;     /* -1: none is open */
	uint32_t day;
};

/*
 * Add lines at the end of that day's file, made where it is
 * missing. *done: how many bytes of them are there; fewer, and RC_TEMP: the
 * next call shall go on behind those. A line that somebody before us did not
 * end is ended, so that it is none.
 */
enum rc history_file_add(struct history_file *f, uint32_t day,
    struct span lines, size_t *done, struct why *why);
void history_file_close(struct history_file *f);

struct history_file_days {
	uint32_t *days; /* in their order; the caller's to free */
	size_t n;
};

/* All that are there; what has another name is not seen. */
enum rc history_file_list(
    int dir, struct history_file_days *list, struct why *why);
/* That day's, for reading; -1 with errno. The caller's to close. */
int history_file_open(int dir, uint32_t day);
/* Its length; 0 when it is not there, or not to be read. */
uint64_t history_file_size(int dir, uint32_t day);
/* RC_OK also when it has gone already. */
enum rc history_file_remove(int dir, uint32_t day, struct why *why);

#endif
