/*
 * sendmail, mailq, newaliases: what programs of this host expect of a mail
 * server, told apart by the name they are called by. Has no right that its
 * caller lacks: it hands the message to smtpd, and everything else it asks as
 * steadctl does.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/letter.h"
#include "ctl/server.h"
#include "ctl/submit.h"
#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/id.h"
#include "lib/base/banned.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif

#define RCPTS_MAX (16U << 20)
#define NAME_MAX_ 200
/* header, stuffed dots and the CR that each line gets */
#define GROWTH 3

enum mode {
	MODE_MAIL,
	MODE_QUEUE,
	MODE_ALIASES,
	MODE_NOTHING
};

struct call {
	const char *conf_path;
	enum mode mode;
	bool from_header;   /* -t */
	bool dots;          /* -i: a line of a dot is text */
	const char *sender; /* -f; NULL: the caller */
	const char *name;   /* -F; NULL: as the system knows it */
	char **rcpts;
	uint8_t notify;    /* -N */
	uint8_t ret;       /* -R */
	const char *envid; /* -V; or NULL */
};

static int
usage(const char *text)
{
	command_say("%s", text);
	(void)fputs(/* the status tells too */
	    "usage: sendmail [-i] [-t] [-f ADDRESS] [-F NAME] [-C FILE] "
	    "[-N WHEN]\n"
	    "                [-R full|hdrs] [-V ENVID] [--] [ADDRESS...] "
	    "<MESSAGE\n"
	    "       sendmail -bp (mailq), sendmail -bi (newaliases)\n",
	    stderr);
	return EX_USAGE;
}

static bool
set_mode(struct call *c, char mode)
{
	if (mode == 'p')
		c->mode = MODE_QUEUE;
	else if (mode == 'i')
		c->mode = MODE_ALIASES;
	else if (mode != 'm')
		return false;
	return true;
}

/* What is asked about notices, RFC 3461: EX_OK or the exit status. */
static int
ask(struct call *c, int opt)
{
	struct span text = span_of(optarg);

	if (opt == 'N' && !addr_dsn_notify(text, &c->notify))
		return usage("-N: never, or of success,failure,delay");
	if (opt == 'R' && !addr_dsn_ret(text, &c->ret))
		return usage("-R: full or hdrs");
	if (opt == 'V')
		c->envid = optarg;
	return EX_OK;
}

/* The same as parameters of MAIL and RCPT. */
static int
put_asked(const struct call *c, struct buf *mail, struct buf *rcpt)
{
	struct buf envid, checked;
	bool ok = true;

	if (c->ret != ADDR_DSN_RET_UNSAID)
		buf_putf(mail, " RET=%s", addr_dsn_ret_text(c->ret));
	if (c->envid != NULL) {
		buf_init(&envid, 4096);
		buf_init(&checked, 4096);
		addr_dsn_put_xtext(&envid, span_of(c->envid));
		ok = !envid.over && addr_dsn_envid(&checked, buf_span(&envid));
		buf_putf(mail, " ENVID=%s", buf_cstr(&checked));
		buf_fini(&envid);
		buf_fini(&checked);
	}
	if (c->notify != ADDR_DSN_UNSAID) {
		buf_puts(rcpt, " NOTIFY=");
		addr_dsn_put_notify(rcpt, c->notify);
	}
	return ok ? EX_OK
		  : usage("-V: up to 100 printable characters of ASCII");
}

/* EX_OK, or the exit status. What other sendmails have and changes nothing
 * here is taken and passed over. */
static int
parse(struct call *c, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv,
		    "A:B:C:F:GL:N:O:R:UV:X:b:cd:ef:h:imno:p:q::r:tv")) != -1) {
		if (opt == 'C')
			c->conf_path = optarg;
		else if (opt == 'F')
			c->name = optarg;
		else if (opt == 'f' || opt == 'r')
			c->sender = optarg;
		else if (opt == 't')
			c->from_header = true;
		else if (opt == 'i' || (opt == 'o' && span_eq(span_of(optarg),
							  SPAN_LIT("i"))))
			c->dots = true;
		else if (opt == 'q')
			c->mode = MODE_NOTHING; /* the queue runs by itself */
		else if (opt == 'b' && (optarg[0] == 'd' || optarg[0] == 'D'))
			return usage("the server is started by its service "
				     "mailstead, not by -bd");
		else if (opt == 'b' && !set_mode(c, optarg[0]))
			return usage("-b: only m, p and i are there");
		else if (opt == '?')
			return usage("no such option");
		else if (ask(c, opt) != EX_OK)
			return EX_USAGE;
	}
	c->rcpts = argv + optind;
	return EX_OK;
}

