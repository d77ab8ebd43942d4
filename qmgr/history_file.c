/*
 * The files of the history: see history_file.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "qmgr/history_file.h"
#include "lib/base/banned.h"

#define NAME_LEN 14 /* "2026-11-26.txt" */

/* what the reader takes for no line of ours, whatever stands before it */
#define TORN "%torn\n"

struct name {
	char text[NAME_LEN + 8]; /* a number that is no day is longer */
};

static struct name
name_of(uint32_t day)
{
	struct name name;

	(void)snprintf(name.text, sizeof(name.text), "%04u-%02u-%02u.txt",
	    day / 10000, day / 100 % 100, day % 100); /* fits */
	return name;
}

uint32_t
history_file_day(uint64_t real_us)
{
	time_t t = (time_t)(real_us / 1000000);
	struct tm tm;

	gmtime_r(&t, &tm);
	return (uint32_t)(tm.tm_year + 1900) * 10000 +
	       (uint32_t)(tm.tm_mon + 1) * 100 + (uint32_t)tm.tm_mday;
}

uint32_t
history_file_day_before(uint32_t day)
{
	struct tm tm = {.tm_year = (int)(day / 10000) - 1900,
	    .tm_mon = (int)(day / 100 % 100) - 1,
	    .tm_mday = (int)(day % 100)};
	time_t t = timegm(&tm);

	return t < 86400 ? 0
			 : history_file_day((uint64_t)(t - 86400) * 1000000);
}

int
history_file_folder(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- adding ---- */

void
history_file_close(struct history_file *f)
{
	io_close(&f->fd);
}

/* Is it still the one of that name? An administrator may have moved it. */
static bool
is_there(const struct history_file *f)
{
	struct stat mine, named;

	return fstat(f->fd, &mine) == 0 &&
	       fstatat(f->folder, name_of(f->day).text, &named,
		   AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

static enum rc
end_torn_line(const struct history_file *f, struct why *why)
{
	struct stat st;
	char last = '\n';
	size_t got;

	if (fstat(f->fd, &st) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "history");
	if (!S_ISREG(st.st_mode))
		return why_set(
		    why, RC_TEMP, "4.3.0", "history: not a regular file");
	if (st.st_size > 0 &&
	    !io_pread_all(f->fd, &last, 1, st.st_size - 1, &got))
		return why_sys(why, RC_TEMP, "4.3.0", "history");
	if (last != '\n' && !io_write_all(f->fd, TORN, sizeof(TORN) - 1))
		return why_sys(why, RC_TEMP, "4.3.0", "history");
	return RC_OK;
}

static enum rc
open_day(struct history_file *f, uint32_t day, struct why *why)
{
	enum rc rc;

	if (f->fd >= 0 && f->day == day && is_there(f))
		return RC_OK;
	history_file_close(f);
	f->day = day;
	f->fd = openat(f->folder, name_of(day).text,
	    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		O_CLOEXEC,
	    0600);
	if (f->fd < 0)
		return why_sys(
		    why, RC_TEMP, "4.3.0", "history %s", name_of(day).text);
	rc = end_torn_line(f, why);
	if (rc != RC_OK)
		history_file_close(f);
	return rc;
}

enum rc
history_file_add(struct history_file *f, uint32_t day, struct span lines,
    size_t *done, struct why *why)
{
	enum rc rc = open_day(f, day, why);

	*done = 0;
	while (rc == RC_OK && *done < lines.n) {
		ssize_t n = write(f->fd, lines.p + *done, lines.n - *done);

		if (n > 0)
			*done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			rc = why_sys(why, RC_TEMP, "4.3.0", "history %s",
			    name_of(day).text);
	}
	return rc;
}

/* ---- what is there ---- */

/* "2026-11-26.txt"; a day that no calendar has is no name of ours. */
static bool
day_of(struct span name, uint32_t *day)
{
	uint64_t y, m, d;
	struct name again;

	if (name.n != NAME_LEN || !num_u64_padded(span_head(name, 4), &y) ||
	    !num_u64_padded(span_head(span_from(name, 5), 2), &m) ||
	    !num_u64_padded(span_head(span_from(name, 8), 2), &d) || m == 0 ||
	    m > 12 || d == 0 || d > 31)
		return false;
	*day = (uint32_t)(y * 10000 + m * 100 + d);
	again = name_of(*day);
	return span_eq(span_of(again.text), name);
}

static int
by_day(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

enum rc
history_file_list(int dir, struct history_file_days *list, struct why *why)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	uint32_t day;

	*list = (struct history_file_days){.n = 0};
	if (d == NULL) {
		io_close(&fd);
		return why_sys(why, RC_TEMP, "4.3.0", "history folder");
	}
	while ((de = readdir(d)) != NULL) {
		if (!day_of(span_of(de->d_name), &day))
			continue;
		if (list->n % 64 == 0)
			list->days = mem_grow(
			    list->days, (list->n + 64) * sizeof(*list->days));
		list->days[list->n++] = day;
	}
	(void)closedir(d); /* only read from */
	if (list->n > 0)
		qsort(list->days, list->n, sizeof(*list->days), by_day);
	return RC_OK;
}

int
history_file_open(int dir, uint32_t day)
{
	return io_open_read(dir, name_of(day).text);
}

uint64_t
history_file_size(int dir, uint32_t day)
{
	struct stat st;

	if (fstatat(dir, name_of(day).text, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_size;
}

enum rc
history_file_remove(int dir, uint32_t day, struct why *why)
{
	if (unlinkat(dir, name_of(day).text, 0) < 0 && errno != ENOENT)
		return why_sys(
		    why, RC_TEMP, "4.3.0", "history %s", name_of(day).text);
	return RC_OK;
}
