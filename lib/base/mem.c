/*
 * Heap memory and the two ways to give up: see mem.h.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define EXIT_NO_MEMORY 71

static void
no_memory(void)
{
	static const char text[] = "<2>out of memory\n";

	/* nothing can be done about a failed write while dying */
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_NO_MEMORY);
}

void *
mem_alloc(size_t n)
{
	void *p = calloc(1, n == 0 ? 1 : n);

	if (p == NULL)
		no_memory();
	return p;
}

void *
mem_array(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);

	if (p == NULL)
		no_memory();
	return p;
}

void *
mem_grow(void *p, size_t n)
{
	void *q = realloc(p, n == 0 ? 1 : n);

	if (q == NULL)
		no_memory();
	return q;
}

char *
mem_dup(const char *s)
{
	size_t n;
	char *p;

	if (s == NULL)
		return NULL;
	n = strlen(s) + 1;
	p = mem_alloc(n);
	memcpy(p, s, n);
	return p;
}

void
mem_bug(const char *file, int line, const char *text)
{
	(void)fprintf(stderr, "<2>bug at %s:%d: %s\n", file, line, text);
	abort();
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("<2>fatal: ", stderr); /* dying: no way to report */
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	_exit(1);
}
