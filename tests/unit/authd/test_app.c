#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "authd/app.h"
#include "lib/base/banned.h"

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
/* the bytes 0, 1, 2 ... of the salt; HMAC-SHA256 with it of KEY, by Python's
 * hmac and hashlib */
#define SALT   "AAECAwQFBgcICQoLDA0ODw=="
#define KEY    "0123456789abcdefghjk"
#define DIGEST "9cToPvANfthDxOT+mCJUfBrdgooJxPK4yrp9Wv69ApM="
#define GOOD   "my%20phone:pop3,imap:2026-11-28:" SALT ":" DIGEST

static const struct parse_row {
	const char *name;
	const char *text;
	bool ok;
} parse_rows[] = {
    {"good", GOOD, true},
    {"one service", "a:smtp:2026-11-28:" SALT ":" DIGEST, true},
    {"longest name", X64 ":smtp:2026-11-28:" SALT ":" DIGEST, true},
    {"empty", "", false},
    {"no name", ":smtp:2026-11-28:" SALT ":" DIGEST, false},
    {"name too long", X64 "x:smtp:2026-11-28:" SALT ":" DIGEST, false},
    {"name with NUL", "%00:smtp:2026-11-28:" SALT ":" DIGEST, false},
    {"name with a colon", "a%3ab:smtp:2026-11-28:" SALT ":" DIGEST, false},
    {"name malformed", "a%:smtp:2026-11-28:" SALT ":" DIGEST, false},
    {"no service", "a::2026-11-28:" SALT ":" DIGEST, false},
    {"unknown service", "a:smtp,nntp:2026-11-28:" SALT ":" DIGEST, false},
    {"service twice", "a:imap,imap:2026-11-28:" SALT ":" DIGEST, false},
    {"no date", "a:imap:2026-11-2x:" SALT ":" DIGEST, false},
    {"date too long", "a:imap:2026-11-280:" SALT ":" DIGEST, false},
    {"salt too short", "a:imap:2026-11-28:AAEC:" DIGEST, false},
    {"digest too short", "a:imap:2026-11-28:" SALT ":AAEC", false},
    {"no digest", "a:imap:2026-11-28:" SALT, false},
    {"more behind", GOOD ":x", false},
};

static void
check_parse(void **state)
{
	const struct parse_row *row = *state;
	struct app app;
	struct buf b;

	assert_int_equal(app_parse(span_of(row->text), &app), row->ok);
	if (!row->ok)
		return;
	buf_init(&b, APP_TEXT_MAX);
	assert_true(app_put(&b, &app));
	assert_string_equal(buf_cstr(&b), row->text);
	buf_fini(&b);
}

static const struct fit_row {
	const char *name;
	struct span typed;
	bool fits;
} fit_rows[] = {
    {"as it is", SPAN_LIT(KEY), true},
    {"in groups", SPAN_LIT("0123-4567-89ab-cdef-ghjk"), true},
    {"in capitals, with spaces", SPAN_LIT(" 0123 4567 89AB CDEF GHJK "), true},
    {"letters for digits", SPAN_LIT("Oi23456789abcdefghjk"), true},
    {"l for 1", SPAN_LIT("ol23456789abcdefghjk"), true},
    {"another", SPAN_LIT("0123456789abcdefghjm"), false},
    {"too short", SPAN_LIT("0123456789abcdefghj"), false},
    {"too long", SPAN_LIT(KEY "0"), false},
    {"empty", SPAN_LIT(""), false},
    {"no letter of it", SPAN_LIT("u123456789abcdefghjk"), false},
    {"NUL within", SPAN_LIT("0123456789\0abcdefghjk"), false},
    {"NUL behind", SPAN_LIT(KEY "\0"), false},
};

static void
check_fit(void **state)
{
	const struct fit_row *row = *state;
	struct app app;

	assert_true(app_parse(SPAN_LIT(GOOD), &app));
	assert_int_equal(app_fits(&app, row->typed), row->fits);
}

static void
check_make(void **state)
{
	static const struct span bad[] = {SPAN_LIT(""), SPAN_LIT(X64 "x"),
	    SPAN_LIT("a:b"), SPAN_LIT("\x7f"), SPAN_LIT("a\nb"),
	    SPAN_LIT("a\0b")};
	char shown[APP_SHOWN + 1], again[APP_SHOWN + 1];
	struct app app, other;
	struct why why;

	(void)state;
	assert_int_equal(
	    app_make(&app, SPAN_LIT("T\xc3\xa9l"), 1, shown, &why), RC_OK);
	assert_int_equal(
	    app_make(&other, SPAN_LIT("T"), 1, again, &why), RC_OK);
	assert_string_not_equal(shown, again);
	assert_int_equal(strlen(shown), 24);
	assert_true(app_fits(&app, span_of(shown)));
	assert_false(app_fits(&app, span_of(again)));
	/* the salt counts */
	memcpy(other.digest, app.digest, sizeof(app.digest));
	assert_false(app_fits(&other, span_of(shown)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    app_make(&app, bad[i], 1, shown, &why), RC_PERM);
}

int
main(void)
{
	enum {
		PARSE = sizeof(parse_rows) / sizeof(parse_rows[0]),
		FIT = sizeof(fit_rows) / sizeof(fit_rows[0])
	};
	struct CMUnitTest tests[PARSE + FIT + 1] = {
	    [PARSE + FIT] = cmocka_unit_test(check_make)};

	for (size_t i = 0; i < PARSE; i++)
		tests[i] = (struct CMUnitTest){parse_rows[i].name, check_parse,
		    NULL, NULL, (void *)(uintptr_t)&parse_rows[i]};
	for (size_t i = 0; i < FIT; i++)
		tests[PARSE + i] = (struct CMUnitTest){fit_rows[i].name,
		    check_fit, NULL, NULL, (void *)(uintptr_t)&fit_rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
