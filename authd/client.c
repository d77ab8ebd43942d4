/*
 * Those who ask: see client.h. When a link ends, what it asked goes on
 * without anybody to answer.
 */
#include <stdlib.h>

#include "authd/client.h"
#include "authd/manage.h"
#include "authd/manage_app.h"
#include "authd/request.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

static ipc_handler *const front_handlers[MSG_COUNT] = {
    [MSG_AUTH] = request_on_auth,
    [MSG_SASL_START] = request_on_sasl_start,
    [MSG_SASL_ANSWER] = request_on_sasl_answer,
    [MSG_SASL_CANCEL] = request_on_sasl_cancel,
};

static ipc_handler *const ctl_handlers[MSG_COUNT] = {
    [MSG_ACCOUNT_ADD] = manage_on_add,
    [MSG_ACCOUNT_PASSWD] = manage_on_passwd,
    [MSG_ACCOUNT_REMOVE] = manage_on_remove,
    [MSG_ACCOUNT_LIST] = manage_on_list,
    [MSG_APP_ADD] = manage_app_on_add,
    [MSG_APP_REMOVE] = manage_app_on_remove,
    [MSG_APP_LIST] = manage_app_on_list,
};

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct client *c = ctx;
	struct authd *a = c->a;

	/* a caller of steadctl may go as it likes: nothing to report */
	if (ipc_link_peer(link) != ROLE_CTL)
		worker_link_closed(a->w, link, why);
	TAILQ_REMOVE(&a->clients, c, next);
	request_orphan(a, c);
	manage_orphan(a, c);
	ipc_link_free(&c->link);
	free(c);
	authd_settle(a);
}

void
client_new(struct authd *a, enum role peer, int fd)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->a = a;
	TAILQ_INSERT_TAIL(&a->clients, c, next);
	c->link = worker_link_new(a->w, peer, fd,
	    peer == ROLE_CTL ? ctl_handlers : front_handlers, on_closed, c);
}

bool
client_charge(struct client *c)
{
	return ++c->outstanding <= AUTHD_OUTSTANDING_MAX;
}

bool
client_wait(struct client *c)
{
	if (c->waiting == AUTHD_WAITING_MAX)
		return false;
	c->waiting++;
	c->outstanding--;
	return true;
}

void
client_waited(struct client *c)
{
	c->waiting--;
}

void
client_discharge(struct client *c)
{
	if (c != NULL)
		c->outstanding--;
}
