/*
 * Any octets as a PROXY header: cut in two anywhere they mean the same, and
 * what is taken as an address is one.
 */
#include <string.h>

#include "lib/base/network.h"
#include "lib/ev/proxy.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = span_make(p, n);
	struct proxy whole = {0}, cut = {0};
	size_t used = proxy_take(&whole, in), at = n == 0 ? 0 : p[n - 1] % n;
	size_t first = proxy_take(&cut, span_head(in, at));
	uint8_t ip[16];

	if (first == at)
		first += proxy_take(&cut, span_from(in, at));
	must(first == used && cut.state == whole.state);
	must(strcmp(cut.address, whole.address) == 0);
	must(used == n || whole.state != PROXY_MORE);
	must(whole.address[0] == '\0' ||
	     (whole.state == PROXY_DONE &&
		 network_address(span_of(whole.address), ip)));
	return 0;
}
