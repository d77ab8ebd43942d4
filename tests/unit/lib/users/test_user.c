/*
 * Users of the system: names, logins, and what Debian's own passwd has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/users/user.h"
#include "lib/base/banned.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static char one[] = "one.example", two[] = "two.example";
static char *domains[] = {one, two, NULL};
static const struct conf served = {
    .users = {.domains = {domains, 2}, .min_uid = 1, .max_uid = 4294967294}};
static const struct conf nobody = {.users = {.min_uid = 1, .max_uid = 60000}};

static void
names(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {
	    {"joe", true},
	    {"_x-1.y", true},
	    {"a", true},
	    {"abcdefghijklmnopqrstuvwxyzabcdef", true},
	    {"abcdefghijklmnopqrstuvwxyzabcdefg", false},
	    {"", false},
	    {"Joe", false},
	    {"joE", false},
	    {"1joe", false},
	    {"-joe", false},
	    {".joe", false},
	    {"jo/e", false},
	    {"jo e", false},
	    {"jo\ne", false},
	    {"jo@e", false},
	    {"jo\xc3\xa9", false},
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++)
		if (user_name_ok(span_of(rows[i].name)) != rows[i].ok)
			fail_msg("%s", rows[i].name);
}

static void
logins(void **state)
{
	static const struct {
		const char *login, *name;
	} rows[] = {
	    {"joe", "joe"},
	    {"joe@one.example", "joe"},
	    {"joe@two.example", "joe"},
	    {"joe@three.example", ""},
	    {"joe@", ""},
	    {"@one.example", ""},
	    {"a@joe@one.example", ""},
	    {"joe@one.example@two.example", ""},
	    {"", ""},
	    {"../joe", ""},
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct span got =
		    user_of_login(&served, span_of(rows[i].login));

		if (!span_eq(got, span_of(rows[i].name)))
			fail_msg("%s: " SPAN_FMT, rows[i].login, SPAN_ARG(got));
		assert_int_equal(
		    user_of_login(&nobody, span_of(rows[i].login)).n, 0);
	}
	assert_true(user_is(SPAN_LIT("joe")));
	assert_false(user_is(SPAN_LIT("joe@one.example")));
}

/* Debian's base-passwd: daemon is 1, mail 8, nobody 65534. */
static void
of_nss(void **state)
{
	struct conf conf = served;
	struct user u;
	struct why why;

	(void)state;
	assert_int_equal(user_find(&conf, SPAN_LIT("daemon"), &u, &why), RC_OK);
	assert_int_equal(u.uid, 1);
	assert_int_equal(u.gid, 1);
	assert_string_equal(u.name, "daemon");
	assert_string_equal(u.home, "/usr/sbin");
	user_fini(&u);
	conf.users.min_uid = 2;
	assert_int_equal(
	    user_find(&conf, SPAN_LIT("daemon"), &u, &why), RC_PERM);
	assert_string_equal(why.status, "5.1.1");
	assert_null(u.name);
	conf.users.min_uid = 1;
	conf.users.max_uid = 7;
	assert_int_equal(user_find(&conf, SPAN_LIT("mail"), &u, &why), RC_PERM);
	/* whatever the bounds */
	conf.users.min_uid = 0;
	assert_int_equal(user_find(&conf, SPAN_LIT("root"), &u, &why), RC_PERM);
	assert_int_equal(
	    user_find(&conf, SPAN_LIT("no-such-user"), &u, &why), RC_PERM);
	assert_int_equal(
	    user_find(&nobody, SPAN_LIT("daemon"), &u, &why), RC_PERM);
}

static void
count(void *ctx, struct span name)
{
	size_t *n = ctx;

	assert_false(span_eq(name, SPAN_LIT("root")));
	*n += span_eq(name, SPAN_LIT("daemon"));
}

static void
all(void **state)
{
	struct why why;
	size_t n = 0;

	(void)state;
	assert_int_equal(user_each(&served, count, &n, &why), RC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(user_each(&nobody, count, &n, &why), RC_OK);
	assert_int_equal(n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(logins),
	    cmocka_unit_test(of_nss),
	    cmocka_unit_test(all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
