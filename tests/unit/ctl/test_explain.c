/* Each refusal of smtpd has its row in explain.def; rows name what exists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/banned.h"

static const struct reply {
	const char *name;
	unsigned code;
	const char *status;
} replies[] = {
#define REPLY(NAME, code, status, text) {#NAME, code, status},
#include "smtpd/reply.def"
#undef REPLY
};

static const struct explained {
	const char *name; /* the row's code, or its status */
	const char *code, *status, *what, *mend;
} explained[] = {
#define EXPLAIN(code, status, what, mend) \
	{code[0] == '\0' ? status : code, code, status, what, mend},
#include "ctl/explain.def"
#undef EXPLAIN
};

static const char *const options[] = {
#define SECTION(...)
#define END(section)
#define TOP(name, ...)             #name,
#define OPTION(section, name, ...) #section "." #name,
#include "lib/conf/options.def"
#undef SECTION
#undef END
#undef TOP
#undef OPTION
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_same(const char *name, const char *code)
{
	for (; *name != '\0' && *code != '\0'; name++, code++)
		if (*code != (*name == '_' ? '-' : tolower(*name)))
			return false;
	return *name == *code;
}

static void
check_reply(void **state)
{
	const struct reply *r = *state;
	size_t found = 0;

	for (size_t i = 0; i < N(explained); i++) {
		if (!is_same(r->name, explained[i].code))
			continue;
		assert_string_equal(explained[i].status, r->status);
		found++;
	}
	assert_int_equal(found, r->code >= 400);
}

static void
check_option(const char *name, size_t n)
{
	/* events, and a file */
	static const char *const others[] = {
	    "smtp.refused", "smtp.login", ".forward"};
	bool found = false;

	for (size_t i = 0; i < N(others); i++)
		found = found || (strlen(others[i]) == n &&
				     strncmp(others[i], name, n) == 0);
	for (size_t i = 0; i < N(options); i++)
		found = found || (strlen(options[i]) == n &&
				     strncmp(options[i], name, n) == 0);
	if (!found)
		fail_msg("no option %.*s", (int)n, name);
}

/* "queue.max_age" in a text: is there such an option? */
static void
check_options(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_.";

	while (*text != '\0') {
		size_t whole = strspn(text, letters), n = whole;

		while (n > 0 && text[n - 1] == '.')
			n--;
		if (memchr(text, '.', n) != NULL)
			check_option(text, n);
		text += whole > 0 ? whole : 1;
	}
}

static void
check_row(void **state)
{
	const struct explained *e = *state;
	size_t named = 0, same = 0;

	for (size_t i = 0; i < N(replies); i++)
		named += is_same(replies[i].name, e->code);
	assert_int_equal(named, e->code[0] != '\0');
	for (size_t i = 0; i < N(explained); i++)
		same += strcmp(explained[i].name, e->name) == 0;
	assert_int_equal(same, 1);
	check_options(e->what);
	check_options(e->mend);
}

int
main(void)
{
	struct CMUnitTest tests[N(replies) + N(explained)];
	size_t n = 0;

	for (size_t i = 0; i < N(replies); i++)
		tests[n++] = (struct CMUnitTest){replies[i].name, check_reply,
		    NULL, NULL, (void *)(uintptr_t)&replies[i]};
	for (size_t i = 0; i < N(explained); i++)
		tests[n++] = (struct CMUnitTest){explained[i].name, check_row,
		    NULL, NULL, (void *)(uintptr_t)&explained[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
