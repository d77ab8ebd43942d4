/*
 * Any bytes as a line of the accounts file. What is taken has to lead back to
 * itself; no reason may show the line.
 */
#include "lib/directory/account.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define LINE_MAX 8192

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct account a, b;
	struct buf line;

	account_init(&a);
	account_init(&b);
	buf_init(&line, LINE_MAX);
	if (account_parse(span_make(p, n), &a, NULL) == RC_OK) {
		must(account_format(&line, &a));
		must(account_parse(buf_span(&line), &b, NULL) == RC_OK);
		must(span_eq(buf_span(&a.login), buf_span(&b.login)));
		must(span_eq(a.hash, b.hash));
		must(span_eq(buf_span(&a.name), buf_span(&b.name)));
		must(span_eq(buf_span(&a.state), buf_span(&b.state)));
		must(a.hash.n > 0 && a.hash.n <= ACCOUNT_HASH_MAX);
		for (size_t i = 0; i < line.n; i++)
			must(line.p[i] >= 0x20 && line.p[i] < 0x7f);
	}
	buf_fini(&line);
	account_fini(&a);
	account_fini(&b);
	return 0;
}
