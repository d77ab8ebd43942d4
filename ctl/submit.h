/*
 * Giving a message to smtpd over the socket for this host's own programs:
 * SMTP, waited for step by step. The kernel tells smtpd who we are.
 */
#ifndef CTL_SUBMIT_H
#define CTL_SUBMIT_H

#include "lib/base/span.h"

struct submit {
	const char *run;      /* the folder of the socket */
	const char *hostname; /* to greet with */
	struct span sender;   /* canonical; empty: the null reverse-path */
	struct span rcpts;    /* one a line */
	const char *mail;     /* MAIL's parameters, " RET=HDRS"; or "" */
	const char *rcpt;     /* each RCPT's, likewise */
	struct span data;     /* what follows DATA, to its last dot */
};

/*
 * The exit status (sysexits.h), 0 when all recipients were taken; whatever is
 * wrong has been said. EX_TEMPFAIL: nobody has the message, or (said so) it is
 * not known; also when any recipient is refused for now, so that a second try
 * doubles nothing. EX_NOUSER, EX_UNAVAILABLE: those recipients are refused
 * for good, and the others have the message.
 */
int submit_message(const struct submit *m);

#endif
