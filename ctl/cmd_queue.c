/*
 * steadctl queue list and show: asks qmgr, over a link that master makes.
 * What comes is printed as it comes: a queue is larger than memory ought to
 * be. What strangers wrote goes to a terminal without control characters.
 */
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/output.h"
#include "ctl/queue_filter.h"
#include "ctl/server.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define LIMIT 1000
#define TEXTS                                                           \
	"id state arrived sender domains client protocol login reason " \
	"address "                                                      \
	"account word status text host reply need by"

struct printer {
	bool json;
	bool terminal;
	uint64_t rows;
	bool failed; /* stdout takes no more */
};

static void
put(struct printer *p, const struct buf *b)
{
	if (b->over || fwrite(b->p, 1, b->n, stdout) != b->n)
		p->failed = true;
}

static void
put_time(struct buf *b, uint64_t s)
{
	if (s >= 3600)
		buf_putf(b, "%lluh%02llum", (unsigned long long)(s / 3600),
		    (unsigned long long)(s / 60 % 60));
	else if (s >= 60)
		buf_putf(b, "%llum", (unsigned long long)(s / 60));
	else
		buf_putf(b, "%llus", (unsigned long long)s);
}

static void
put_message(struct buf *b, const struct output_row *row)
{
	output_plain(b, output_get(row, "id"));
	buf_putf(b, "  %-8.*s ", SPAN_ARG(output_get(row, "state")));
	output_plain(b, output_get(row, "arrived"));
	buf_putf(b, " %9llu bytes, %llu of %llu to do, from <",
	    (unsigned long long)output_number(row, "size"),
	    (unsigned long long)output_number(row, "todo"),
	    (unsigned long long)output_number(row, "recipients"));
	output_plain(b, output_get(row, "sender"));
	buf_puts(b, "> to ");
	output_plain(b, output_get(row, "domains"));
	buf_putf(b, "\n    %llu attempts",
	    (unsigned long long)output_number(row, "attempts"));
	if (output_get(row, "next_s").n > 0) {
		buf_puts(b, ", next in ");
		put_time(b, output_number(row, "next_s"));
	}
	if (output_get(row, "reason").n > 0) {
		buf_puts(b, ": ");
		output_plain(b, output_get(row, "reason"));
	}
	buf_putc(b, '\n');
}

static void
put_recipient(struct buf *b, const struct output_row *row)
{
	buf_puts(b, "    ");
	output_plain(b, output_get(row, "word"));
	buf_puts(b, " <");
	output_plain(b, output_get(row, "address"));
	buf_puts(b, ">");
	if (output_get(row, "account").n == 0) {
		buf_puts(b, " at another host");
	} else if (!span_eq(output_get(row, "address"),
		       output_get(row, "account"))) {
		buf_puts(b, " for ");
		output_plain(b, output_get(row, "account"));
	}
	if (span_eq(output_get(row, "waits"), SPAN_LIT("yes")))
		buf_puts(b, ", waits for its turn");
	if (span_eq(output_get(row, "underway"), SPAN_LIT("yes")))
		buf_puts(b, ", an attempt is under way");
	if (output_get(row, "text").n > 0) {
		buf_puts(b, ": ");
		output_plain(b, output_get(row, "status"));
		buf_putc(b, ' ');
		output_plain(b, output_get(row, "text"));
	}
	if (output_get(row, "reply").n > 0) {
		buf_puts(b, "\n        ");
		output_plain(b, output_get(row, "host"));
		buf_puts(b, " said: ");
		output_plain(b, output_get(row, "reply"));
	}
	buf_putc(b, '\n');
}

static void
on_list_row(void *ctx, struct span text)
{
	struct printer *p = ctx;
	struct output_row row;
	struct buf b;

	output_parse(&row, text);
	buf_init(&b, 4 * IPC_FRAME_MAX);
	if (p->json) {
		buf_puts(&b, p->rows > 0 ? ",\n" : "\n");
		output_json_row(&b, &row, TEXTS);
	} else {
		put_message(&b, &row);
	}
	p->rows++;
	put(p, &b);
	buf_fini(&b);
	output_fini(&row);
}

/* The exit status, when the server's answer and our own output are done. */
static int
conclude(
    struct printer *p, struct server *s, bool answered, struct server_answer *a)
{
	int status = COMMAND_OK;

	if (fflush(stdout) != 0)
		p->failed = true;
	if (!answered) {
		server_say_gone(s);
		status = COMMAND_NO_SERVER;
	} else if (a->rc != RC_OK) {
		command_say("%s", buf_cstr(&a->text));
		status = COMMAND_FAILED;
	} else if (p->failed) {
		command_say("standard output takes no more");
		status = COMMAND_FAILED;
	} else if (a->text.n > 0) {
		command_say("%s", buf_cstr(&a->text));
	}
	return status;
}

