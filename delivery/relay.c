/*
 * Jobs and connections: see relay.h. A job has at most one connection, a
 * connection at most one job. Jobs wait where a next hop has connections
 * enough; whenever one is free or gone they are looked at again.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "delivery/relay.h"
#include "delivery/relay_hop.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

/* addresses tried for one job */
#define TRIES_MAX 10

/* Which connections serve which jobs. */
struct key {
	char *next_hop;
	bool mx;
	uint16_t port;
	enum relay_tls tls;
	char *login;
	struct secret password;
};

struct relay_conn {
	TAILQ_ENTRY(relay_conn) next;
	struct relay_desk *desk;
	struct key key;
	struct client *client;
	struct relay_job *job; /* NULL: idle */
	struct event *timer;   /* of an idle one */
	char shown[384];
};

struct relay_job {
	TAILQ_ENTRY(relay_job) next;
	struct relay_desk *desk;
	uint64_t number; /* on the link it came by */
	char *qid;
	char *sender;
	struct key key;
	struct client_mail mail;
	size_t room; /* of mail.v */
	uint64_t start_ms;
	bool waiting; /* for a connection to be free */
	uint64_t ask; /* the question at the resolver; 0: none */
	struct event *timer;
	struct relay_hops *hops;
	size_t at; /* the hop in use */
	unsigned tries;
	bool clear;      /* TLS has failed at this hop */
	struct why last; /* the last hop's trouble */
	struct relay_conn *conn;
};

/* ---- keys ---- */

static bool
key_eq(const struct key *a, const struct key *b)
{
	return a->mx == b->mx && a->port == b->port && a->tls == b->tls &&
	       span_eq_ci(span_of(a->next_hop), span_of(b->next_hop)) &&
	       strcmp(a->login, b->login) == 0 &&
	       secret_eq(span_make(a->password.p, a->password.n),
		   span_make(b->password.p, b->password.n));
}

static struct key
key_copy(const struct key *k)
{
	struct key copy = *k;

	copy.next_hop = mem_dup(k->next_hop);
	copy.login = mem_dup(k->login);
	copy.password = secret_of(span_make(k->password.p, k->password.n));
	return copy;
}

static void
key_fini(struct key *k)
{
	free(k->next_hop);
	free(k->login);
	secret_fini(&k->password);
}

/* ---- jobs ---- */

static void
job_free(struct relay_job *j)
{
	for (size_t i = 0; i < j->mail.n; i++)
		free(j->mail.v[i].address);
	free(j->mail.v);
	client_body_free(&j->mail.body);
	key_fini(&j->key);
	if (j->timer != NULL)
		event_free(j->timer);
	free(j->hops);
	free(j->qid);
	free(j->sender);
	free(j);
}

static void
log_rcpt(const struct relay_job *j, const struct client_rcpt *r)
{
	LOG(RELAY_OUTCOME, log_str(j->qid), log_num(r->number),
	    log_str(r->address), log_str(why_rc_name(r->rc)),
	    log_str(r->status), log_str(r->text), log_str(r->host),
	    log_str(r->reply), log_num(clock_mono_ms() - j->start_ms));
}

/* False: the link takes no more; its next one hears of all of them. */
static bool
tell(const struct relay_job *j)
{
	bool told = j->desk->qmgr != NULL;

	for (size_t i = 0; told && i < j->mail.n; i++) {
		const struct client_rcpt *r = &j->mail.v[i];

		told = proto_send_relayed(
		    j->desk->qmgr, &(struct msg_relayed){.job = j->number,
				       .qid = span_of(j->qid),
				       .rcpt = r->number,
				       .rc = (uint8_t)r->rc,
				       .site = r->site,
				       .status = span_of(r->status),
				       .text = span_of(r->text),
				       .host = span_of(r->host),
				       .reply = span_of(r->reply)});
	}
	return told;
}

/* Its outcomes were told: successes are kept, to be told again. */
static void
keep(struct relay_job *j)
{
	struct relay_desk *desk = j->desk;
	struct client_mail *m = &j->mail;
	size_t n = 0;

	/* another outcome is over with the attempt: told again it would be
	 * taken for that of a later one */
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].rc == RC_OK)
			m->v[n++] = m->v[i];
		else
			free(m->v[i].address);
	}
	m->n = n;
	if (n == 0) {
		job_free(j);
		return;
	}
	client_body_free(&m->body);
	key_fini(&j->key);
	j->key = (struct key){0};
	TAILQ_INSERT_TAIL(&desk->told, j, next);
	desk->n_told += n;
	while (desk->n_told > RELAY_AGAIN_MAX) {
		j = TAILQ_FIRST(&desk->told);
		TAILQ_REMOVE(&desk->told, j, next);
		desk->n_told -= j->mail.n;
		job_free(j);
	}
}

