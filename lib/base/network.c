/*
 * IP networks: see network.h.
 */
#include <arpa/inet.h>

#include "lib/base/network.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define MAPPED_BITS 96
#define CLIENT_BITS 64

static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

bool
network_address(struct span s, uint8_t out[16])
{
	char text[INET6_ADDRSTRLEN];

	if (!span_copy(s, text, sizeof(text)))
		return false;
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	memcpy(out, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, out + sizeof(mapped)) == 1;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00U >> rest);

	return memcmp(a, b, bits / 8) == 0 &&
	       (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

static bool
is_mapped(const uint8_t address[16])
{
	return same_bits(address, mapped, MAPPED_BITS);
}

/* `n` with nothing behind its bits. */
static void
cut(struct network *n)
{
	for (unsigned i = 0; i < 16; i++)
		if (i * 8 >= n->bits)
			n->address[i] = 0;
		else if (i * 8 + 8 > n->bits)
			n->address[i] &= (uint8_t)(0xff00U >> (n->bits % 8));
}

bool
network_parse(struct span s, struct network *out)
{
	size_t slash = span_find(s, '/');
	struct span host = span_head(s, slash);
	struct network whole;
	uint64_t bits;
	unsigned skip;

	if (!network_address(host, out->address))
		return false;
	out->bits = 128;
	if (slash == s.n)
		return true;
	skip = span_find(host, ':') == host.n ? MAPPED_BITS : 0;
	if (!num_u64(span_from(s, slash + 1), &bits) || bits > 128 - skip)
		return false;
	out->bits = (unsigned)bits + skip;
	whole = *out;
	cut(out);
	return memcmp(whole.address, out->address, sizeof(out->address)) == 0;
}

bool
network_has(const struct network *n, const uint8_t address[16])
{
	return same_bits(n->address, address, n->bits);
}

bool
network_any(char *const *list, size_t n, const uint8_t address[16])
{
	struct network network;

	for (size_t i = 0; i < n; i++)
		if (network_parse(span_of(list[i]), &network) &&
		    network_has(&network, address))
			return true;
	return false;
}

void
network_client(const uint8_t address[16], struct network *out)
{
	memcpy(out->address, address, sizeof(out->address));
	out->bits = is_mapped(address) ? 128 : CLIENT_BITS;
	cut(out);
}