/* An address of the caller's: canonical, with the domain if it has none. */
static bool
one_address(const char *text, struct span domain, struct buf *out)
{
	if (span_eq(span_of(text), SPAN_LIT("<>")) || text[0] == '\0')
		return true;
	letter_addresses(span_of(text), domain, out);
	if (out->n == 0 || span_find(buf_span(out), '\n') != out->n - 1)
		return false;
	out->n--;
	return true;
}

static void
user_name(struct buf *b)
{
	const struct passwd *pw = getpwuid(getuid());

	if (pw != NULL && pw->pw_name[0] != '\0')
		buf_puts(b, pw->pw_name);
	else
		buf_putf(b, "uid%u", (unsigned)getuid());
}

/* The name as a phrase before <address> (RFC 5322 3.2.5; RFC 2047 5 (3)). */
static void
put_name(struct buf *b, struct span name)
{
	bool ascii = true;
	size_t n;

	name = span_head(name, NAME_MAX_);
	if (name.n == 0)
		return;
	for (size_t i = 0; i < name.n; i++)
		ascii = ascii && name.p[i] >= ' ' && name.p[i] <= '~';
	if (!ascii) {
		/* an encoded word has at most 75 bytes: no half character */
		for (n = 45; (span_at(name, n) & 0xc0) == 0x80 && n > 0; n--)
			continue;
		name = span_head(name, n);
		buf_puts(b, "=?UTF-8?B?");
		enc_base64(b, name);
		buf_puts(b, "?= ");
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_putc(b, '\\');
		buf_putc(b, name.p[i]);
	}
	buf_puts(b, "\" ");
}

static void
put_from(struct buf *b, const struct call *c, struct span address)
{
	const struct passwd *pw = getpwuid(getuid());
	struct span gecos = span_of(pw == NULL ? "" : pw->pw_gecos);
	struct span known = span_cut(&gecos, ',');

	put_name(b, c->name != NULL ? span_of(c->name) : known);
	buf_putc(b, '<');
	buf_put_span(b, address);
	buf_putc(b, '>');
}

/* Standard input, to its end: a program may write for hours, smtpd would not
 * wait that long. */
static int
read_input(struct buf *b)
{
	for (;;) {
		char *room = buf_reserve(b, 65536);
		ssize_t n;

		if (room == NULL) {
			command_say("the message is larger than %zu bytes, "
				    "the most that is taken",
			    b->max - 65536);
			return EX_UNAVAILABLE;
		}
		n = read(STDIN_FILENO, room, 65536);
		if (n == 0)
			return EX_OK;
		if (n < 0 && errno != EINTR) {
			command_say("the message cannot be read: %s",
			    strerrordesc_np(errno));
			return EX_IOERR;
		}
		if (n > 0)
			b->n += (size_t)n;
	}
}

/* Sender and recipients are known, the message is read: put it together. */
static int
send_letter(const struct call *c, const struct conf *conf,
    const struct letter *l, struct submit *m)
{
	struct buf data, date, from, id;
	struct id unique = id_new();
	int status;

	buf_init(&data, GROWTH * (l->head.n + l->body.n) + 65536);
	buf_init(&date, 64);
	buf_init(&from, 4096);
	buf_init(&id, 512);
	clock_put_rfc5322(&date, clock_real_us());
	put_from(&from, c, m->sender);
	buf_putf(&id, "<" SPAN_FMT "@%s>", SPAN_ARG(id_span(&unique)),
	    conf->hostname);
	if (letter_write(l,
		&(struct letter_defaults){
		    buf_span(&from), buf_span(&date), buf_span(&id)},
		&data)) {
		m->data = buf_span(&data);
		status = submit_message(m);
	} else {
		command_say("the message cannot be put together");
		status = EX_SOFTWARE;
	}
	buf_fini(&data);
	buf_fini(&date);
	buf_fini(&from);
	buf_fini(&id);
	return status;
}

