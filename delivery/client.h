/*
 * One connection to an SMTP server, as its client: the dialogue from the
 * banner to QUIT, message after message. What becomes of each recipient is
 * written into the message; where to connect to, and what to do when it fails,
 * is the owner's.
 *
 * A recipient is done for only with the 250 behind the dot. While the dot has
 * not been given to the kernel the server cannot have taken the message, so
 * it may be brought elsewhere; afterwards not, until the queue tries again.
 */
#ifndef DELIVERY_CLIENT_H
#define DELIVERY_CLIENT_H

#include <event2/event.h>
#include <sys/socket.h>

#include "delivery/client_body.h"
#include "lib/addr/by.h"
#include "lib/base/secret.h"
#include "lib/proto/proto.h"
#include "lib/tls/client.h"

struct client;

#define CLIENT_TLS_MAX 160

/* What becomes of a recipient. */
struct client_rcpt {
	uint32_t number;
	char *address;
	uint8_t notify; /* RFC 3461 4.1 */
	char *orcpt;    /* RFC 3461 4.2; NULL: none */
	enum client_rcpt_state {
		CLIENT_RCPT_TODO,
		CLIENT_RCPT_ACCEPTED, /* in this transaction */
		CLIENT_RCPT_LATER,    /* too many for it: in the next one */
		CLIENT_RCPT_DONE,     /* what follows is its outcome */
	} state;
	enum rc rc;
	bool site;
	bool dsn; /* sent to a server that was told what notices are wanted */
	bool by;  /* and until when it is wanted */
	char status[WHY_STATUS_MAX];
	char text[WHY_TEXT_MAX];
	char host[384];
	char tls[CLIENT_TLS_MAX];
	char reply[512];
};

struct client_mail {
	const char *sender;
	uint8_t ret;       /* RFC 3461 4.3 */
	const char *envid; /* RFC 3461 4.4; NULL: none */
	bool utf8;         /* RFC 6531: it came with SMTPUTF8 */
	int priority;      /* RFC 6710 */
	bool require_tls;  /* RFC 8689 */
	struct addr_by by; /* RFC 2852 */
	bool looked;       /* at what stands in it: */
	bool eight_header; /* octets beyond ASCII in its header */
	bool eight_body;   /* and behind it */
	uint64_t size;     /* as it goes to this server */
	struct client_body *body;
	size_t n;
	struct client_rcpt *v;
};

/* Release what a recipient owns. */
void client_rcpt_fini(struct client_rcpt *r);
/* Every recipient that is not done for ends so. */
void client_mail_end(
    struct client_mail *m, const struct why *why, bool site, const char *host);
/* Are all done for? */
bool client_mail_done(const struct client_mail *m);

/* What all connections share; borrowed for their life. */
struct client_env {
	struct event_base *base;
	const char *hostname; /* for EHLO */
	SSL_CTX *tls;
	uint64_t connect_ms;
	uint64_t wait_max_ms; /* no wait is longer */
};

/* Where to, and how. Copied; the secret is borrowed for the client's life. */
struct client_target {
	struct sockaddr_storage address;
	socklen_t address_len;
	const char *shown;  /* "mx.example[192.0.2.1]" */
	enum relay_tls tls; /* NONE, MAY, ENCRYPT, VERIFY, IMPLICIT */
	struct sockaddr_storage source; /* to go out from */
	socklen_t source_len;           /* 0: any */
	struct tls_client_peer peer; /* if it is to be TLS; borrowed until the
					handshake is through */
	const char *clear;           /* with NONE: why; copied */
	bool trusted; /* its name did not come from who can forge it */
	bool require; /* RFC 8689: it must be verified, and offer REQUIRETLS */
	bool lmtp;    /* RFC 2033 */
	const char *login; /* "": none */
	const struct secret *password;
};

enum client_end {
	CLIENT_SENT,   /* each recipient is done for; the connection is idle */
	CLIENT_FAILED, /* the connection is over; some may not be done for */
	CLIENT_STALE,  /* the same, of one that had been idle: it was too old */
};

struct client_ops {
	/* `why` of CLIENT_FAILED: the host's trouble. May free the client. */
	void (*on_end)(void *ctx, enum client_end end, const struct why *why);
};

/* Connects; client_send() says what for. */
struct client *client_new(const struct client_env *env,
    const struct client_target *target, const struct client_ops *ops,
    void *ctx);
/* Closes at once; accepts NULL inside. */
void client_free(struct client **c);
/* Take up a message (borrowed until on_end), once, or again behind SENT. */
void client_send(struct client *c, struct client_mail *m);
/* May it take another message? */
bool client_reusable(const struct client *c);
/* What a failed connection died of, where that makes a difference. */
enum client_trouble {
	CLIENT_TROUBLE_ANY,
	CLIENT_TROUBLE_TLS,   /* STARTTLS, offered or not, or handshake */
	CLIENT_TROUBLE_NEED,  /* no REQUIRETLS, where it is required */
	CLIENT_TROUBLE_LOGIN, /* refused: another try would be, too */
};
enum client_trouble client_trouble(const struct client *c);
/* May this stop now, without a message perhaps being taken? */
bool client_before_dot(const struct client *c);
/* Say QUIT and free the client when that is done. Idle ones only. */
void client_quit(struct client **c);

#endif
