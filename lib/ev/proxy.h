/*
 * The header that a proxy puts before a connection: the PROXY protocol,
 * versions 1 and 2, as HAProxy's proxy-protocol.txt describes them. Only what
 * the client's address is counts here; what stands behind the addresses (TLVs)
 * is passed over, but a checksum in it has to be right.
 */
#ifndef LIB_EV_PROXY_H
#define LIB_EV_PROXY_H

#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "lib/base/span.h"

#define PROXY_HEADER_MAX 2048 /* octets, with all TLVs */

enum proxy_state {
	PROXY_MORE, /* it is not whole yet */
	PROXY_DONE,
	PROXY_BAD, /* there is none, or it makes no sense */
};

/* A header being read; zero before the first octets. Pure, fuzzed. */
struct proxy {
	enum proxy_state state;
	size_t n;
	char text[PROXY_HEADER_MAX];
	/* PROXY_DONE: as inet_ntop(3) writes it, IPv4 mapped to IPv6 as IPv4.
	 * Empty: the proxy speaks for itself, or does not know. */
	char address[INET6_ADDRSTRLEN];
};

/* How many of these octets belong to the header: all, but of the last. */
size_t proxy_take(struct proxy *p, struct span in);

/* ---- connections whose header is awaited ---- */

struct proxy_door;
/*
 * fd is the callee's: `address` as above, borrowed, NULL for the peer's own.
 * fd -1: a connection of the door has ended without a header, and that has
 * been logged; nothing is to do but to look whether all is over.
 */
typedef void proxy_done(void *ctx, int fd, const char *address);

struct proxy_door {
	struct event_base *base;
	char *const *networks; /* of the proxies: for network_any() */
	size_t n_networks;
	proxy_done *done;
	unsigned n; /* connections that wait */
	unsigned max;
	TAILQ_HEAD(proxy_waits, proxy_wait) waits;
};

/*
 * A new connection (fd taken): from one of the proxies its header is awaited,
 * for ten seconds; from anybody else `done` is called at once.
 */
void proxy_enter(struct proxy_door *door, int fd, void *ctx);
/* Close all that wait. */
void proxy_close(struct proxy_door *door);

#endif
