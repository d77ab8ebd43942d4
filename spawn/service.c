/*
 * The services of virtual accounts: see service.h.
 */
#include "imapd/account.h"
#include "pop3d/account.h"
#include "spawn/program.h"
#include "lib/base/banned.h"

static const struct service services[] = {
    {.name = "pop3",
	.asker = ROLE_AUTHD,
	.role = ROLE_SESSION,
	.open = pop3d_account_open,
	.take = pop3d_account_take,
	.connections = pop3d_account_connections},
    {.name = "imap",
	.asker = ROLE_AUTHD,
	.role = ROLE_SESSION,
	.has_index = true,
	.open = imapd_account_open,
	.take = imapd_account_take,
	.connections = imapd_account_connections,
	.close = imapd_account_close},
};

const struct service *
service_find(struct span name)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (span_eq(span_of(services[i].name), name))
			return &services[i];
	return NULL;
}