/* All recipients have their outcome. The job may be gone behind it. */
static void
job_end(struct relay_job *j)
{
	static const struct why none = {RC_TEMP, "4.3.0", "no outcome"};
	struct relay_desk *desk = j->desk;

	/* sent is only what somebody has said so of */
	client_mail_end(&j->mail, &none, false, "");
	for (size_t i = 0; i < j->mail.n; i++) {
		log_rcpt(j, &j->mail.v[i]);
		if (j->mail.v[i].rc == RC_OK)
			desk->sent++;
		else
			desk->failed++;
	}
	TAILQ_REMOVE(&desk->jobs, j, next);
	/* it may be ended while it asks */
	j->ask = 0;
	if (j->timer != NULL)
		event_del(j->timer);
	if (tell(j))
		keep(j);
	else
		TAILQ_INSERT_TAIL(&desk->ended, j, next);
	desk->on_end(desk->ctx);
}

static void
job_fail(struct relay_job *j, const struct why *why, bool site)
{
	client_mail_end(&j->mail, why, site, "");
	job_end(j);
}

/* Jobs may wait for what has just become free. */
static void
pump(struct relay_desk *desk)
{
	event_active(desk->pump, EV_TIMEOUT, 0);
}

/* ---- connections ---- */

static void
conn_free(struct relay_conn *conn)
{
	struct relay_desk *desk = conn->desk;

	TAILQ_REMOVE(&desk->conns, conn, next);
	client_free(&conn->client);
	event_free(conn->timer);
	key_fini(&conn->key);
	free(conn);
	pump(desk);
}

/* Idle for too long, or not wanted: an orderly end, which needs no owner. */
static void
conn_quit(struct relay_conn *conn)
{
	client_quit(&conn->client);
	conn_free(conn);
}

static void
on_idle_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_quit(arg);
}

static void
conn_idle(struct relay_conn *conn)
{
	const struct relay_desk *desk = conn->desk;
	struct timeval tv = {(time_t)(desk->reuse_ms / 1000),
	    (int)(desk->reuse_ms % 1000) * 1000};

	conn->job = NULL;
	if (!client_reusable(conn->client) || desk->reuse_ms == 0 ||
	    desk->stopping) {
		conn_quit(conn);
		return;
	}
	event_add(conn->timer, &tv);
	pump(conn->desk);
}

static void try_hop(struct relay_job *j);

/* The hop in use is of no use: the next one, or the end. */
static void
next_hop(struct relay_job *j)
{
	j->at++;
	j->clear = false;
	if (j->at < j->hops->n && j->tries < TRIES_MAX && !j->desk->stopping)
		try_hop(j);
	else
		job_fail(j, &j->last, true);
}

/* ---- the end of an attempt ---- */

static void
failed(struct relay_job *j, enum client_trouble trouble, const struct why *why)
{
	j->last = *why;
	if (client_mail_done(&j->mail))
		job_end(j);
	else if (trouble == CLIENT_TROUBLE_TLS && !j->clear &&
		 j->key.tls == RELAY_TLS_MAY) {
		/* any certificate will do, and none as well: anew, since
		 * nobody knows what the broken connection is in the midst of */
		j->clear = true;
		try_hop(j);
	} else if (trouble == CLIENT_TROUBLE_LOGIN)
		job_fail(j, why, true);
	else
		next_hop(j);
}

static void go(struct relay_job *j);

static void
on_client_end(void *ctx, enum client_end end, const struct why *why)
{
	struct relay_conn *conn = ctx;
	struct relay_job *j = conn->job;
	enum client_trouble trouble = client_trouble(conn->client);
	struct why copy = {0};

	if (why != NULL)
		copy = *why;
	if (j != NULL)
		j->conn = NULL;
	if (end == CLIENT_SENT)
		conn_idle(conn);
	else
		conn_free(conn);
	if (j == NULL)
		return;
	switch (end) {
	case CLIENT_SENT:
		job_end(j);
		break;
	case CLIENT_STALE:
		go(j);
		break;
	case CLIENT_FAILED:
		failed(j, trouble, &copy);
		break;
	}
}

static const struct client_ops client_ops = {.on_end = on_client_end};

