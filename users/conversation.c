/*
 * PAM, by pam_authenticate(3) and pam_acct_mgmt(3): see conversation.h. It
 * blocks, and may; nobody else waits for this process.
 */
#include <security/pam_appl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/proto/proto.h"
#include "lib/users/user.h"
#include "users/conversation.h"
#include "lib/base/banned.h"

/* authd gives up before */
#define CONVERSATION_S 30

struct conversation {
	struct service_env env; /* its texts outlive us */
	struct ipc_link *link;  /* NULL: none yet, or no more */
};

struct question {
	const char *user, *password, *client, *service;
};

void *
conversation_open(const struct service_env *env, struct why *why)
{
	struct conversation *c = mem_alloc(sizeof(*c));

	(void)why;
	c->env = *env;
	return c;
}

size_t
conversation_connections(const void *state)
{
	return ((const struct conversation *)state)->link != NULL;
}

/* PAM frees both the array and its texts. */
static int
talk(int n, const struct pam_message **asked, struct pam_response **out,
    void *arg)
{
	const struct question *q = arg;
	struct pam_response *answers;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	answers = mem_array((size_t)n, sizeof(*answers));
	for (int i = 0; i < n; i++) {
		if (asked[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			answers[i].resp = mem_dup(q->password);
		else if (asked[i]->msg_style == PAM_PROMPT_ECHO_ON)
			answers[i].resp = mem_dup(q->user);
	}
	*out = answers;
	return PAM_SUCCESS;
}

/* authd delays what has failed: this process need not. */
static void
no_delay(int status, unsigned delay_us, void *arg)
{
	(void)status;
	(void)delay_us;
	(void)arg;
}

typedef void delay_fn(int status, unsigned delay_us, void *arg);

/* Items that modules and logs may look at; without one PAM goes on as well. */
static void
set_items(pam_handle_t *h, const struct question *q)
{
	union {
		delay_fn *fn;
		const void *item;
	} delay = {.fn = no_delay};

	(void)pam_set_item(h, PAM_RHOST, q->client);
	(void)pam_set_item(h, PAM_TTY, q->service);
	(void)pam_set_item(h, PAM_FAIL_DELAY, delay.item);
}

/* A module may map the user to another: then it is not who asked. */
static bool
is_same(pam_handle_t *h, const char *user)
{
	const void *now = NULL;

	return pam_get_item(h, PAM_USER, &now) == PAM_SUCCESS && now != NULL &&
	       span_eq(span_of(now), span_of(user));
}

static int
converse(const struct question *q, struct why *why)
{
	const struct pam_conv conv = {
	    .conv = talk, .appdata_ptr = (void *)(uintptr_t)q};
	pam_handle_t *h = NULL;
	int e = pam_start("mailstead", q->user, &conv, &h);

	if (e == PAM_SUCCESS) {
		set_items(h, q);
		e = pam_authenticate(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	}
	if (e == PAM_SUCCESS)
		e = pam_acct_mgmt(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (e == PAM_SUCCESS && !is_same(h, q->user))
		e = PAM_USER_UNKNOWN;
	why_set(why, RC_OK, "2.7.0", "%s", pam_strerror(h, e));
	if (h != NULL)
		(void)pam_end(h, e); /* the process ends anyway */
	return e;
}

/* Which failures say nothing about the password? */
static enum rc
rc_of(int e)
{
	switch (e) {
	case PAM_SUCCESS:
		return RC_OK;
	case PAM_OPEN_ERR:
	case PAM_SYMBOL_ERR:
	case PAM_SERVICE_ERR:
	case PAM_SYSTEM_ERR:
	case PAM_BUF_ERR:
	case PAM_CONV_ERR:
	case PAM_AUTHINFO_UNAVAIL:
	case PAM_ABORT:
	case PAM_MODULE_UNKNOWN:
		return RC_TEMP;
	default:
		return RC_PERM;
	}
}

/* Whoever has no mailbox is nobody whom PAM is asked about: root's log-ins are
 * not counted by strangers' guesses. How long it took authd does not show. */
static enum rc
check(const struct conversation *c, const struct question *q, struct why *why)
{
	struct user u;
	enum rc rc = user_find(c->env.conf, span_of(q->user), &u, why);

	user_fini(&u);
	return rc == RC_OK ? rc_of(converse(q, why)) : rc;
}

static void
on_ask(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct conversation *c = ctx;
	struct secret password = secret_of(msg->pam_ask.password);
	char *client = span_dup(msg->pam_ask.client);
	char *service = span_dup(msg->pam_ask.service);
	struct question q = {c->env.account, password.p, client, service};
	struct why why;
	enum rc rc;

	(void)alarm(CONVERSATION_S); /* a module that hangs ends with it */
	rc = check(c, &q, &why);
	(void)alarm(0);
	secret_fini(&password);
	free(client);
	free(service);
	/* authd has gone: nobody is told */
	(void)proto_send_pam_answer(
	    link, &(struct msg_pam_answer){(uint8_t)rc, span_of(why.text)});
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct conversation *c = ctx;

	(void)why;
	ipc_link_free(&link);
	c->link = NULL;
	c->env.on_idle(c->env.ctx);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_PAM_ASK] = on_ask,
};

void
conversation_take(void *state, int fd, int watch)
{
	struct conversation *c = state;

	io_close(&watch);
	if (c->link != NULL) {
		io_close(&fd);
		return;
	}
	c->link = ipc_link_new(&(struct ipc_link_args){.base = c->env.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = c,
	    .fd = fd,
	    .self = ROLE_SESSION,
	    .peer = ROLE_AUTHD,
	    .phase = IPC_RUN});
}
