/*
 * A temporary place for the sandbox tests: outside/ (none of the worker's),
 * inside/ (its own, mode 0777), jail/ (for chroot).
 */
#ifndef TESTS_UNIT_LIB_SANDBOX_PLACE_H
#define TESTS_UNIT_LIB_SANDBOX_PLACE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_UID 61234
#define PLACE_GID 61234

struct place {
	char top[64];
	char outside[80];
	char inside[80];
	char jail[80];
};

static inline bool
place_folder(char *path, size_t size, const char *top, const char *name)
{
	(void)snprintf(path, size, "%s/%s", top, name);
	return mkdir(path, 0755) == 0;
}

static inline bool
place_make(struct place *p)
{
	(void)snprintf(p->top, sizeof(p->top), "/tmp/sandbox.XXXXXX");
	return mkdtemp(p->top) != NULL && chmod(p->top, 0755) == 0 &&
	       place_folder(
		   p->outside, sizeof(p->outside), p->top, "outside") &&
	       place_folder(p->inside, sizeof(p->inside), p->top, "inside") &&
	       chmod(p->inside, 0777) == 0 &&
	       place_folder(p->jail, sizeof(p->jail), p->top, "jail");
}

static inline int
place_remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
place_remove(const struct place *p)
{
	(void)nftw(p->top, place_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
