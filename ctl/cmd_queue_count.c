/*
 * steadctl queue count: how many messages wait, by what they have in common.
 * qmgr lists them; here they are only counted, so a queue of a million costs no
 * more memory than it has domains.
 */
#include <search.h>
#include <stdlib.h>

#include "ctl/cmd.h"
#include "ctl/output.h"
#include "ctl/queue_filter.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define OUT_MAX ((size_t)256 << 20)

struct count {
	char *key;
	uint64_t messages;
};

struct counts {
	const char *by; /* a key of the rows */
	bool json;
	void *tree; /* tsearch(3), of struct count */
	size_t n;
	uint64_t messages;
};

static int
by_key(const void *p, const void *q)
{
	const struct count *a = p, *b = q;

	return strcmp(a->key, b->key);
}

static void
add(struct counts *c, struct span key)
{
	struct count *one = mem_alloc(sizeof(*one)), **found;

	one->key = span_dup(key);
	found = tsearch(one, &c->tree, by_key);
	if (found == NULL)
		fatal("no memory");
	if (*found != one) {
		free(one->key);
		free(one);
	} else {
		c->n++;
	}
	(*found)->messages++;
}

/* A message that waits for two domains counts for both. */
static void
on_row(void *ctx, struct span text)
{
	struct counts *c = ctx;
	struct output_row row;
	struct span value;

	output_parse(&row, text);
	value = output_get(&row, c->by);
	c->messages++;
	if (strcmp(c->by, "domains") != 0)
		add(c, value);
	while (strcmp(c->by, "domains") == 0 && value.p != NULL)
		add(c, span_cut(&value, ','));
	output_fini(&row);
}

struct sorted {
	size_t n;
	struct place {
		const struct count *count;
	} * v;
};

static void
collect(const void *node, VISIT when, void *arg)
{
	struct sorted *s = arg;

	if (when == postorder || when == leaf)
		s->v[s->n++].count = *(struct count *const *)node;
}

static int
most_first(const void *p, const void *q)
{
	const struct count *a = ((const struct place *)p)->count;
	const struct count *b = ((const struct place *)q)->count;

	if (a->messages != b->messages)
		return a->messages < b->messages ? 1 : -1;
	return strcmp(a->key, b->key);
}

static void
free_count(void *p)
{
	struct count *one = p;

	free(one->key);
	free(one);
}

static int
print(struct counts *c, const char *name)
{
	struct sorted s = {0, mem_array(c->n, sizeof(*s.v))};
	struct buf out;
	int status;

	twalk_r(c->tree, collect, &s);
	if (s.n > 0)
		qsort(s.v, s.n, sizeof(*s.v), most_first);
	buf_init(&out, OUT_MAX);
	buf_puts(&out, c->json ? "[" : "");
	for (size_t i = 0; i < s.n; i++) {
		struct span key = span_of(s.v[i].count->key);

		if (c->json) {
			buf_putf(&out, "%s\n{\"%s\":", i > 0 ? "," : "", name);
			output_json_string(&out, key);
			buf_putf(&out, ",\"messages\":%llu}",
			    (unsigned long long)s.v[i].count->messages);
			continue;
		}
		buf_putf(&out, "%8llu  ",
		    (unsigned long long)s.v[i].count->messages);
		output_plain(&out, key.n > 0 ? key : SPAN_LIT("<>"));
		buf_putc(&out, '\n');
	}
	if (c->json)
		buf_puts(&out, "\n]\n");
	else
		buf_putf(&out, "%8llu  messages in all\n",
		    (unsigned long long)c->messages);
	status = !out.over && fwrite(out.p, 1, out.n, stdout) == out.n &&
			 fflush(stdout) == 0
		     ? COMMAND_OK
		     : COMMAND_FAILED;
	buf_fini(&out);
	free(s.v);
	return status;
}

static const char *const names[] = {"domain", "sender", "reason", "state"};
static const char *const keys[] = {"domains", "sender", "reason", "state"};

/* What it is to be counted by: an index of names; -1: has been said. */
static int
take_by(const struct command_call *call)
{
	if (call->argc == 0)
		return 0;
	for (int i = 0; call->argc == 2 && i < 4; i++)
		if (strcmp(call->argv[0], "--by") == 0 &&
		    strcmp(call->argv[1], names[i]) == 0)
			return i;
	command_say("expected: queue count [--by domain|sender|reason|state] "
		    "[FILTER...]");
	return -1;
}

int
cmd_queue_count(const struct command_call *call)
{
	struct command_call mine = *call;
	struct counts c = {
	    .json = command_take_flag(&mine, "--json") || mine.json};
	struct server_answer a = {.on_row = on_row, .ctx = &c};
	struct queue_filter filter;
	union ipc_msg msg;
	struct server *s = NULL;
	int status = COMMAND_USAGE, by;

	by = queue_filter_take(&mine, &filter) ? take_by(&mine) : -1;
	if (by >= 0) {
		c.by = keys[by];
		msg.queue_list = filter.question;
		s = server_worker(&mine, ROLE_QMGR, &status);
	}
	if (s != NULL)
		status = server_ask_ok(s, MSG_QUEUE_LIST, &msg, &a);
	if (s != NULL && status == COMMAND_OK)
		status = print(&c, names[by]);
	if (s != NULL)
		server_answer_fini(&a);
	tdestroy(c.tree, free_count);
	server_close(&s);
	queue_filter_fini(&filter);
	return status;
}
