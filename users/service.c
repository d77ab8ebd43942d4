/*
 * The services of users of the system: see spawn/program.h.
 */
#include "imapd/account.h"
#include "pop3d/account.h"
#include "spawn/program.h"
#include "users/conversation.h"
#include "users/deposit.h"
#include "users/news.h"
#include "users/actions.h"
#include "lib/base/banned.h"

/* Conversations with PAM at a time: each is a process, and may take long. */
#define CONVERSATIONS_MAX 32

#define DEPOSITS_MAX      512
/* Of programs and files there are as many as aliases lead to. */
#define ACTIONS_MAX 64

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
    {.name = "deliver",
	.asker = ROLE_LOCAL,
	.role = ROLE_LOCAL,
	.processes_max = DEPOSITS_MAX,
	.open = deposit_open,
	.take = deposit_take,
	.connections = deposit_connections},
    {.name = "action",
	.asker = ROLE_LOCAL,
	.as_root = true,
	.processes_max = ACTIONS_MAX,
	.open = actions_open,
	.take = actions_take,
	.connections = actions_connections},
    {.name = "watch",
	.asker = ROLE_AUTHD,
	.role = ROLE_WATCH,
	.open = news_open,
	.take = news_take,
	.connections = news_connections},
    {.name = "pam",
	.asker = ROLE_AUTHD,
	.as_root = true,
	.once = true,
	.processes_max = CONVERSATIONS_MAX,
	.open = conversation_open,
	.take = conversation_take,
	.connections = conversation_connections},
};

const struct service *
service_find(struct span name)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (span_eq(span_of(services[i].name), name))
			return &services[i];
	return NULL;
}
