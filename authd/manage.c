/*
 * Account commands: see manage.h. master is asked for one directory at a
 * time; what changes meanwhile is in the next one.
 */
#include <stdlib.h>

#include "authd/client.h"
#include "authd/manage.h"
#include "authd/manage_app.h"
#include "lib/addr/path.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define LOGIN_MAX    254
#define DIRECTORY_MS 30000
#define LIST_TURN    200 /* rows sent in one turn of the loop */
#define LIST_WAIT_MS 10  /* for a caller who does not read */

struct change {
	TAILQ_ENTRY(change) next;
	struct authd *a;
	struct client *client; /* NULL: has gone */
	uint64_t id;
	enum {
		CHANGE_ADD,
		CHANGE_PASSWD,
		CHANGE_REMOVE,
		CHANGE_LIST
	} kind;
	bool hashing;      /* its `done` will come */
	bool changed;      /* waits for the directory */
	uint64_t stale_id; /* 0: master has not been asked */
	char *login;       /* CHANGE_LIST: the key of the last row, "" before */
	char *name;
	struct event *timer;
};

static void
change_free(struct change *ch)
{
	struct authd *a = ch->a;

	TAILQ_REMOVE(&a->changes, ch, next);
	client_discharge(ch->client);
	event_free(ch->timer);
	free(ch->login);
	free(ch->name);
	free(ch);
	authd_settle(a);
}

static void
end(struct change *ch, enum rc rc, const char *text)
{
	/* a closed link needs no answer: on_closed comes */
	if (ch->client != NULL)
		(void)proto_send_ctl_end(ch->client->link,
		    &(struct msg_ctl_end){ch->id, (uint8_t)rc, span_of(text)});
	change_free(ch);
}

static void
set_timer(struct change *ch, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	evtimer_add(ch->timer, &tv);
}

static void
ask_directory(struct authd *a)
{
	struct change *ch;
	bool any = false;

	if (a->stale_id != 0)
		return;
	a->stale_id = ++a->last_id;
	TAILQ_FOREACH (ch, &a->changes, next)
		if (ch->changed && ch->stale_id == 0) {
			ch->stale_id = a->stale_id;
			any = true;
		}
	if (!any)
		a->stale_id = 0;
	else
		(void)proto_send_directory_stale(
		    a->w->master, &(struct msg_directory_stale){a->stale_id});
	/* without master the process ends anyway */
}

void
manage_on_directory(struct authd *a, const struct msg_directory_done *m)
{
	struct change *ch, *after;

	if (m->id != a->stale_id)
		return; /* asked by the generation before, or too late */
	a->stale_id = 0;
	for (ch = TAILQ_FIRST(&a->changes); ch != NULL; ch = after) {
		after = TAILQ_NEXT(ch, next);
		if (!ch->changed || ch->stale_id != m->id)
			continue;
		if (m->rc == RC_OK)
			end(ch, RC_OK, "");
		else
			end(ch, RC_TEMP,
			    "the account is changed, but the directory could "
			    "not be made anew: see the log of the server");
	}
	ask_directory(a);
}

static void
directory_late(struct change *ch)
{
	struct authd *a = ch->a;

	if (ch->stale_id == a->stale_id)
		a->stale_id = 0;
	end(ch, RC_TEMP,
	    "the account is changed, but the directory is not yet made anew");
	ask_directory(a);
}

/* 1 a row was sent, 0 there are no more */
static int
list_row(struct change *ch)
{
	const struct accounts_entry *e =
	    accounts_after(ch->a->accounts, span_of(ch->login));
	struct buf b;

	if (e == NULL)
		return 0;
	buf_init(&b, IPC_FRAME_MAX / 2);
	buf_puts(&b, "kind=account login=");
	enc_line(&b, span_of(e->login));
	buf_puts(&b, " name=");
	enc_line(&b, span_of(e->name));
	buf_putf(&b, " locked=%s", hash_usable(e->secret.hash) ? "no" : "yes");
	buf_putf(&b, " scram=%s", e->secret.n_scram > 0 ? "yes" : "no");
	buf_putf(&b, " apps=%zu", manage_app_count(ch->a->accounts, e));
	(void)proto_send_ctl_row(ch->client->link,
	    &(struct msg_ctl_row){ch->id, buf_span(&b)}); /* see end() */
	buf_fini(&b);
	free(ch->login);
	ch->login = mem_dup(e->key);
	return 1;
}

