/*
 * The floor: what is left of a mail server when nothing remains but to copy
 * each message and to flush it.
 *
 *   floor local|relay FOLDER [name=value ...]
 *
 *   messages=4000   how many
 *   threads=16      at a time
 *   size=4096       octets of a message
 *   folders=100     local: they go to FOLDER/0, FOLDER/1, ... in turn
 *
 * local: a message comes out of a socket and becomes a file in its folder:
 * written out, named, flushed once. relay: the file is read and sent into
 * another socket as well, and removed without a flush. Order of writing and
 * naming are the suite's (docs/design.md, "Durable order"). No connection is
 * made and nothing is parsed. It puts what it reads into the sockets itself:
 * one copy more than a server's. What it prints is one line of JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/base/span.h"
#include "lib/base/banned.h"

#define PIECE 4096U

static struct {
	bool relay;
	int folder;
	uint64_t messages, threads, size, folders;
	atomic_uint_fast64_t next;
} f = {.messages = 4000, .threads = 16, .size = 4096, .folders = 100};

struct hand {
	int in[2], out[2]; /* socket pairs */
	char *bytes;
};

static void
must(bool ok, const char *what)
{
	if (!ok)
		fatal("%s: %s", what, strerrorname_np(errno));
}

/* Through a socket, in pieces that it takes without a reader. */
static void
pass(const int pair[2], char *bytes)
{
	size_t n, got = 0;
	ssize_t r;

	for (uint64_t at = 0; at < f.size; at += n) {
		n = f.size - at < PIECE ? (size_t)(f.size - at) : PIECE;
		must(io_write_all(pair[0], bytes + at, n), "write");
		for (got = 0; got < n; got += (size_t)r) {
			r = read(pair[1], bytes + at + got, n - got);
			must(r > 0, "read");
		}
	}
}

/* A durable file of the message: its descriptor. */
static int
keep(const struct hand *h, const char *name)
{
	char self[40];
	int fd = openat(f.folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	must(fd >= 0, "O_TMPFILE");
	must(io_write_all(fd, h->bytes, f.size), "write");
	must(sync_file_range(fd, 0, 0,
		 SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		     SYNC_FILE_RANGE_WAIT_AFTER) == 0,
	    "sync_file_range");
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd); /* fits */
	must(linkat(AT_FDCWD, self, f.folder, name, AT_SYMLINK_FOLLOW) == 0,
	    "linkat");
	must(fsync(fd) == 0, "fsync");
	return fd;
}

static void *
work(void *arg)
{
	struct hand h;
	char name[48];
	uint64_t n;
	size_t got;
	int fd;

	(void)arg;
	h.bytes = mem_alloc(f.size);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, h.in) == 0 &&
		 socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, h.out) == 0,
	    "socketpair");
	while ((n = atomic_fetch_add(&f.next, 1)) < f.messages) {
		(void)snprintf(name, sizeof(name), "%llu/%llu",
		    (unsigned long long)(n % f.folders),
		    (unsigned long long)n); /* 41 at most, and a NUL */
		pass(h.in, h.bytes);
		fd = keep(&h, name);
		if (f.relay) {
			must(io_pread_all(fd, h.bytes, f.size, 0, &got) &&
				 got == f.size,
			    "pread");
			pass(h.out, h.bytes);
			must(unlinkat(f.folder, name, 0) == 0, "unlink");
		}
		io_close(&fd);
	}
	for (int i = 0; i < 2; i++) {
		io_close(&h.in[i]);
		io_close(&h.out[i]);
	}
	free(h.bytes);
	return NULL;
}

static double
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
option(struct span word)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {{"messages", &f.messages}, {"threads", &f.threads},
	    {"size", &f.size}, {"folders", &f.folders}};
	struct span name = span_cut(&word, '=');

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (span_eq(name, span_of(numbers[i].name)) &&
		    num_range(word, 1, UINT32_MAX, numbers[i].value))
			return;
	fatal("not an option: " SPAN_FMT, SPAN_ARG(name));
}

static void
make_folders(const char *top)
{
	char name[24];

	f.folder = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(f.folder >= 0, top);
	for (uint64_t i = 0; i < f.folders; i++) {
		(void)snprintf(name, sizeof(name), "%llu",
		    (unsigned long long)i); /* fits */
		must(mkdirat(f.folder, name, 0700) == 0, name);
	}
}

int
main(int argc, char **argv)
{
	pthread_t *threads;
	struct rusage use;
	double began;

	if (argc < 3)
		fatal("expected: floor local|relay FOLDER [name=value ...]");
	f.relay = span_eq(span_of(argv[1]), SPAN_LIT("relay"));
	for (int i = 3; i < argc; i++)
		option(span_of(argv[i]));
	make_folders(argv[2]);
	threads = mem_array(f.threads, sizeof(*threads));
	began = now_ms();
	for (uint64_t i = 0; i < f.threads; i++)
		must(pthread_create(&threads[i], NULL, work, NULL) == 0,
		    "pthread_create");
	for (uint64_t i = 0; i < f.threads; i++)
		must(pthread_join(threads[i], NULL) == 0, "pthread_join");
	began = now_ms() - began;
	must(getrusage(RUSAGE_SELF, &use) == 0, "getrusage");
	(void)printf("{\"ms\": %.1f, \"cpu_ms\": %.1f}\n", began,
	    (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3);
	free(threads);
	return fflush(stdout) != 0;
}
