/*
 * What steadctl can do: one table, by which it is called, explained and
 * misspellings are corrected.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/base/span.h"

/* Exit statuses. */
enum command_status {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,    /* refused, or not as it should be */
	COMMAND_NO_SERVER = 2, /* nobody to ask */
	COMMAND_USAGE = 64,
};

struct command_call {
	const char *conf_path;
	const char *run; /* NULL: as the configuration says */
	bool json;
	int argc; /* behind the command's own words */
	char **argv;
};

struct command {
	const char *name; /* "account add" */
	const char *args; /* "ADDRESS [--name NAME]" or "" */
	const char *help; /* one sentence */
	int args_min, args_max;
	int (*run)(const struct command_call *call); /* exit status */
};

/* The rows; the last has no name. */
extern const struct command command_table[];

/* By the first of argv, or the first two; *used says how many. NULL: none. */
const struct command *command_find(int argc, char **argv, int *used);
/* The name nearest to what was said; NULL: nothing is near. */
const char *command_nearest(struct span said);
/* The list of all, or the two lines of one. */
void command_help(FILE *to, const struct command *only);
/*
 * Is it among the call's arguments, like --json behind the command? The words
 * that are left are moved to the front of argv.
 */
bool command_take_flag(struct command_call *call, const char *flag);
/* The `help` command. */
int command_run_help(const struct command_call *call);
/* The program's name, ": ", TEXT and a line end to stderr. */
void command_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
