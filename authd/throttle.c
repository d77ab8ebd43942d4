/*
 * Slowing down who guesses passwords: see throttle.h. Places are chosen by a
 * keyed digest: nobody can aim at another's.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "authd/digest.h"
#include "authd/throttle.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define ROWS 2048
#define WAYS 4

struct slot {
	uint64_t tag;
	uint64_t last_ms;
	unsigned failures; /* 0: free */
};

struct throttle {
	struct digest_key key;
	struct slot slots[ROWS][WAYS];
};

struct throttle *
throttle_new(void)
{
	struct throttle *t = mem_alloc(sizeof(*t));

	digest_key_new(&t->key);
	return t;
}

void
throttle_free(struct throttle **t)
{
	free(*t);
	*t = NULL;
}

static bool
is_old(const struct slot *s, uint64_t now_ms)
{
	return s->failures == 0 || now_ms - s->last_ms > THROTTLE_FORGET_MS;
}

static struct slot *
find(struct throttle *t, uint64_t tag, uint64_t now_ms)
{
	struct slot *row = t->slots[tag % ROWS], *oldest = row;

	for (size_t i = 0; i < WAYS; i++) {
		if (row[i].failures > 0 && row[i].tag == tag) {
			oldest = &row[i];
			break;
		}
		if (row[i].failures == 0 ||
		    (oldest->failures > 0 && row[i].last_ms < oldest->last_ms))
			oldest = &row[i];
	}
	if (oldest->tag != tag || is_old(oldest, now_ms))
		*oldest = (struct slot){.tag = tag};
	return oldest;
}

/* Count; how many there were before. */
static unsigned
count(struct throttle *t, struct span kind, struct span who, uint64_t now_ms)
{
	struct digest d =
	    digest_of(&t->key, (const struct span[]){kind, who}, 2);
	struct slot *s = find(t, digest_tag(&d), now_ms);

	s->last_ms = now_ms;
	return s->failures++;
}

static struct span
client_key(struct span client, struct in6_addr *a)
{
	static const unsigned char mapped[12] = {
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	char text[INET6_ADDRSTRLEN];

	if (!span_copy(client, text, sizeof(text)) ||
	    inet_pton(AF_INET6, text, a) != 1 ||
	    memcmp(a, mapped, sizeof(mapped)) == 0)
		return span_head(client, INET6_ADDRSTRLEN);
	return span_make(a, 8);
}

uint64_t
throttle_failed(
    struct throttle *t, struct span client, struct span login, uint64_t now_ms)
{
	struct in6_addr a;
	unsigned by_client =
	    count(t, SPAN_LIT("client"), client_key(client, &a), now_ms);
	unsigned by_login = count(t, SPAN_LIT("login"), login, now_ms);
	unsigned n = by_client > by_login ? by_client : by_login;
	uint64_t ms = THROTTLE_FIRST_MS;

	while (n-- > 0 && ms < THROTTLE_MAX_MS)
		ms *= 2;
	return ms;
}
