/*
 * "address:port", "unix:/path": see endpoint.h.
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "lib/base/num.h"
#include "lib/conf/endpoint.h"
#include "lib/base/banned.h"

bool
conf_endpoint_parse(struct span text, struct conf_endpoint *out)
{
	struct conf_endpoint e = {.family = AF_INET};
	size_t colon = span_rfind(text, ':');
	struct span host = span_head(text, colon);
	struct in6_addr scratch; /* the larger of the two */
	uint64_t port;

	if (span_starts(text, SPAN_LIT("unix:/"))) {
		e.family = AF_UNIX;
		if (!span_copy(span_from(text, 5), e.path, sizeof(e.path)))
			return false;
		*out = e;
		return true;
	}
	if (colon == text.n ||
	    !num_range(span_from(text, colon + 1), 0, UINT16_MAX, &port))
		return false;
	e.port = (uint16_t)port;
	if (span_eq(host, SPAN_LIT("*"))) {
		e.family = AF_UNSPEC;
		*out = e;
		return true;
	}
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
		host = (struct span){host.p + 1, host.n - 2};
		e.family = AF_INET6;
	}
	if (!span_copy(host, e.host, sizeof(e.host)) ||
	    inet_pton(e.family, e.host, &scratch) != 1)
		return false;
	*out = e;
	return true;
}
