/*
 * steadctl status: what runs, and what holds it in.
 */
#include "ctl/cmd.h"
#include "ctl/output.h"
#include "ctl/server.h"
#include "lib/sandbox/policy.h"
#include "lib/worker/worker.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define OUT_MAX ((size_t)4 << 20)

struct status {
	struct buf server;
	struct buf workers;
	struct buf listeners;
	struct buf mistakes;
	bool json;
	bool bad; /* something does not run */
};

static const struct layer {
	uint64_t bit;
	const char *name;
} layers[] = {
    {WORKER_LAYER_IDS, "uid"},
    {WORKER_LAYER_CHROOT, "chroot"},
    {WORKER_LAYER_CAPS, "capabilities"},
    {WORKER_LAYER_NO_NEW_PRIVS, "no_new_privs"},
    {WORKER_LAYER_LANDLOCK, "landlock"},
    {WORKER_LAYER_SECCOMP, "seccomp"},
};
#define LAYERS (sizeof(layers) / sizeof(layers[0]))

/* Only those who read the network are in a root folder of their own. */
static bool
is_expected(struct span role, uint64_t bit)
{
	if (bit != WORKER_LAYER_CHROOT)
		return true;
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		if ((SANDBOX_FRONTS & 1U << r) != 0 &&
		    span_eq(role, span_of(role_name((enum role)r))))
			return true;
	return false;
}

static void
put_layers(
    struct buf *b, const struct output_row *row, bool missing, const char *sep)
{
	struct span role = output_get(row, "role");
	uint64_t has = output_number(row, "layers");
	const char *s = "";

	for (size_t i = 0; i < LAYERS; i++) {
		bool is = (has & layers[i].bit) != 0;

		if (is == missing ||
		    (missing && !is_expected(role, layers[i].bit)))
			continue;
		buf_puts(b, s);
		buf_puts(b, layers[i].name);
		if (!missing && layers[i].bit == WORKER_LAYER_LANDLOCK)
			buf_putf(b, " %llu",
			    (unsigned long long)output_number(row, "landlock"));
		s = sep;
	}
}

static void
put_age(struct buf *b, uint64_t s)
{
	if (s >= 86400)
		buf_putf(b, "%llud", (unsigned long long)(s / 86400));
	else if (s >= 3600)
		buf_putf(b, "%lluh", (unsigned long long)(s / 3600));
	else if (s >= 60)
		buf_putf(b, "%llum", (unsigned long long)(s / 60));
	else
		buf_putf(b, "%llus", (unsigned long long)s);
}

/* What the worker itself says: the pairs that are not master's. */
static void
put_numbers(struct buf *b, const struct output_row *row)
{
	static const char *const masters[] = {"kind", "role", "index",
	    "generation", "state", "pid", "deaths", "age_s", "layers",
	    "landlock"};
	const char *s = "";

	for (size_t i = 0; i < row->n; i++) {
		const struct output_pair *p = &row->pairs[i];
		bool own = true;

		for (size_t k = 0; k < sizeof(masters) / sizeof(*masters); k++)
			own = own && !span_eq(p->key, span_of(masters[k]));
		if (!own)
			continue;
		buf_puts(b, s);
		output_plain(b, p->key);
		buf_putc(b, '=');
		output_plain(b, span_make(p->value, p->n));
		s = " ";
	}
}

static void
put_held(struct buf *b, const struct output_row *row)
{
	size_t before;

	buf_puts(b, "held by ");
	put_layers(b, row, false, ", ");
	buf_puts(b, "; missing: ");
	before = b->n;
	put_layers(b, row, true, ", ");
	if (b->n == before)
		buf_puts(b, "nothing");
}

static bool
is_unconfined(struct span role)
{
	for (size_t i = 0; i < workers_n; i++)
		if (span_eq(role, span_of(role_name(workers[i].role))))
			return workers[i].as_root;
	return false;
}

static void
put_worker(struct status *st, const struct output_row *row)
{
	struct span role = output_get(row, "role");
	struct buf *b = &st->workers, name;
	bool running = span_eq(output_get(row, "state"), SPAN_LIT("running"));

	buf_init(&name, 64);
	buf_putf(&name, SPAN_FMT " %llu", SPAN_ARG(role),
	    (unsigned long long)output_number(row, "index"));
	buf_putf(b, "%-10s " SPAN_FMT ", pid %llu, generation %llu, age ",
	    buf_cstr(&name), SPAN_ARG(output_get(row, "state")),
	    (unsigned long long)output_number(row, "pid"),
	    (unsigned long long)output_number(row, "generation"));
	buf_fini(&name);
	put_age(b, output_number(row, "age_s"));
	if (output_number(row, "deaths") > 0)
		buf_putf(b, ", died %llu times in a row",
		    (unsigned long long)output_number(row, "deaths"));
	if (running) {
		buf_puts(b, "\n           ");
		if (is_unconfined(role))
			buf_puts(b, "root, held by nothing, as PAM needs it; "
				    "its processes are held as their users");
		else
			put_held(b, row);
		buf_puts(b, "\n           ");
		put_numbers(b, row);
	}
	buf_putc(b, '\n');
}