/* "mx.example[192.0.2.1]" */
static void
show(const struct relay_hop *hop, char *to, size_t room)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(hop->n == 4 ? AF_INET : AF_INET6, hop->address, text,
	    sizeof(text)); /* it is an address, and fits */
	if (hop->host[0] == '[')
		(void)snprintf(to, room, "[%s]", text); /* fits */
	else
		(void)snprintf(to, room, "%s[%s]", hop->host, text); /* fits */
}

static void
try_hop(struct relay_job *j)
{
	const struct relay_hop *hop = &j->hops->v[j->at];
	struct relay_desk *desk = j->desk;
	struct relay_conn *conn = mem_alloc(sizeof(*conn));
	struct client_target target = {
	    .tls_host = hop->host[0] == '[' ? NULL : hop->host,
	    .tls = j->key.tls,
	    .clear = j->clear};

	j->tries++;
	conn->desk = desk;
	conn->key = key_copy(&j->key);
	conn->job = j;
	conn->timer = evtimer_new(desk->env.base, on_idle_timer, conn);
	if (conn->timer == NULL)
		bug("evtimer_new");
	show(hop, conn->shown, sizeof(conn->shown));
	target.shown = conn->shown;
	target.login = conn->key.login;
	target.password = &conn->key.password;
	target.address_len =
	    relay_hop_address(hop, j->key.port, &target.address);
	TAILQ_INSERT_TAIL(&desk->conns, conn, next);
	conn->client = client_new(&desk->env, &target, &client_ops, conn);
	j->conn = conn;
	client_send(conn->client, &j->mail);
}

/* ---- finding hosts ---- */

static void
resolved(struct relay_job *j)
{
	const char *self = j->key.mx ? j->desk->env.hostname : "";
	uint32_t seed;
	struct why why;
	enum rc rc;

	io_random(&seed, sizeof(seed));
	rc = relay_hop_order(j->hops, self, seed, &why);
	if (rc != RC_OK) {
		job_fail(j, &why, rc == RC_TEMP);
		return;
	}
	j->at = 0;
	j->tries = 0;
	try_hop(j);
}

static void
on_ask_timer(evutil_socket_t fd, short what, void *arg)
{
	struct relay_job *j = arg;
	struct why why;

	(void)fd;
	(void)what;
	j->ask = 0;
	why_set(&why, RC_TEMP, "4.4.3", "the DNS resolver does not answer");
	job_fail(j, &why, true);
}

static void
send_question(struct relay_job *j)
{
	struct relay_desk *desk = j->desk;

	j->hops->n = 0;
	/* without a resolver: when it comes, see relay_desk_resolver() */
	if (desk->resolver != NULL)
		(void)proto_send_dns_ask(
		    desk->resolver, &(struct msg_dns_ask){j->ask,
					j->key.mx ? DNS_KIND_MX : DNS_KIND_HOST,
					span_of(j->key.next_hop)});
}

static void
ask(struct relay_job *j)
{
	struct relay_desk *desk = j->desk;
	struct timeval tv = {(time_t)(desk->resolve_ms / 1000),
	    (int)(desk->resolve_ms % 1000) * 1000};

	j->ask = ++desk->next_id;
	if (j->timer == NULL)
		j->timer = evtimer_new(desk->env.base, on_ask_timer, j);
	if (j->timer == NULL || event_add(j->timer, &tv) < 0)
		bug("evtimer_new");
	send_question(j);
}

static struct relay_job *
asking(struct relay_desk *desk, uint64_t id)
{
	struct relay_job *j;

	TAILQ_FOREACH (j, &desk->jobs, next)
		if (id != 0 && j->ask == id)
			return j;
	return NULL;
}

void
relay_on_address(struct relay_desk *desk, const struct msg_dns_address *m)
{
	struct relay_job *j = asking(desk, m->id);
	struct span address = m->address;

	if (j == NULL)
		return;
	if (j->key.mx && relay_hop_inward(address))
		address = SPAN_NONE;
	relay_hop_add(j->hops, m->preference, m->host, address);
}

void
relay_on_dns_end(struct relay_desk *desk, const struct msg_dns_end *m)
{
	struct relay_job *j = asking(desk, m->id);
	char status[WHY_STATUS_MAX] = "4.4.3";
	struct why why;

	if (j == NULL)
		return;
	j->ask = 0;
	event_del(j->timer);
	if (m->rc == RC_OK) {
		resolved(j);
		return;
	}
	if (m->rc == RC_PERM && !span_copy(m->status, status, sizeof(status)))
		(void)snprintf(status, sizeof(status), "5.1.2");
	why_set(&why, m->rc == RC_PERM ? RC_PERM : RC_TEMP, status, SPAN_FMT,
	    SPAN_ARG(m->text));
	job_fail(j, &why, why.rc == RC_TEMP);
}