/* [--limit N] [FILTER...] */
static int
take_list(struct command_call *call, struct queue_filter *f)
{
	if (!queue_filter_take(call, f))
		return COMMAND_USAGE;
	f->question.limit = LIMIT;
	if (call->argc != 0 &&
	    (call->argc != 2 ||
		!span_eq(span_of(call->argv[0]), SPAN_LIT("--limit")) ||
		!num_u64(span_of(call->argv[1]), &f->question.limit))) {
		command_say("expected: queue list [--limit N] [FILTER...]");
		return COMMAND_USAGE;
	}
	return COMMAND_OK;
}

int
cmd_queue_list(const struct command_call *call)
{
	struct command_call mine = *call;
	struct printer p = {
	    .json = command_take_flag(&mine, "--json") || mine.json};
	struct server_answer a = {.on_row = on_list_row, .ctx = &p};
	struct queue_filter filter;
	union ipc_msg msg;
	struct server *s;
	bool answered;
	int status;

	status = take_list(&mine, &filter);
	s = status == COMMAND_OK ? server_worker(&mine, ROLE_QMGR, &status)
				 : NULL;
	if (s == NULL) {
		queue_filter_fini(&filter);
		return status;
	}
	msg.queue_list = filter.question;
	if (p.json && fputs("[", stdout) == EOF)
		p.failed = true;
	answered = server_ask(s, MSG_QUEUE_LIST, &msg, &a);
	/* half a list is left open: no JSON */
	if (p.json && answered && a.rc == RC_OK && fputs("\n]\n", stdout) < 0)
		p.failed = true;
	status = conclude(&p, s, answered, &a);
	server_answer_fini(&a);
	server_close(&s);
	queue_filter_fini(&filter);
	return status;
}

/* {"message":{...},"recipients":[{...},...]} */
static void
on_show_row(void *ctx, struct span text)
{
	struct printer *p = ctx;
	struct output_row row;
	bool first;
	struct buf b;

	output_parse(&row, text);
	buf_init(&b, 4 * IPC_FRAME_MAX);
	first = span_eq(output_get(&row, "kind"), SPAN_LIT("message"));
	if (p->json) {
		buf_puts(&b, first         ? "{\"message\":"
			     : p->rows > 1 ? ",\n"
					   : "");
		output_json_row(&b, &row, TEXTS);
		buf_puts(&b, first ? ",\n\"recipients\":[" : "");
	} else if (first) {
		put_message(&b, &row);
		buf_puts(&b, "    received from ");
		output_plain(&b, output_get(&row, "client"));
		buf_puts(&b, " with ");
		output_plain(&b, output_get(&row, "protocol"));
		if (output_get(&row, "login").n > 0) {
			buf_puts(&b, ", logged in as ");
			output_plain(&b, output_get(&row, "login"));
		}
		if (output_get(&row, "need").n > 0) {
			buf_puts(&b, ", TLS further on ");
			output_plain(&b, output_get(&row, "need"));
		}
		if (output_get(&row, "by").n > 0) {
			buf_puts(&b, ", to be delivered by ");
			output_plain(&b, output_get(&row, "by"));
		}
		buf_putc(&b, '\n');
	} else {
		put_recipient(&b, &row);
	}
	p->rows++;
	put(p, &b);
	buf_fini(&b);
	output_fini(&row);
}

/* As it is; but a terminal would obey what a stranger wrote to it. */
static void
on_show_data(void *ctx, struct span data)
{
	struct printer *p = ctx;
	struct buf b;

	buf_init(&b, data.n + 1);
	if (p->rows > 0)
		buf_putc(&b, '\n');
	p->rows = 0;
	if (!p->terminal)
		buf_put_span(&b, data);
	for (size_t i = 0; p->terminal && i < data.n; i++) {
		int c = span_at(data, i);

		if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f))
			buf_putc(&b, (char)c);
		else if (c != '\r')
			buf_putc(&b, '?');
	}
	put(p, &b);
	buf_fini(&b);
}

int
cmd_queue_show(const struct command_call *call)
{
	struct command_call mine = *call;
	struct printer p = {
	    .json = command_take_flag(&mine, "--json") || mine.json,
	    .terminal = isatty(STDOUT_FILENO) == 1};
	union ipc_msg msg = {.queue_show = {.id = 1, .part = 2}};
	struct server_answer a = {
	    .on_row = on_show_row, .on_data = on_show_data, .ctx = &p};
	struct server *s;
	bool answered;
	int status;

	if (command_take_flag(&mine, "--headers"))
		msg.queue_show.part = 1;
	if (mine.argc != 1) {
		command_say("expected: queue show [--headers] ID");
		return COMMAND_USAGE;
	}
	/* a message may be no text: in JSON there is the envelope only */
	if (p.json)
		msg.queue_show.part = 0;
	msg.queue_show.qid = span_of(mine.argv[0]);
	s = server_worker(&mine, ROLE_QMGR, &status);
	if (s == NULL)
		return status;
	answered = server_ask(s, MSG_QUEUE_SHOW, &msg, &a);
	if (p.json && answered && a.rc == RC_OK && fputs("]}\n", stdout) < 0)
		p.failed = true;
	status = conclude(&p, s, answered, &a);
	server_answer_fini(&a);
	server_close(&s);
	return status;
}
