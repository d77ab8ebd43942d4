/*
 * Names of hosts as the configuration writes them. Pure.
 */
#ifndef LIB_CONF_NAME_H
#define LIB_CONF_NAME_H

#include <stdbool.h>

#include "lib/base/span.h"

/* RFC 1123 2.1, without the root's dot; at most 253 bytes, no IPv4 address. */
bool conf_name_host(struct span s);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]", as RFC 5321 4.1.3 writes them. */
bool conf_name_literal(struct span s);
/* RFC 5321 4.1.2: a Dot-string of ASCII, '@', a host name. */
bool conf_name_address(struct span s);

#endif
