/*
 * Application passwords for steadctl: see manage_app.h. Nothing of it takes
 * long, so each question is answered at once.
 */
#include "authd/manage_app.h"
#include "lib/addr/path.h"
#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define LOGIN_MAX 254
#define ROW_MAX   2048

/* Of an account, and with its password if that is new. */
static void
row(struct client *c, uint64_t id, const struct app *app, const char *shown)
{
	struct buf b;

	buf_init(&b, ROW_MAX);
	buf_puts(&b, "kind=app name=");
	enc_line(&b, span_of(app->name));
	buf_puts(&b, " services=");
	service_set_put(&b, app->services);
	buf_putf(&b, " made=%s", app->made);
	if (shown != NULL)
		buf_putf(&b, " password=%s", shown);
	(void)proto_send_ctl_row(
	    c->link, &(struct msg_ctl_row){id, buf_span(&b)}); /* see run() */
	secret_wipe(b.p, b.n);
	buf_fini(&b);
}

static void
changed(struct span login, const char *what)
{
	LOG(ACCOUNT_CHANGED, log_text(login), log_str(what));
}

/* What is done for the account `login`, as addresses are written here. */
typedef enum rc deed(struct client *c, const union ipc_msg *msg,
    struct span login, struct why *why);

static void
run(struct client *c, uint64_t id, struct span login, const union ipc_msg *msg,
    deed *what)
{
	struct why why;
	struct buf b;
	enum rc rc;

	buf_init(&b, LOGIN_MAX);
	rc = addr_mailbox(login, &b, &why);
	if (rc == RC_OK)
		rc = what(c, msg, buf_span(&b), &why);
	/* a closed link needs no answer: on_closed comes */
	(void)proto_send_ctl_end(
	    c->link, &(struct msg_ctl_end){id, (uint8_t)rc,
			 span_of(rc == RC_OK ? "" : why.text)});
	buf_fini(&b);
}

static enum rc
add(struct client *c, const union ipc_msg *msg, struct span login,
    struct why *why)
{
	const struct msg_app_add *m = &msg->app_add;
	char shown[APP_SHOWN + 1];
	unsigned services;
	struct app app;
	enum rc rc;

	if (!service_set_parse(m->services, &services))
		return why_set(why, RC_PERM, "5.3.5",
		    "an application password is for some of imap, pop3 and "
		    "smtp, with a comma between");
	rc = app_make(&app, m->name, services, shown, why);
	if (rc == RC_OK)
		rc = accounts_add_app(c->a->accounts, login, &app, why);
	if (rc == RC_OK) {
		changed(login, "app password added");
		row(c, m->id, &app, shown);
	}
	secret_wipe(shown, sizeof(shown));
	return rc;
}

void
manage_app_on_add(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	run(ctx, msg->app_add.id, msg->app_add.login, msg, add);
}

static enum rc
take_back(struct client *c, const union ipc_msg *msg, struct span login,
    struct why *why)
{
	enum rc rc = accounts_remove_app(
	    c->a->accounts, login, msg->app_remove.name, why);

	if (rc == RC_OK)
		changed(login, "app password removed");
	return rc;
}

void
manage_app_on_remove(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	run(ctx, msg->app_remove.id, msg->app_remove.login, msg, take_back);
}

static enum rc
list(struct client *c, const union ipc_msg *msg, struct span login,
    struct why *why)
{
	const struct accounts_entry *e;
	struct app app;
	size_t at = 0;
	enum rc rc = accounts_refresh(c->a->accounts, why);

	if (rc != RC_OK)
		return rc;
	e = accounts_find(c->a->accounts, login);
	if (e == NULL)
		return why_set(why, RC_PERM, "5.3.5",
		    "there is no account " SPAN_FMT, SPAN_ARG(login));
	while (accounts_app(c->a->accounts, e, &at, &app))
		row(c, msg->app_list.id, &app, NULL);
	return RC_OK;
}

void
manage_app_on_list(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	run(ctx, msg->app_list.id, msg->app_list.login, msg, list);
}

size_t
manage_app_count(
    const struct accounts *accounts, const struct accounts_entry *e)
{
	struct app app;
	size_t at = 0, n = 0;

	while (accounts_app(accounts, e, &at, &app))
		n++;
	return n;
}