static void
list_turn(struct change *ch)
{
	bool flushed = ipc_link_flushed(ch->client->link);
	struct why why;

	if (accounts_refresh(ch->a->accounts, &why) != RC_OK) {
		end(ch, RC_TEMP, why.text);
		return;
	}
	for (int i = 0; flushed && i < LIST_TURN; i++)
		if (list_row(ch) == 0) {
			end(ch, RC_OK, "");
			return;
		}
	set_timer(ch, flushed ? 0 : LIST_WAIT_MS);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct change *ch = arg;

	(void)fd;
	(void)what;
	if (ch->kind == CHANGE_LIST)
		list_turn(ch);
	else
		directory_late(ch);
}

static const char *const done_words[] = {"added", "password", "removed", ""};

/* The file is as asked, or `why` says why it is not. */
static void
finish(struct change *ch, enum rc rc, const struct why *why)
{
	struct authd *a = ch->a;

	if (rc != RC_OK) {
		end(ch, rc, why->text);
		return;
	}
	LOG(ACCOUNT_CHANGED, log_str(ch->login), log_str(done_words[ch->kind]));
	memory_drop(a->memory, authd_tag(a, span_of(ch->login)));
	if (ch->kind == CHANGE_PASSWD) {
		end(ch, RC_OK, "");
		return;
	}
	ch->changed = true;
	set_timer(ch, DIRECTORY_MS);
	ask_directory(a);
}

static void
on_hashed(void *ctx, bool ok, const struct accounts_secret *made)
{
	struct change *ch = ctx;
	struct why why;
	enum rc rc;

	ch->hashing = false;
	if (ch->client == NULL) {
		change_free(ch); /* the caller took it back */
		return;
	}
	if (!ok)
		rc = why_set(&why, RC_TEMP, "4.7.0", "crypt(3) failed");
	else if (ch->kind == CHANGE_ADD)
		rc = accounts_add(ch->a->accounts, span_of(ch->login), made,
		    span_of(ch->name), &why);
	else
		rc = accounts_set_secret(
		    ch->a->accounts, span_of(ch->login), made, &why);
	finish(ch, rc, &why);
}

static void
make_hash(struct change *ch, struct span password)
{
	struct hash_job job = {.act = HASH_MAKE, .done = on_hashed, .ctx = ch};
	int scram = ch->a->w->conf->auth.scram;
	struct why why;

	if (!hash_password_ok(password)) {
		end(ch, RC_PERM,
		    "a password has 1 to 511 bytes, and none of them is NUL");
		return;
	}
	job.scram[SCRAM_SHA_256] = scram != CONF_SCRAM_NONE;
	job.scram[SCRAM_SHA_1] = scram == CONF_SCRAM_ALL;
	job.password = secret_of(password);
	if (hash_submit(ch->a->hasher, &job, &why) == RC_WAIT)
		ch->hashing = true;
	else
		end(ch, RC_TEMP, why.text);
}

/* NULL: it has been answered. */
static struct change *
change_new(struct client *c, int kind, uint64_t id, struct span login)
{
	struct change *ch = mem_alloc(sizeof(*ch));
	struct why why = {.rc = RC_OK};
	struct buf b;

	ch->a = c->a;
	ch->kind = kind;
	ch->id = id;
	ch->timer = evtimer_new(c->a->w->base, on_timer, ch);
	if (ch->timer == NULL)
		bug("evtimer_new");
	TAILQ_INSERT_TAIL(&c->a->changes, ch, next);
	buf_init(&b, LOGIN_MAX);
	if (kind != CHANGE_LIST)
		(void)addr_mailbox(login, &b, &why); /* why.rc says it */
	ch->login = span_dup(buf_span(&b));
	buf_fini(&b);
	ch->client = c;
	if (!client_charge(c))
		why_set(&why, RC_TEMP, "4.7.0", "too many questions");
	if (why.rc == RC_OK)
		return ch;
	end(ch, why.rc, why.text);
	return NULL;
}

