/*
 * mailstead-users: the parent of what is done for users of the system, each
 * with the user's own rights: mailbox sessions, deliveries; and of the
 * conversations with PAM, which need root. Itself root, and confined by
 * nothing, since that would bind PAM's modules too; so it reads nothing but
 * requests that name a service and an account.
 */
#include "spawn/parent.h"
#include "lib/base/banned.h"

int
main(int argc, char **argv)
{
	return parent_main(ROLE_USERS, argc, argv);
}