/* ---- starting ---- */

static struct relay_conn *
idle_conn(struct relay_desk *desk, const struct key *key)
{
	struct relay_conn *conn;

	TAILQ_FOREACH (conn, &desk->conns, next)
		if (conn->job == NULL && client_reusable(conn->client) &&
		    key_eq(&conn->key, key))
			return conn;
	return NULL;
}

/* Is there room for one more connection, or one that is free? */
static bool
can_go(const struct relay_job *j)
{
	struct relay_desk *desk = j->desk;
	const struct relay_conn *conn;
	const struct relay_job *other;
	uint64_t n = 0;

	TAILQ_FOREACH (conn, &desk->conns, next)
		n += key_eq(&conn->key, &j->key);
	TAILQ_FOREACH (other, &desk->jobs, next)
		n += other->ask != 0 && key_eq(&other->key, &j->key);
	return n < desk->per_hop || idle_conn(desk, &j->key) != NULL;
}

static void
go(struct relay_job *j)
{
	struct relay_conn *conn = idle_conn(j->desk, &j->key);

	if (conn != NULL) {
		event_del(conn->timer);
		conn->job = j;
		j->conn = conn;
		client_send(conn->client, &j->mail);
		return;
	}
	if (j->hops == NULL)
		j->hops = mem_alloc(sizeof(*j->hops));
	if (relay_hop_literal(j->hops, span_of(j->key.next_hop)))
		resolved(j);
	else
		ask(j);
}

static void
on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct relay_desk *desk = arg;
	struct relay_job *j;

	(void)fd;
	(void)what;
	/* from the front each time: going may end jobs */
	do {
		TAILQ_FOREACH (j, &desk->jobs, next)
			if (j->waiting && can_go(j))
				break;
		if (j != NULL) {
			j->waiting = false;
			go(j);
		}
	} while (j != NULL);
}

void
relay_desk_init(struct relay_desk *desk)
{
	TAILQ_INIT(&desk->building);
	TAILQ_INIT(&desk->jobs);
	TAILQ_INIT(&desk->ended);
	TAILQ_INIT(&desk->told);
	TAILQ_INIT(&desk->conns);
	desk->pump = event_new(desk->env.base, -1, 0, on_pump, desk);
	if (desk->pump == NULL)
		bug("event_new");
}

static struct relay_job *
building(struct relay_desk *desk, uint64_t number, size_t *n)
{
	struct relay_job *j;

	*n = 0;
	TAILQ_FOREACH (j, &desk->building, next) {
		if (j->number == number)
			return j;
		++*n;
	}
	return NULL;
}

bool
relay_on_rcpt(struct relay_desk *desk, const struct msg_relay_rcpt *m)
{
	size_t n;
	struct relay_job *j = building(desk, m->job, &n);
	struct client_mail *mail;

	if (j == NULL) {
		if (n == RELAY_BUILDING_MAX)
			return false;
		j = mem_alloc(sizeof(*j));
		j->desk = desk;
		j->number = m->job;
		TAILQ_INSERT_TAIL(&desk->building, j, next);
	}
	mail = &j->mail;
	if (mail->n == RELAY_RCPT_MAX || m->address.n > 1000)
		return false;
	if (mail->n == j->room) {
		j->room = j->room == 0 ? 1 : 2 * j->room;
		mail->v = mem_grow(mail->v, j->room * sizeof(*mail->v));
	}
	mail->v[mail->n] = (struct client_rcpt){
	    .number = m->rcpt, .address = span_dup(m->address)};
	mail->n++;
	return true;
}

static bool
has_rcpt(const struct relay_job *j, const char *qid, uint32_t number)
{
	for (size_t i = 0; i < j->mail.n; i++)
		if (j->mail.v[i].number == number)
			return strcmp(j->qid, qid) == 0;
	return false;
}

/* A recipient that has an attempt under way: its outcome answers both. */
static bool
under_way(const struct relay_desk *desk, const char *qid, uint32_t number)
{
	const struct relay_job *j;

	TAILQ_FOREACH (j, &desk->jobs, next)
		if (has_rcpt(j, qid, number))
			return true;
	TAILQ_FOREACH (j, &desk->ended, next)
		if (has_rcpt(j, qid, number))
			return true;
	return false;
}

static void
drop_doubles(struct relay_job *j)
{
	struct client_mail *m = &j->mail;
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (under_way(j->desk, j->qid, m->v[i].number))
			free(m->v[i].address);
		else
			m->v[n++] = m->v[i];
	}
	m->n = n;
}

