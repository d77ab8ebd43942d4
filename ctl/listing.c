/*
 * Answers that are printed once they are whole: see listing.h.
 */
#include "ctl/listing.h"
#include "lib/base/banned.h"

struct printing {
	const struct listing *l;
	struct buf out;
	bool json;
	bool any;
};

static void
on_row(void *ctx, struct span text)
{
	struct printing *p = ctx;
	struct output_row row;

	output_parse(&row, text);
	if (p->json) {
		if (!p->l->single)
			buf_puts(&p->out, p->any ? ",\n" : "\n");
		output_json_row(&p->out, &row, p->l->texts);
	} else {
		p->l->row(&p->out, &row);
	}
	p->any = true;
	output_fini(&row);
}

static int
print(struct printing *p)
{
	struct buf *b = &p->out;

	if (p->json)
		buf_puts(b, p->l->single ? "\n" : "\n]\n");
	return !b->over && fwrite(b->p, 1, b->n, stdout) == b->n &&
		       fflush(stdout) == 0
		   ? COMMAND_OK
		   : COMMAND_FAILED;
}

int
listing_print(const struct command_call *call, const struct listing *l)
{
	struct printing p = {.l = l, .json = call->json};
	struct server_answer a = {.on_row = on_row, .ctx = &p};
	int status;
	struct server *s = server_worker(call, l->role, &status);

	if (s == NULL)
		return status;
	buf_init(&p.out, l->max);
	if (p.json && !l->single)
		buf_putc(&p.out, '[');
	status = server_ask_ok(s, l->type, l->msg, &a);
	if (status == COMMAND_OK)
		status = print(&p);
	server_answer_fini(&a);
	buf_fini(&p.out);
	server_close(&s);
	return status;
}
