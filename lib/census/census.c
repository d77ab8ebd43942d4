/*
 * Clients counted in shared memory: see census.h. A process that is hostile
 * can spoil the counts of its own service, which is no more than it could do
 * by answering badly. Nothing here trusts a value for more than a comparison.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/network.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/census/census.h"
#include "lib/base/banned.h"

/* two generations of the most processes that one service may have */
#define COLUMNS   128
#define PLACES    8192
#define PROBES    8
#define MINUTE_MS 60000
#define WHO_MAX   1024 /* bytes of key and name */

struct place {
	_Atomic uint64_t who; /* 0: nobody yet */
	_Atomic uint32_t open;
	_Atomic uint32_t minute; /* that `now` is of */
	_Atomic uint32_t now;    /* connections in that minute */
	_Atomic uint32_t before; /* and in the one before */
};

struct column {
	_Atomic int32_t owner; /* pid; 0: nobody */
	struct place places[PLACES];
};

struct table {
	uint8_t key[32];
	struct column columns[COLUMNS];
};

struct census {
	struct table *table;
	struct column *own; /* or NULL */
};

int
census_make(void)
{
	int fd =
	    memfd_create("mailstead-census", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint8_t key[32];

	if (fd < 0)
		return -1;
	/* nobody who maps it can be hurt by its becoming shorter */
	if (getrandom(key, sizeof(key), 0) != sizeof(key) ||
	    ftruncate(fd, sizeof(struct table)) < 0 ||
	    pwrite(fd, key, sizeof(key), 0) != sizeof(key) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
		0)
		io_close(&fd);
	return fd;
}

struct census *
census_open(int fd, struct why *why)
{
	struct census *c = NULL;
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0 || st.st_size != sizeof(struct table)) {
		why_set(why, RC_PERM, "5.3.5", "not the memory of a census");
	} else {
		at = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
		if (at == MAP_FAILED) {
			why_sys(why, RC_TEMP, "4.3.0", "mmap");
		} else {
			c = mem_alloc(sizeof(*c));
			c->table = at;
		}
	}
	io_close(&fd);
	return c;
}

void
census_close(struct census **c)
{
	if (*c == NULL)
		return;
	(void)munmap((*c)->table, sizeof(struct table)); /* it is mapped */
	free(*c);
	*c = NULL;
}

bool
census_join(struct census *c)
{
	for (size_t i = 0; c->own == NULL && i < COLUMNS; i++) {
		int32_t nobody = 0;

		if (atomic_compare_exchange_strong(
			&c->table->columns[i].owner, &nobody, getpid()))
			c->own = &c->table->columns[i];
	}
	return c->own != NULL;
}

void
census_bury(struct census *c, pid_t pid)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		struct column *column = &c->table->columns[i];

		if (atomic_load(&column->owner) != pid)
			continue;
		for (size_t k = 0; k < PLACES; k++) {
			atomic_store(&column->places[k].open, 0);
			atomic_store(&column->places[k].who, 0);
		}
		atomic_store(&column->owner, 0);
	}
}

/* Their bytes behind the key: an address has 16, a login a letter before. */
static bool
put_who(struct buf *b, const struct census_who *who)
{
	struct network client;
	uint8_t ip[16];

	if (who->kind == CENSUS_LOGIN)
		return who->text.n > 0 && buf_putc(b, 'l') &&
		       buf_put_span(b, who->text);
	if (!network_address(who->text, ip))
		return false;
	network_client(ip, &client);
	return buf_putc(b, 'a') && buf_put(b, client.address, 16);
}

/* Never 0. What is neither address nor login has no hash: 0. */
static uint64_t
hash(const struct census *c, const struct census_who *who)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	uint64_t h = 0;
	struct buf b;

	buf_init(&b, WHO_MAX);
	if (buf_put(&b, c->table->key, sizeof(c->table->key)) &&
	    put_who(&b, who) &&
	    EVP_Digest(b.p, b.n, sum, &n, EVP_sha256(), NULL) == 1) {
		memcpy(&h, sum, sizeof(h));
		h += h == 0;
	}
	buf_fini(&b);
	return h;
}

