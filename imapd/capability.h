/*
 * What is announced (RFC 3501 7.2.1), before log-in by the front and after it
 * by front and session: one table. Pure.
 */
#ifndef IMAPD_CAPABILITY_H
#define IMAPD_CAPABILITY_H

#include "lib/base/buf.h"

/* Bits: when a capability is announced. */
enum capability {
	CAPABILITY_FRONT = 1,    /* before log-in */
	CAPABILITY_TLS = 2,      /* STARTTLS is offered and not active yet */
	CAPABILITY_NO_LOGIN = 4, /* no password is taken on this connection */
	CAPABILITY_SESSION = 8,  /* after log-in */
};

/* Append the names that hold for any of the bits, a space between them. */
void capability_put(struct buf *b, unsigned when);

#endif