static void
put_worker_json(struct status *st, const struct output_row *row)
{
	struct buf text, more;

	buf_puts(&st->workers, st->workers.n > 0 ? ",\n" : "");
	output_json_row(
	    &st->workers, row, "role state version hostname reason tls_until");
	if (st->workers.n == 0)
		return;
	st->workers.n--; /* its brace: more follows */
	buf_init(&text, 256);
	buf_init(&more, 256);
	put_layers(&text, row, false, ", ");
	buf_puts(&st->workers, ",\"held_by\":");
	output_json_string(&st->workers, buf_span(&text));
	if (span_eq(output_get(row, "state"), SPAN_LIT("running")))
		put_layers(&more, row, true, ", ");
	buf_puts(&st->workers, ",\"missing\":");
	output_json_string(&st->workers, buf_span(&more));
	buf_putc(&st->workers, '}');
	buf_fini(&text);
	buf_fini(&more);
}

static void
put_server(struct status *st, const struct output_row *row)
{
	if (st->json) {
		output_json_row(&st->server, row, "version state hostname");
		return;
	}
	buf_puts(&st->server, "mailstead ");
	output_plain(&st->server, output_get(row, "version"));
	buf_puts(&st->server, " on ");
	output_plain(&st->server, output_get(row, "hostname"));
	buf_puts(&st->server, ": ");
	output_plain(&st->server, output_get(row, "state"));
	buf_puts(&st->server, " for ");
	put_age(&st->server, output_number(row, "uptime_s"));
	buf_putc(&st->server, '\n');
}

static void
put_listener(struct status *st, const struct output_row *row)
{
	if (st->json) {
		buf_puts(&st->listeners, st->listeners.n > 0 ? ",\n" : "");
		output_json_row(&st->listeners, row, "service address");
		return;
	}
	buf_putf(&st->listeners, "%-12.*s ", (int)output_get(row, "service").n,
	    output_get(row, "service").p);
	output_plain(&st->listeners, output_get(row, "address"));
	buf_putc(&st->listeners, '\n');
}

static void
put_mistake(struct status *st, const struct output_row *row)
{
	struct buf *b = &st->mistakes;

	if (st->json) {
		buf_puts(b, b->n > 0 ? ",\n" : "");
		output_json_string(b, output_get(row, "line"));
		return;
	}
	buf_puts(b, b->n > 0 ? "" : "\nIn accounts and aliases:\n");
	output_plain(b, output_get(row, "line"));
	buf_putc(b, '\n');
}

static void
on_row(void *ctx, struct span text)
{
	struct status *st = ctx;
	struct output_row row;
	struct span kind, state;

	output_parse(&row, text);
	kind = output_get(&row, "kind");
	state = output_get(&row, "state");
	if (span_eq(kind, SPAN_LIT("server"))) {
		put_server(st, &row);
		st->bad = st->bad || !span_eq(state, SPAN_LIT("running"));
	} else if (span_eq(kind, SPAN_LIT("worker"))) {
		if (st->json)
			put_worker_json(st, &row);
		else
			put_worker(st, &row);
		/* the generation before may take its time to end */
		st->bad = st->bad || (!span_eq(state, SPAN_LIT("running")) &&
					 !span_eq(state, SPAN_LIT("draining")));
	} else if (span_eq(kind, SPAN_LIT("listener"))) {
		put_listener(st, &row);
	} else if (span_eq(kind, SPAN_LIT("mistake"))) {
		put_mistake(st, &row);
	}
	output_fini(&row);
}

static bool
print(struct status *st)
{
	struct buf b;
	bool ok;

	buf_init(&b, OUT_MAX);
	buf_puts(&b, st->json ? "{\"server\":" : "");
	buf_put_span(&b, buf_span(&st->server));
	buf_puts(&b, st->json ? ",\n\"workers\":[\n" : "\n");
	buf_put_span(&b, buf_span(&st->workers));
	buf_puts(&b, st->json ? "],\n\"listeners\":[\n" : "\n");
	buf_put_span(&b, buf_span(&st->listeners));
	buf_puts(&b, st->json ? "],\n\"mistakes\":[\n" : "");
	buf_put_span(&b, buf_span(&st->mistakes));
	buf_puts(&b, st->json ? "]}\n" : "");
	ok = !b.over && !st->server.over && !st->workers.over &&
	     !st->mistakes.over && !st->listeners.over &&
	     fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
	buf_fini(&b);
	return ok;
}

int
cmd_status(const struct command_call *call)
{
	union ipc_msg msg = {.ctl_status = {.id = 1}};
	struct status st = {.json = call->json};
	struct server_answer a = {.on_row = on_row, .ctx = &st};
	struct server *s = server_open(call);
	int status = COMMAND_NO_SERVER;

	if (s == NULL)
		return status;
	buf_init(&st.server, OUT_MAX);
	buf_init(&st.workers, OUT_MAX);
	buf_init(&st.listeners, OUT_MAX);
	buf_init(&st.mistakes, OUT_MAX);
	if (!server_ask(s, MSG_CTL_STATUS, &msg, &a)) {
		server_say_gone(s);
	} else {
		status = COMMAND_OK;
		if ((a.rc != RC_PERM && !print(&st)) || st.bad || a.rc != RC_OK)
			status = COMMAND_FAILED;
		if (a.rc != RC_OK)
			command_say("%s", buf_cstr(&a.text));
	}
	server_answer_fini(&a);
	buf_fini(&st.server);
	buf_fini(&st.workers);
	buf_fini(&st.listeners);
	buf_fini(&st.mistakes);
	server_close(&s);
	return status;
}
