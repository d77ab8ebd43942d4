/*
 * Names of the roles: see role.h.
 */
#include "lib/proto/role.h"
#include "lib/base/banned.h"

const char *
role_name(enum role role)
{
	static const char *const names[] = {
#define ROLE(NAME, name) #name,
#include "lib/proto/roles.def"
#undef ROLE
	};

	return (unsigned)role < ROLE_COUNT ? names[role] : "?";
}