bool
relay_on_relay(struct relay_desk *desk, struct msg_relay *m)
{
	size_t n;
	struct relay_job *j = building(desk, m->job, &n);
	struct why why;

	if (j == NULL || j->mail.n != m->recipients || m->port == 0 ||
	    m->port > UINT16_MAX || m->tls > RELAY_TLS_IMPLICIT ||
	    m->sender.n > 1000 || m->login.n > 1000 || m->password.n > 1000 ||
	    m->next_hop.n >= RELAY_HOST_MAX)
		return false;
	TAILQ_REMOVE(&desk->building, j, next);
	j->qid = span_dup(m->qid);
	j->sender = span_dup(m->sender);
	j->key = (struct key){.next_hop = span_dup(m->next_hop),
	    .mx = m->mx != 0,
	    .port = (uint16_t)m->port,
	    .tls = (enum relay_tls)m->tls,
	    .login = span_dup(m->login),
	    .password = secret_of(m->password)};
	j->start_ms = clock_mono_ms();
	j->mail.sender = j->sender;
	j->mail.size = m->size;
	j->mail.body = client_body_new(desk->pool, m->file, m->offset, m->size);
	m->file = -1;
	drop_doubles(j);
	if (j->mail.n == 0) {
		job_free(j);
		return true;
	}
	TAILQ_INSERT_TAIL(&desk->jobs, j, next);
	if (desk->stopping) {
		why_set(&why, RC_TEMP, "4.3.2", "the mail server stops");
		job_fail(j, &why, false);
		return true;
	}
	j->waiting = true;
	pump(desk);
	return true;
}

/* ---- links ---- */

static uint32_t
name_all(struct ipc_link *link, const struct relay_jobs *list)
{
	const struct relay_job *j;
	uint32_t n = 0;

	TAILQ_FOREACH (j, list, next)
		for (size_t i = 0; i < j->mail.n; i++, n++)
			/* if it fails the link closes; the next one is told */
			(void)proto_send_underway(
			    link, &(struct msg_underway){
				      span_of(j->qid), j->mail.v[i].number});
	return n;
}

void
relay_desk_greet(struct relay_desk *desk, struct ipc_link *link)
{
	struct msg_underway_end end = {0};
	struct relay_job *j;

	relay_desk_lost(desk);
	desk->qmgr = link;
	end.count = name_all(link, &desk->jobs);
	end.count += name_all(link, &desk->ended);
	end.count += name_all(link, &desk->told);
	(void)proto_send_underway_end(link, &end); /* as above */
	TAILQ_FOREACH (j, &desk->told, next)
		if (!tell(j))
			return;
	while ((j = TAILQ_FIRST(&desk->ended)) != NULL && tell(j)) {
		TAILQ_REMOVE(&desk->ended, j, next);
		keep(j);
	}
}

void
relay_desk_lost(struct relay_desk *desk)
{
	struct relay_job *j;

	desk->qmgr = NULL;
	while ((j = TAILQ_FIRST(&desk->building)) != NULL) {
		TAILQ_REMOVE(&desk->building, j, next);
		job_free(j);
	}
}

void
relay_desk_resolver(struct relay_desk *desk, struct ipc_link *link)
{
	struct relay_job *j;

	desk->resolver = link;
	TAILQ_FOREACH (j, &desk->jobs, next)
		if (j->ask != 0)
			send_question(j);
}

static struct relay_job *
endable(struct relay_desk *desk)
{
	struct relay_job *j;

	TAILQ_FOREACH (j, &desk->jobs, next)
		if (j->conn == NULL || client_before_dot(j->conn->client))
			return j;
	return NULL;
}

void
relay_desk_stop(struct relay_desk *desk)
{
	struct relay_conn *conn, *after;
	struct relay_job *j;
	struct why why;

	desk->stopping = true;
	why_set(&why, RC_TEMP, "4.3.2", "the mail server stops");
	while ((j = endable(desk)) != NULL) {
		if (j->conn != NULL)
			conn_free(j->conn);
		job_fail(j, &why, false);
	}
	for (conn = TAILQ_FIRST(&desk->conns); conn != NULL; conn = after) {
		after = TAILQ_NEXT(conn, next);
		if (conn->job == NULL)
			conn_quit(conn);
	}
}

void
relay_desk_count(const struct relay_desk *desk, size_t *jobs, size_t *conns)
{
	const struct relay_conn *conn;
	const struct relay_job *j;

	*jobs = *conns = 0;
	TAILQ_FOREACH (j, &desk->jobs, next)
		++*jobs;
	TAILQ_FOREACH (conn, &desk->conns, next)
		++*conns;
}
