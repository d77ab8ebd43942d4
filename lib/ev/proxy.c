/*
 * Connections through a proxy: see proxy.h. Octets are looked at before they
 * are taken out of the socket (MSG_PEEK), since what follows may be a TLS
 * handshake, which OpenSSL reads from there itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/network.h"
#include "lib/base/num.h"
#include "lib/ev/peer.h"
#include "lib/ev/proxy.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define V1_MAX     107 /* octets, with CRLF */
#define V2_HEAD    16
#define V2_CRC     0x03
#define TIMEOUT_MS 10000

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n"; /* 12 octets */
#define SIGNATURE 12

/* One address in its binary form, as people write it. */
static bool
put_address(struct proxy *p, int family, const void *octets)
{
	const struct in6_addr *in6 = octets;

	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6)) {
		family = AF_INET;
		octets = &in6->s6_addr[12];
	}
	return inet_ntop(family, octets, p->address, sizeof(p->address)) !=
	       NULL;
}

/* A word of version 1 that is an address of that family. */
static bool
address_word(struct span word, int family, struct in6_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	return span_copy(word, text, sizeof(text)) &&
	       inet_pton(family, text, out) == 1;
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443", without its CRLF. */
static bool
parse_v1(struct proxy *p, struct span line)
{
	struct in6_addr source, destination;
	struct span words[6];
	uint64_t port;
	int family;

	for (size_t i = 0; i < 6; i++)
		words[i] = line.p == NULL ? SPAN_NONE : span_cut(&line, ' ');
	/* what stands behind that is not to be looked at */
	if (span_eq(words[1], SPAN_LIT("UNKNOWN")))
		return true;
	if (span_eq(words[1], SPAN_LIT("TCP4")))
		family = AF_INET;
	else if (span_eq(words[1], SPAN_LIT("TCP6")))
		family = AF_INET6;
	else
		return false;
	return line.p == NULL && address_word(words[2], family, &source) &&
	       address_word(words[3], family, &destination) &&
	       num_range(words[4], 0, UINT16_MAX, &port) &&
	       num_range(words[5], 0, UINT16_MAX, &port) &&
	       put_address(p, family, &source);
}

static size_t
number16(const char *at)
{
	return (size_t)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

/* Over all, its own four octets being 0. */
static bool
crc_ok(struct proxy *p, size_t at)
{
	uint32_t told;
	char zero[4] = {0};

	memcpy(&told, p->text + at, sizeof(told));
	memcpy(p->text + at, zero, sizeof(zero));
	return ntohl(told) == enc_crc32c(0, p->text, p->n);
}

/* What stands behind the addresses. */
static bool
tlvs_ok(struct proxy *p, size_t at)
{
	while (at < p->n) {
		size_t n;

		if (p->n - at < 3)
			return false;
		n = number16(p->text + at + 1);
		if (p->n - at - 3 < n)
			return false;
		if (p->text[at] == V2_CRC && (n != 4 || !crc_ok(p, at + 3)))
			return false;
		at += 3 + n;
	}
	return true;
}

static bool
parse_v2(struct proxy *p)
{
	unsigned command = (unsigned char)p->text[12];
	unsigned family = (unsigned char)p->text[13];
	size_t n = p->n - V2_HEAD;

	/* its own health checks */
	if (command == 0x20)
		return true;
	if (command != 0x21)
		return false;
	if (family == 0x11)
		return n >= 12 && tlvs_ok(p, V2_HEAD + 12) &&
		       put_address(p, AF_INET, p->text + V2_HEAD);
	if (family == 0x21)
		return n >= 36 && tlvs_ok(p, V2_HEAD + 36) &&
		       put_address(p, AF_INET6, p->text + V2_HEAD);
	/* UDP makes no sense; UNSPEC and Unix sockets have no address */
	return family == 0x00 || family == 0x31;
}

/* All octets of version 2 are here? */
static enum proxy_state
look_v2(struct proxy *p)
{
	size_t want = V2_HEAD;

	if (p->n < want)
		return PROXY_MORE;
	want += number16(p->text + 14);
	if (want > sizeof(p->text))
		return PROXY_BAD;
	if (p->n < want)
		return PROXY_MORE;
	return parse_v2(p) ? PROXY_DONE : PROXY_BAD;
}

static enum proxy_state
look_v1(struct proxy *p)
{
	static const struct span begin = {"PROXY ", 6};
	struct span text = span_make(p->text, p->n);

	if (!span_starts(text, span_head(begin, text.n)))
		return PROXY_BAD;
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		return text.n >= 2 && text.p[text.n - 2] == '\r' &&
			       parse_v1(p, span_head(text, text.n - 2))
			   ? PROXY_DONE
			   : PROXY_BAD;
	return p->n < V1_MAX ? PROXY_MORE : PROXY_BAD;
}

size_t
proxy_take(struct proxy *p, struct span in)
{
	size_t i = 0;

	/* octet by octet: none behind the header's last may be taken */
	while (p->state == PROXY_MORE && i < in.n) {
		p->text[p->n++] = in.p[i++];
		if (p->text[0] == signature[0]) {
			size_t n = p->n < SIGNATURE ? p->n : SIGNATURE;

			p->state = memcmp(p->text, signature, n) == 0
				       ? look_v2(p)
				       : PROXY_BAD;
		} else {
			p->state = look_v1(p);
		}
	}
	return i;
}

/* ---- connections whose header is awaited ---- */

struct proxy_wait {
	TAILQ_ENTRY(proxy_wait) next;
	struct proxy_door *door;
	int fd;
	struct event *ev;
	uint64_t until_ms; /* for all of it, not from octet to octet */
	void *ctx;
	struct proxy header;
};

/* Over: fd is taken out of it, or closed. */
static void
free_wait(struct proxy_wait *w)
{
	TAILQ_REMOVE(&w->door->waits, w, next);
	w->door->n--;
	if (w->ev != NULL)
		event_free(w->ev);
	io_close(&w->fd);
	free(w);
}

static void
refuse(struct proxy_wait *w, const char *reason)
{
	struct proxy_door *door = w->door;
	char *address = peer_address(w->fd);
	void *ctx = w->ctx;

	LOG(PROXY_REFUSED, log_str(address), log_str(reason));
	free(address);
	free_wait(w);
	door->done(ctx, -1, NULL);
}

static void
welcome(struct proxy_wait *w)
{
	char address[INET6_ADDRSTRLEN];
	struct proxy_door *door = w->door;
	void *ctx = w->ctx;
	int fd = w->fd;

	(void)span_copy(span_of(w->header.address), address, sizeof(address));
	w->fd = -1;
	free_wait(w);
	door->done(ctx, fd, address[0] == '\0' ? NULL : address);
}

static void
await(struct proxy_wait *w)
{
	uint64_t now = clock_mono_ms();
	uint64_t ms = now < w->until_ms ? w->until_ms - now : 0;
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	event_add(w->ev, &tv);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_wait *w = arg;
	char text[PROXY_HEADER_MAX];
	ssize_t n;

	if ((what & EV_TIMEOUT) != 0) {
		refuse(w, "no PROXY header in time");
		return;
	}
	while (w->header.state == PROXY_MORE) {
		n = recv(fd, text, sizeof(text), MSG_PEEK);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			await(w);
			return;
		}
		if (n > 0)
			n = recv(fd, text,
			    proxy_take(&w->header, span_make(text, (size_t)n)),
			    0);
		if (n <= 0) {
			refuse(w, "closed before its PROXY header");
			return;
		}
	}
	if (w->header.state == PROXY_BAD)
		refuse(w, "no PROXY header, or a bad one");
	else
		welcome(w);
}

static bool
is_proxy(const struct proxy_door *door, int fd)
{
	char *address;
	uint8_t ip[16];
	bool is;

	if (door->n_networks == 0)
		return false;
	address = peer_address(fd);
	is = network_address(span_of(address), ip) &&
	     network_any(door->networks, door->n_networks, ip);
	free(address);
	return is;
}

void
proxy_enter(struct proxy_door *door, int fd, void *ctx)
{
	struct proxy_wait *w;

	if (!is_proxy(door, fd)) {
		door->done(ctx, fd, NULL);
		return;
	}
	w = mem_alloc(sizeof(*w));
	w->door = door;
	w->fd = fd;
	w->ctx = ctx;
	TAILQ_INSERT_TAIL(&door->waits, w, next);
	if (++door->n > door->max) {
		refuse(w, "too many connections wait for their PROXY header");
		return;
	}
	w->ev = event_new(door->base, fd, EV_READ, on_readable, w);
	if (w->ev == NULL)
		bug("event_new");
	w->until_ms = clock_mono_ms() + TIMEOUT_MS;
	await(w);
}

void
proxy_close(struct proxy_door *door)
{
	while (!TAILQ_EMPTY(&door->waits))
		free_wait(TAILQ_FIRST(&door->waits));
}
