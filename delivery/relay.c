/*
 * The desk of remote delivery: see relay.h. Jobs come in, and wait where a next
 * hop has connections enough; whenever one is free or gone they are looked at
 * again.
 */
#include <stdlib.h>

#include "delivery/relay_state.h"
#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/conf/way.h"
#include "lib/base/banned.h"

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
			if (j->waiting && relay_conn_room(j))
				break;
		if (j != NULL) {
			j->waiting = false;
			relay_job_go(j);
		}
	} while (j != NULL);
}

void
relay_desk_pump(struct relay_desk *desk)
{
	event_active(desk->pump, EV_TIMEOUT, 0);
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
	if (mail->n == RELAY_RCPT_MAX || m->address.n > 1000 ||
	    !addr_dsn_notify_ok(m->notify) || m->orcpt.n > ADDR_DSN_ORCPT_MAX)
		return false;
	if (mail->n == j->room) {
		j->room = j->room == 0 ? 1 : 2 * j->room;
		mail->v = mem_grow(mail->v, j->room * sizeof(*mail->v));
	}
	mail->v[mail->n] = (struct client_rcpt){.number = m->rcpt,
	    .address = span_dup(m->address),
	    .notify = m->notify,
	    .orcpt = m->orcpt.n > 0 ? span_dup(m->orcpt) : NULL};
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
			client_rcpt_fini(&m->v[i]);
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
	struct span one;
	struct why why;

	if (j == NULL || j->mail.n != m->recipients ||
	    m->tls > RELAY_TLS_IMPLICIT || m->need > QUEUE_TLS_OPTIONAL ||
	    (m->by.n > 0 && !addr_by_get(m->by, &j->mail.by)) ||
	    m->ret >= ADDR_DSN_RET_COUNT || m->envid.n > ADDR_DSN_ENVID_MAX ||
	    m->sender.n > 1000 || m->login.n > 1000 ||
	    !conf_way_source(m->source, false, &one) ||
	    m->passwords.n > RELAY_HOSTS_BYTES ||
	    m->hosts.n > RELAY_HOSTS_BYTES)
		return false;
	TAILQ_REMOVE(&desk->building, j, next);
	j->qid = span_dup(m->qid);
	j->sender = span_dup(m->sender);
	j->envid = m->envid.n > 0 ? span_dup(m->envid) : NULL;
	j->key = (struct relay_key){.mx = m->mx != 0,
	    .lmtp = m->lmtp != 0,
	    .tls = (enum relay_tls)m->tls,
	    /* RFC 8689 5: a notice goes on however it may */
	    .required = m->need == QUEUE_TLS_REQUIRED && m->sender.n > 0,
	    .login = span_dup(m->login),
	    .source = span_dup(m->source)};
	j->hosts = span_dup(m->hosts);
	j->passwords = secret_of(m->passwords);
	j->start_ms = clock_mono_ms();
	j->mail.sender = j->sender;
	j->mail.ret = m->ret;
	j->mail.envid = j->envid;
	/* RFC 8689 4.2.2: what the host's DNS says is not to keep it */
	if (m->need == QUEUE_TLS_OPTIONAL && j->key.tls == RELAY_TLS_DANE)
		j->key.tls = RELAY_TLS_MAY;
	j->mail.require_tls = m->need == QUEUE_TLS_REQUIRED;
	j->mail.utf8 = m->utf8 != 0;
	j->mail.priority = proto_priority(m->priority);
	j->mail.size = m->size;
	j->mail.body = client_body_new(desk->pool, m->file, m->offset, m->size);
	m->file = -1;
	drop_doubles(j);
	if (j->mail.n == 0) {
		relay_job_free(j);
		return true;
	}
	TAILQ_INSERT_TAIL(&desk->jobs, j, next);
	if (desk->stopping) {
		why_set(&why, RC_TEMP, "4.3.2", "the mail server stops");
		relay_job_fail(j, &why, false);
	} else if (!relay_job_turn(j)) {
		why_set(&why, RC_TEMP, "4.3.0", "no host to go to");
		relay_job_fail(j, &why, false);
	}
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
		if (!relay_job_tell(j))
			return;
	while ((j = TAILQ_FIRST(&desk->ended)) != NULL && relay_job_tell(j)) {
		TAILQ_REMOVE(&desk->ended, j, next);
		relay_job_keep(j);
	}
}

void
relay_desk_lost(struct relay_desk *desk)
{
	struct relay_job *j;

	desk->qmgr = NULL;
	while ((j = TAILQ_FIRST(&desk->building)) != NULL) {
		TAILQ_REMOVE(&desk->building, j, next);
		relay_job_free(j);
	}
}

void
relay_desk_resolver(struct relay_desk *desk, struct ipc_link *link)
{
	struct relay_job *j;

	desk->resolver = link;
	TAILQ_FOREACH (j, &desk->jobs, next)
		if (j->ask != 0)
			relay_job_ask(j);
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
			relay_conn_free(j->conn);
		relay_job_fail(j, &why, false);
	}
	for (conn = TAILQ_FIRST(&desk->conns); conn != NULL; conn = after) {
		after = TAILQ_NEXT(conn, next);
		if (conn->job == NULL)
			relay_conn_quit(conn);
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
