/*
 * Names of hosts: see name.h.
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "lib/base/num.h"
#include "lib/conf/name.h"
#include "lib/base/banned.h"

#define HOST_MAX  253 /* RFC 1035 3.1, without the root's dot */
#define LABEL_MAX 63  /* RFC 1035 2.3.4 */
#define LOCAL_MAX 64  /* RFC 5321 4.5.3.1.1 */

static bool
is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* RFC 1123 2.1 */
static bool
label_ok(struct span s)
{
	if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int c = span_at(s, i);

		if (!is_alpha(c) && !is_digit(c) && c != '-')
			return false;
	}
	return true;
}

bool
conf_name_host(struct span s)
{
	struct span label = SPAN_NONE;
	uint64_t number;

	if (s.n == 0 || s.n > HOST_MAX)
		return false;
	while (s.p != NULL) {
		label = span_cut(&s, '.');
		if (!label_ok(label))
			return false;
	}
	/* else an IPv4 address would be a name */
	return !num_u64_padded(label, &number);
}

bool
conf_name_literal(struct span s)
{
	struct span tag = SPAN_LIT("IPv6:");
	struct in6_addr scratch;
	char text[INET6_ADDRSTRLEN];
	bool six;

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = span_make(s.p + 1, s.n - 2);
	six = span_starts_ci(s, tag);
	return span_copy(six ? span_from(s, tag.n) : s, text, sizeof(text)) &&
	       inet_pton(six ? AF_INET6 : AF_INET, text, &scratch) == 1;
}

bool
conf_name_address(struct span s)
{
	static const char others[] = "!#$%&'*+-/=?^_`{|}~";
	size_t at = span_rfind(s, '@');
	struct span local = span_head(s, at);

	if (at == s.n || local.n == 0 || local.n > LOCAL_MAX)
		return false;
	for (struct span atom, rest = local; rest.p != NULL;) {
		atom = span_cut(&rest, '.');
		if (atom.n == 0)
			return false;
		for (size_t i = 0; i < atom.n; i++) {
			int c = span_at(atom, i);

			if (!is_alpha(c) && !is_digit(c) &&
			    (c == 0 || strchr(others, c) == NULL))
				return false;
		}
	}
	return conf_name_host(span_from(s, at + 1));
}
