/*
 * steadctl: the administrator's hand. Opens no file of the server's but its
 * configuration; everything else it asks of the one who owns it.
 */
#include <getopt.h>
#include <stdlib.h>

#include "ctl/command.h"
#include "lib/base/buf.h"
#include "lib/base/banned.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif

static int
unknown(int argc, char **argv)
{
	const char *near;
	struct buf said;

	buf_init(&said, 256);
	buf_puts(&said, argv[0]);
	near = command_nearest(buf_span(&said));
	/* the first word of two: what is meant is in the second */
	if (argc > 1 && (near == NULL || strcmp(argv[0], "account") == 0 ||
			    strcmp(argv[0], "queue") == 0)) {
		buf_putc(&said, ' ');
		buf_puts(&said, argv[1]);
		near = command_nearest(buf_span(&said));
	}
	if (near != NULL)
		command_say("no such command: %s (did you mean \"%s\"?)",
		    buf_cstr(&said), near);
	else
		command_say(
		    "no such command: %s (see steadctl help)", buf_cstr(&said));
	buf_fini(&said);
	return COMMAND_USAGE;
}

static int
run(struct command_call *call, int argc, char **argv)
{
	const struct command *c;
	int used;

	c = command_find(argc, argv, &used);
	if (c == NULL)
		return unknown(argc, argv);
	call->argc = argc - used;
	call->argv = argv + used;
	if (call->argc < c->args_min || call->argc > c->args_max) {
		command_help(stderr, c);
		return COMMAND_USAGE;
	}
	return c->run(call);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"run", 1, NULL, 'r'},
	    {"json", 0, NULL, 'j'}, {"help", 0, NULL, 'h'}, {0}};
	struct command_call call = {
	    .conf_path = SYSCONFDIR "/mailstead/mailstead.yaml"};
	bool named = false;
	int opt;

	/* '+': a command's own options are its own */
	while ((opt = getopt_long(argc, argv, "+c:hj", options, NULL)) != -1) {
		if (opt == 'c') {
			call.conf_path = optarg;
			named = true;
		} else if (opt == 'r') {
			call.run = optarg;
		} else if (opt == 'j') {
			call.json = true;
		} else {
			command_help(opt == 'h' ? stdout : stderr, NULL);
			return opt == 'h' ? COMMAND_OK : COMMAND_USAGE;
		}
	}
	/* which of the two servers would it be? */
	if (optind == argc || (named && call.run != NULL)) {
		command_help(stderr, NULL);
		return COMMAND_USAGE;
	}
	return run(&call, argc - optind, argv + optind);
}
