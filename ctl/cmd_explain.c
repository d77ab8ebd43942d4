/*
 * steadctl explain: what a refusal means, out of explain.def. No server is
 * needed.
 */
#include "ctl/cmd.h"
#include "ctl/output.h"
#include "lib/base/buf.h"
#include "lib/base/banned.h"

#define OUT_MAX 65536

static const struct row {
	const char *code; /* "": has none */
	const char *status;
	const char *what;
	const char *mend;
} rows[] = {
#define EXPLAIN(code, status, what, mend) {code, status, what, mend},
#include "ctl/explain.def"
#undef EXPLAIN
};

/* By short code, with or without its brackets, or by enhanced status code. */
static bool
is_meant(const struct row *row, struct span said)
{
	if (span_starts(said, SPAN_LIT("[")))
		said = span_from(said, 1);
	if (said.n > 0 && said.p[said.n - 1] == ']')
		said.n--;
	return said.n > 0 && (span_eq(said, span_of(row->code)) ||
				 span_eq(said, span_of(row->status)));
}

static void
put_row(struct buf *b, const struct row *row)
{
	const char *code = row->code[0] == '\0' ? "-" : row->code;

	buf_putf(
	    b, "%s  %s\n  %s\n  %s\n", row->status, code, row->what, row->mend);
}

static void
put_pair(struct buf *b, const char *key, const char *value)
{
	buf_putf(b, "\"%s\":", key);
	output_json_string(b, span_of(value));
}

static void
put_json(struct buf *b, const struct row *row)
{
	buf_puts(b, b->n == 1 ? "{" : ",\n{");
	if (row->code[0] != '\0') {
		put_pair(b, "code", row->code);
		buf_putc(b, ',');
	}
	put_pair(b, "status", row->status);
	buf_putc(b, ',');
	put_pair(b, "what", row->what);
	buf_putc(b, ',');
	put_pair(b, "mend", row->mend);
	buf_putc(b, '}');
}

int
cmd_explain(const struct command_call *call)
{
	struct buf b;
	size_t found = 0;
	bool ok;

	buf_init(&b, OUT_MAX);
	buf_puts(&b, call->json ? "[" : "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (call->argc > 0 &&
		    !is_meant(&rows[i], span_of(call->argv[0])))
			continue;
		found++;
		if (call->json)
			put_json(&b, &rows[i]);
		else
			put_row(&b, &rows[i]);
	}
	buf_puts(&b, call->json ? "]\n" : "");
	if (found == 0)
		command_say("no such code: %s (it stands in brackets at the "
			    "end of a refusal; \"explain\" alone lists all)",
		    call->argv[0]);
	ok = found > 0 && !b.over && fwrite(b.p, 1, b.n, stdout) == b.n &&
	     fflush(stdout) == 0;
	buf_fini(&b);
	return ok ? COMMAND_OK : COMMAND_FAILED;
}
