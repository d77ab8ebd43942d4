/*
 * The mailbox services: see service.h.
 */
#include "pop3d/account.h"
#include "spawn/service.h"
#include "lib/base/banned.h"

static const struct service services[] = {
    {.name = "pop3",
	.open = pop3d_account_open,
	.take = pop3d_account_take,
	.connections = pop3d_account_connections},
};

const struct service *
service_find(struct span name)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (span_eq(span_of(services[i].name), name))
			return &services[i];
	return NULL;
}
