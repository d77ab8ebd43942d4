/*
 * Names of the roles: see roles.def.
 */
#ifndef LIB_PROTO_ROLE_H
#define LIB_PROTO_ROLE_H

enum role {
#define ROLE(NAME, name) ROLE_##NAME,
#include "lib/proto/roles.def"
#undef ROLE
	ROLE_COUNT
};

/* "smtpd"; static; "?" when out of range. */
const char *role_name(enum role role);

#endif