static int
gather(const struct call *c, const struct conf *conf, const struct letter *l,
    struct buf *sender, struct buf *rcpts)
{
	struct span domain = span_of(conf->domains.v[0]);
	struct buf user;
	bool ok;

	buf_init(&user, 512);
	user_name(&user);
	ok = one_address(
	    c->sender != NULL ? c->sender : buf_cstr(&user), domain, sender);
	buf_fini(&user);
	if (!ok)
		return usage("-f: not an address");
	for (char **r = c->rcpts; *r != NULL; r++)
		letter_addresses(span_of(*r), domain, rcpts);
	if (c->from_header)
		letter_recipients(l, domain, rcpts);
	if (rcpts->over) {
		command_say("too many recipients");
		return EX_DATAERR;
	}
	return rcpts->n > 0 ? EX_OK : usage("no recipients");
}

static int
run_mail(const struct call *c, const struct conf *conf)
{
	struct submit m = {.run = conf->paths.run, .hostname = conf->hostname};
	struct buf in, sender, rcpts, mail, rcpt;
	struct letter l;
	int status;

	buf_init(&in, (size_t)conf->smtpd.max_message_size + 65536);
	buf_init(&sender, 4096);
	buf_init(&rcpts, RCPTS_MAX);
	buf_init(&mail, 1024);
	buf_init(&rcpt, 1024);
	status = put_asked(c, &mail, &rcpt);
	if (status == EX_OK)
		status = read_input(&in);
	letter_read(
	    &l, c->dots ? buf_span(&in) : letter_cut_at_dot(buf_span(&in)));
	if (status == EX_OK)
		status = gather(c, conf, &l, &sender, &rcpts);
	m.sender = buf_span(&sender);
	m.rcpts = buf_span(&rcpts);
	m.mail = buf_cstr(&mail);
	m.rcpt = buf_cstr(&rcpt);
	if (status == EX_OK)
		status = send_letter(c, conf, &l, &m);
	buf_fini(&in);
	buf_fini(&sender);
	buf_fini(&rcpts);
	buf_fini(&mail);
	buf_fini(&rcpt);
	return status;
}

static int
run_aliases(const struct command_call *call)
{
	union ipc_msg msg = {.ctl_compile = {.id = 1}};
	struct server *s = server_open(call);
	struct server_answer a = {0};
	int status = COMMAND_NO_SERVER;

	if (s == NULL)
		return status;
	if (server_ask(s, MSG_CTL_COMPILE, &msg, &a)) {
		/* also when it has been taken up: lines with mistakes */
		struct span rest = buf_span(&a.text);

		status = a.rc == RC_OK ? COMMAND_OK : COMMAND_FAILED;
		while (rest.n > 0) {
			struct span line = span_cut(&rest, '\n');

			command_say(SPAN_FMT, SPAN_ARG(line));
		}
	} else {
		server_say_gone(s);
	}
	server_answer_fini(&a);
	server_close(&s);
	return status;
}

/* steadctl's statuses as sysexits.h has them */
static int
sysexit(int status)
{
	if (status == COMMAND_OK)
		return EX_OK;
	return status == COMMAND_NO_SERVER ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

int
main(int argc, char **argv)
{
	struct call c = {.conf_path = SYSCONFDIR "/mailstead/mailstead.yaml"};
	struct span name = span_of(program_invocation_short_name);
	struct command_call call = {0};
	struct conf *conf;
	int status;

	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
	if (span_eq(name, SPAN_LIT("mailq")))
		c.mode = MODE_QUEUE;
	else if (span_eq(name, SPAN_LIT("newaliases")))
		c.mode = MODE_ALIASES;
	status = parse(&c, argc, argv);
	if (status != EX_OK)
		return status;
	call.conf_path = c.conf_path;
	if (c.mode == MODE_NOTHING)
		return EX_OK;
	if (c.mode == MODE_QUEUE)
		return sysexit(cmd_queue_list(&call));
	if (c.mode == MODE_ALIASES)
		return sysexit(run_aliases(&call));
	conf = server_conf(&call);
	if (conf == NULL)
		return EX_CONFIG;
	status = run_mail(&c, conf);
	conf_free(&conf);
	return status;
}