static struct place *
look_up(struct column *column, uint64_t who)
{
	for (uint64_t i = 0; i < PROBES; i++) {
		struct place *p = &column->places[(who + i) % PLACES];

		if (atomic_load(&p->who) == who)
			return p;
	}
	return NULL;
}

/* A place of one's own for a newcomer: where nobody is whose past matters. */
static struct place *
settle(struct column *column, uint64_t who, uint32_t minute)
{
	struct place *best = NULL;

	for (uint64_t i = 0; i < PROBES; i++) {
		struct place *p = &column->places[(who + i) % PLACES];

		if (atomic_load(&p->open) > 0)
			continue;
		if (best == NULL || atomic_load(&p->who) == 0 ||
		    atomic_load(&p->minute) < atomic_load(&best->minute))
			best = p;
		if (atomic_load(&best->who) == 0)
			break;
	}
	if (best == NULL)
		return NULL;
	/* readers know nobody by this hash until all is there */
	atomic_store(&best->who, 0);
	atomic_store(&best->minute, minute);
	atomic_store(&best->now, 0);
	atomic_store(&best->before, 0);
	atomic_store(&best->who, who);
	return best;
}

/* Into the minute that it is now. */
static void
turn(struct place *p, uint32_t minute)
{
	uint32_t then = atomic_load(&p->minute);

	if (then == minute)
		return;
	atomic_store(&p->before, then + 1 == minute ? atomic_load(&p->now) : 0);
	atomic_store(&p->now, 0);
	atomic_store(&p->minute, minute);
}

struct count {
	uint64_t open;
	uint64_t recent; /* in thousandths */
};

/* The last 60 s: of the minute before as much as is not yet over. */
static void
add(const struct place *p, uint64_t now_ms, struct count *sum)
{
	uint32_t minute = (uint32_t)(now_ms / MINUTE_MS);
	uint32_t then = atomic_load(&p->minute);
	uint64_t left = (MINUTE_MS - now_ms % MINUTE_MS) / (MINUTE_MS / 1000);
	uint64_t now = atomic_load(&p->now), before = atomic_load(&p->before);

	sum->open += atomic_load(&p->open);
	if (then == minute)
		sum->recent += now * 1000 + before * left;
	else if (then + 1 == minute)
		sum->recent += now * left;
}

static struct count
count(struct census *c, uint64_t who, uint64_t now_ms)
{
	struct count sum = {0, 0};

	for (size_t i = 0; i < COLUMNS; i++) {
		struct column *column = &c->table->columns[i];
		const struct place *p;

		/* else reading would have the kernel make its pages */
		if (atomic_load(&column->owner) == 0)
			continue;
		p = look_up(column, who);
		if (p != NULL)
			add(p, now_ms, &sum);
	}
	return sum;
}

enum census_answer
census_enter(struct census *c, const struct census_limits *limits,
    const struct census_who *client, uint64_t now_ms, uint32_t *ticket)
{
	uint64_t who = c->own == NULL ? 0 : hash(c, client);
	uint32_t minute = (uint32_t)(now_ms / MINUTE_MS);
	struct count sum;
	struct place *p;

	*ticket = 0;
	if (who == 0)
		return CENSUS_WELCOME;
	sum = count(c, who, now_ms);
	if (limits->sessions > 0 && sum.open >= limits->sessions)
		return CENSUS_TOO_MANY;
	if (limits->rate > 0 && sum.recent >= limits->rate * 1000)
		return CENSUS_TOO_OFTEN;
	p = look_up(c->own, who);
	if (p == NULL)
		p = settle(c->own, who, minute);
	if (p == NULL)
		return CENSUS_WELCOME;
	turn(p, minute);
	atomic_fetch_add(&p->now, 1);
	atomic_fetch_add(&p->open, 1);
	*ticket = (uint32_t)(p - c->own->places) + 1;
	return CENSUS_WELCOME;
}

void
census_leave(struct census *c, uint32_t ticket)
{
	if (ticket > 0)
		atomic_fetch_sub(&c->own->places[ticket - 1].open, 1);
}
