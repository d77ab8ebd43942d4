/*
 * Which messages are meant: see queue_filter.h.
 */
#include "ctl/output.h"
#include "ctl/queue_filter.h"
#include "lib/addr/beyond.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define IDS_BYTES ((size_t)256 << 20)

static bool
state_ok(struct span s)
{
	return span_eq(s, SPAN_LIT("active")) ||
	       span_eq(s, SPAN_LIT("deferred")) || span_eq(s, SPAN_LIT("held"));
}

/* As addresses stand in the queue, in b. */
static struct span
written(struct buf *b, const char *before, struct span value)
{
	struct buf whole;

	buf_init(&whole, value.n + 1);
	buf_puts(&whole, before);
	buf_put_span(&whole, value);
	addr_beyond_written(buf_span(&whole), b);
	buf_fini(&whole);
	return buf_span(b);
}

/* One filter and its value; *known: it is one. */
static bool
take(struct queue_filter *f, struct span key, struct span value, bool *known)
{
	struct msg_queue_list *m = &f->question;
	struct {
		const char *key;
		struct span *text;
		uint64_t *number;
		bool (*parse)(struct span s, uint64_t *n);
	} rows[] = {
	    {"--from", &m->sender, NULL, NULL},
	    {"--to", &m->recipient, NULL, NULL},
	    {"--domain", &m->recipient, NULL, NULL},
	    {"--state", &m->state, NULL, NULL},
	    {"--reason", &m->reason, NULL, NULL},
	    {"--older", NULL, &m->older_ms, num_duration},
	    {"--younger", NULL, &m->younger_ms, num_duration},
	    {"--larger", NULL, &m->larger, num_size},
	    {"--smaller", NULL, &m->smaller, num_size},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!span_eq(key, span_of(rows[i].key)))
			continue;
		*known = f->any = true;
		if (rows[i].number != NULL)
			return *rows[i].number == 0 &&
			       rows[i].parse(value, rows[i].number) &&
			       *rows[i].number > 0;
		if (rows[i].text->n > 0 || value.n == 0 ||
		    (rows[i].text == &m->state && !state_ok(value)))
			return false;
		*rows[i].text = value;
		if (rows[i].text == &m->sender)
			*rows[i].text = written(&f->sender, "", value);
		else if (rows[i].text == &m->recipient)
			*rows[i].text = written(&f->recipient,
			    span_eq(key, SPAN_LIT("--domain")) ? "@" : "",
			    value);
		return true;
	}
	*known = false;
	return true;
}

static void
say_wrong(const char *key, bool last)
{
	command_say("%s: %s", key,
	    last ? "a value is expected"
		 : "given twice, or no value that it takes");
}

bool
queue_filter_take(struct command_call *call, struct queue_filter *f)
{
	int n = 0;

	*f = (struct queue_filter){.question = {.id = 1}};
	buf_init(&f->sender, IPC_FRAME_MAX);
	buf_init(&f->recipient, IPC_FRAME_MAX);
	for (int i = 0; i < call->argc; i++) {
		bool last = i + 1 == call->argc, known;
		struct span value =
		    last ? SPAN_NONE : span_of(call->argv[i + 1]);

		if (!take(f, span_of(call->argv[i]), value, &known)) {
			say_wrong(call->argv[i], last);
			return false;
		}
		if (known)
			i++;
		else
			call->argv[n++] = call->argv[i];
	}
	call->argc = n;
	return true;
}

void
queue_filter_fini(struct queue_filter *f)
{
	buf_fini(&f->sender);
	buf_fini(&f->recipient);
}

struct ids {
	struct buf *b;
	size_t n;
};

static void
on_row(void *ctx, struct span text)
{
	struct ids *ids = ctx;
	struct output_row row;

	output_parse(&row, text);
	buf_put_span(ids->b, output_get(&row, "id"));
	buf_putc(ids->b, '\0');
	ids->n++;
	output_fini(&row);
}

int
queue_filter_ids(
    struct server *s, const struct queue_filter *f, struct buf *ids, size_t *n)
{
	union ipc_msg msg = {.queue_list = f->question};
	struct ids to = {.b = ids};
	struct server_answer a = {.on_row = on_row, .ctx = &to};
	int status;

	buf_init(ids, IDS_BYTES);
	status = server_ask_ok(s, MSG_QUEUE_LIST, &msg, &a);
	if (status == COMMAND_OK && ids->over) {
		command_say("too many messages at once");
		status = COMMAND_FAILED;
	}
	*n = to.n;
	server_answer_fini(&a);
	return status;
}