/* Would mail to it come here? */
static enum rc
check_domain(const struct change *ch, struct why *why)
{
	const struct conf_list *domains = &ch->a->w->conf->domains;
	struct span local, domain;

	if (addr_split(span_of(ch->login), &local, &domain))
		for (size_t i = 0; i < domains->n; i++)
			if (span_eq_ci(domain, span_of(domains->v[i])))
				return RC_OK;
	return why_set(why, RC_PERM, "5.3.5",
	    "the domain of %s is none of this server's `domains`", ch->login);
}

static enum rc
check_name(struct span name, struct why *why)
{
	bool ok = name.n <= MANAGE_NAME_MAX;

	for (size_t i = 0; ok && i < name.n; i++)
		ok = (unsigned char)name.p[i] >= 0x20 && name.p[i] != 0x7f;
	return ok ? RC_OK
		  : why_set(why, RC_PERM, "5.3.5",
			"a name has at most %d bytes, and no control "
			"characters",
			MANAGE_NAME_MAX);
}

/* So that no hash is made in vain; it is checked again at the change. */
static enum rc
check_exists(const struct change *ch, bool wanted, struct why *why)
{
	enum rc rc = accounts_refresh(ch->a->accounts, why);
	bool is;

	if (rc != RC_OK)
		return rc;
	is = accounts_find(ch->a->accounts, span_of(ch->login)) != NULL;
	if (is == wanted)
		return RC_OK;
	return why_set(why, RC_PERM, "5.3.5",
	    wanted ? "there is no account %s" : "%s exists", ch->login);
}

void
manage_on_add(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_account_add *m = &msg->account_add;
	struct change *ch = change_new(ctx, CHANGE_ADD, m->id, m->login);
	struct why why;
	enum rc rc;

	(void)link;
	if (ch == NULL)
		return;
	rc = check_domain(ch, &why);
	if (rc == RC_OK)
		rc = check_name(m->name, &why);
	if (rc == RC_OK)
		rc = check_exists(ch, false, &why);
	if (rc != RC_OK) {
		end(ch, rc, why.text);
		return;
	}
	ch->name = span_dup(m->name);
	make_hash(ch, m->password);
}

void
manage_on_passwd(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_account_passwd *m = &msg->account_passwd;
	struct change *ch = change_new(ctx, CHANGE_PASSWD, m->id, m->login);
	struct why why;
	enum rc rc;

	(void)link;
	if (ch == NULL)
		return;
	rc = check_exists(ch, true, &why);
	if (rc != RC_OK)
		end(ch, rc, why.text);
	else
		make_hash(ch, m->password);
}

void
manage_on_remove(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_account_remove *m = &msg->account_remove;
	struct change *ch = change_new(ctx, CHANGE_REMOVE, m->id, m->login);
	struct why why;

	(void)link;
	if (ch != NULL)
		finish(ch,
		    accounts_remove(ch->a->accounts, span_of(ch->login), &why),
		    &why);
}

void
manage_on_list(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct change *ch =
	    change_new(ctx, CHANGE_LIST, msg->account_list.id, SPAN_LIT(""));

	(void)link;
	if (ch != NULL)
		list_turn(ch);
}

void
manage_orphan(struct authd *a, const struct client *c)
{
	struct change *ch, *after;

	for (ch = TAILQ_FIRST(&a->changes); ch != NULL; ch = after) {
		after = TAILQ_NEXT(ch, next);
		if (ch->client != c)
			continue;
		ch->client = NULL;
		if (ch->kind == CHANGE_LIST)
			change_free(ch);
	}
}
