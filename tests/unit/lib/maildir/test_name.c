#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/maildir/name.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define NONE UINT64_MAX

static const struct row {
	const char *name;
	const char *file;
	const char *base;
	uint64_t size, wire;
	const char *flags;
	bool ours;
} rows[] = {
    {"ours, new", "1l5nca91000001j.R0,S=43,W=44", "1l5nca91000001j.R0", 43, 44,
	"", true},
    {"ours, seen", "1l5nca91000001j.R12,S=43,W=44:2,FS", "1l5nca91000001j.R12",
	43, 44, "FS", true},
    {"ours, repeated", "1l5nca91000001j.R0.9,S=1", "1l5nca91000001j.R0.9", 1,
	NONE, "", true},
    {"repeated too often", "1l5nca91000001j.R0.10,S=1", "1l5nca91000001j.R0.10",
	1, NONE, "", false},
    {"no recipient", "1l5nca91000001j.R,S=1", "1l5nca91000001j.R", 1, NONE, "",
	false},
    {"a short queue ID", "1l5nca91.R0,S=1", "1l5nca91.R0", 1, NONE, "", false},
    {"Dovecot", "1700000000.M1P2.host,S=3,W=4:2,S", "1700000000.M1P2.host", 3,
	4, "S", false},
    {"mutt", "1700000000.1_2.host:2,", "1700000000.1_2.host", NONE, NONE, "",
	false},
    {"other fields", "a,U=57.k3f9,S=9,W=10:2,", "a", 9, 10, "", false},
    {"no number", "a,S=x,W=-1", "a", NONE, NONE, "", false},
    {"too large", "a,S=99999999999999999999", "a", NONE, NONE, "", false},
    {"old info", "a:1,x", "a", NONE, NONE, "", false},
    {"a size among the flags", "a:2,S=3", "a", NONE, NONE, "S=3", false},
    {"no base", ",S=1", "", 1, NONE, "", false},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct maildir_name n;

	maildir_name_parse(span_of(row->file), &n);
	assert_true(span_eq(n.base, span_of(row->base)));
	assert_true(span_eq(maildir_name_base(span_of(row->file)), n.base));
	assert_int_equal(n.has_size ? n.size : NONE, row->size);
	assert_int_equal(n.has_wire ? n.wire : NONE, row->wire);
	assert_true(span_eq(n.flags, span_of(row->flags)));
	assert_int_equal(maildir_name_ours(n.base), row->ours);
}

ROWS_MAIN(rows, check_row)
