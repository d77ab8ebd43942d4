/*
 * Heap memory. Exhaustion ends the worker: master restarts it, and nothing
 * that was promised lives in memory only.
 */
#ifndef LIB_BASE_MEM_H
#define LIB_BASE_MEM_H

#include <stddef.h>

/* Never NULL; zeroed; n may be 0. Release with free(). */
void *mem_alloc(size_t n) __attribute__((malloc));
/* n * size, checked for overflow; zeroed. */
void *mem_array(size_t n, size_t size) __attribute__((malloc));
/* As realloc(), never NULL; new bytes are not zeroed. */
void *mem_grow(void *p, size_t n);
/* NUL-terminated copy, owned by the caller; NULL stays NULL. */
char *mem_dup(const char *s);

/*
 * A broken invariant of our own, never input: says where and aborts.
 */
#define bug(text) mem_bug(__FILE__, __LINE__, text)
void mem_bug(const char *file, int line, const char *text)
    __attribute__((noreturn));

/* Start-up failure, before the worker reports ready: text to stderr, exit 1. */
void fatal(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

#endif
