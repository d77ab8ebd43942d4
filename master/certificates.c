/*
 * Certificates and ticket keys: see certificates.h. A change is seen by what
 * stat(2) says of the files that the names lead to, through all links, as
 * certbot's names are links; and is sent when it is the same at the next look.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/log/log.h"
#include "lib/tls/tickets.h"
#include "lib/worker/workers.h"
#include "master/certificates.h"
#include "lib/base/banned.h"

#define LOOK_S      5
#define TICKETS_S   3600
#define STAMPS_MAX  (2 * WORKER_PAIRS_MAX)
#define KEYS_BYTES  ((TLS_TICKETS_HOURS + 1) * TLS_TICKETS_KEY)
#define STATUS_CONF "5.3.5"

/* Which file it is, and of when; zero: there is none. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct stamps {
	size_t n;
	struct stamp v[STAMPS_MAX];
};

struct certificates {
	struct event *look;
	struct event *turn;
	struct stamps sent;
	struct stamps seen; /* at the last look */
	/* by role: the newest key first */
	char keys[ROLE_COUNT][KEYS_BYTES];
	size_t n_keys; /* bytes */
};

/* The files of pair i: of the two options, or an item of tls.more. */
struct pair {
	struct span certificate;
	struct span key;
};

static size_t
pairs_of(const struct conf *conf, struct pair pairs[WORKER_PAIRS_MAX])
{
	const struct conf_list *more = &conf->tls.more;
	size_t n = 0;

	if (conf->tls.certificate[0] == '\0')
		return 0;
	pairs[n++] = (struct pair){
	    span_of(conf->tls.certificate), span_of(conf->tls.key)};
	for (size_t i = 0; i < more->n && n < WORKER_PAIRS_MAX; i++) {
		struct span key = span_of(more->v[i]);
		struct span certificate = span_cut(&key, '=');

		pairs[n++] = (struct pair){certificate, key};
	}
	return n;
}

/* links are fine here: certbot's live/ is made of them */
static int
open_file(struct span path, struct why *why)
{
	char *name = span_dup(path);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		(void)why_sys(why, RC_PERM, STATUS_CONF, "tls: %s", name);
	free(name);
	return fd;
}

static enum rc
send_pairs(struct proc *p, struct why *why)
{
	struct pair pairs[WORKER_PAIRS_MAX];
	size_t n = pairs_of(p->m->conf, pairs);
	struct msg_certificate m = {
	    .count = (uint32_t)n, .certificate = -1, .key = -1};

	for (size_t i = 0; i < n; i++) {
		m.index = (uint32_t)i;
		m.certificate = open_file(pairs[i].certificate, why);
		m.key = m.certificate < 0 ? -1 : open_file(pairs[i].key, why);
		if (m.key < 0) {
			io_close(&m.certificate);
			return RC_PERM;
		}
		proto_send_certificate(p->link, &m);
		io_close(&m.certificate);
		io_close(&m.key);
	}
	return RC_OK;
}

static void
send_keys(struct proc *p)
{
	const struct certificates *c = p->m->certificates;

	proto_send_tickets(p->link,
	    &(struct msg_tickets){span_make(c->keys[p->row->role], c->n_keys)});
}

enum rc
certificates_send(struct proc *p, struct why *why)
{
	if (!p->row->tls)
		return RC_OK;
	send_keys(p);
	return send_pairs(p, why);
}

/* ---- what changes ---- */

static void
take_stamp(struct stamps *s, struct span path)
{
	char *name = span_dup(path);
	struct stat st;
	struct stamp *stamp = &s->v[s->n++];

	if (stat(name, &st) == 0) {
		stamp->dev = st.st_dev;
		stamp->ino = st.st_ino;
		stamp->size = st.st_size;
		stamp->changed = st.st_mtim;
	}
	free(name);
}

/* All bytes of it are set, so that two can be compared as they are. */
static void
take_stamps(const struct conf *conf, struct stamps *s)
{
	struct pair pairs[WORKER_PAIRS_MAX];
	size_t n = pairs_of(conf, pairs);

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < n; i++) {
		take_stamp(s, pairs[i].certificate);
		take_stamp(s, pairs[i].key);
	}
}

static bool
same(const struct stamps *a, const struct stamps *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void
send_all(struct master *m)
{
	struct proc *p;
	struct why why;

	TAILQ_FOREACH (p, &m->procs, next)
		if (p->row->tls && p->link != NULL &&
		    send_pairs(p, &why) != RC_OK)
			LOG(MASTER_ERROR, log_str(role_name(p->row->role)),
			    log_str(why.text));
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	struct certificates *c = m->certificates;
	struct stamps now;

	(void)fd;
	(void)what;
	/* one of a reload is not yet the one that counts */
	if (m->reload != NULL || m->stopping)
		return;
	take_stamps(m->conf, &now);
	if (!same(&now, &c->sent) && same(&now, &c->seen)) {
		c->sent = now;
		send_all(m);
	}
	c->seen = now;
}

/* A new key for each service; the oldest goes. */
static void
turn_keys(struct certificates *c)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		memmove(c->keys[i] + TLS_TICKETS_KEY, c->keys[i],
		    KEYS_BYTES - TLS_TICKETS_KEY);
		io_random(c->keys[i], TLS_TICKETS_KEY);
	}
	if (c->n_keys < KEYS_BYTES)
		c->n_keys += TLS_TICKETS_KEY;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	struct proc *p;

	(void)fd;
	(void)what;
	turn_keys(m->certificates);
	TAILQ_FOREACH (p, &m->procs, next)
		if (p->row->tls && p->link != NULL)
			send_keys(p);
}

static struct event *
every(struct master *m, int seconds, event_callback_fn call)
{
	struct event *ev = event_new(m->base, -1, EV_PERSIST, call, m);
	struct timeval tv = {seconds, 0};

	if (ev == NULL || event_add(ev, &tv) < 0)
		fatal("timers");
	return ev;
}

void
certificates_watch(struct master *m)
{
	struct certificates *c = mem_alloc(sizeof(*c));

	m->certificates = c;
	turn_keys(c);
	take_stamps(m->conf, &c->sent);
	c->look = every(m, LOOK_S, on_look);
	c->turn = every(m, TICKETS_S, on_turn);
}

void
certificates_free(struct master *m)
{
	struct certificates *c = m->certificates;

	m->certificates = NULL;
	if (c == NULL)
		return;
	event_free(c->look);
	event_free(c->turn);
	secret_wipe(c, sizeof(*c));
	free(c);
}
