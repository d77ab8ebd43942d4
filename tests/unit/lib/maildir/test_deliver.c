/* One message into one mailbox: its bytes, its name, its times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "tests/unit/lib/maildir/box.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define L(s) SPAN_LIT(s)
#define R    "Received: here\n\tby us\n"
#define RC   "Received: here\r\n\tby us\r\n"

struct row {
	const char *name;
	struct span trace;
	struct span text;
	size_t pad; /* so many 'x' before text */
	struct span body;
	unsigned bare; /* W - S; the two lines of the head are not in it */
};

static const struct row rows[] = {
    {"CRLF to LF", L(R), L("a: b\r\n\r\nc\r\n"), 0, L(R "a: b\n\nc\n"), 5},
    {"the same from the queue", L(""), L(RC "a: b\r\n\r\nc\r\n"), 0,
	L(R "a: b\n\nc\n"), 5},
    {"trace without its end", L("X: y"), L("z"), 0, L("X: y\nz"), 1},
    {"trace that names the recipient", L("Delivered-To: j+x@o\n" R), L("z"), 0,
	L(R "z"), 2},
    {"empty", L(""), L(""), 0, L(""), 0},
    {"no line end", L(""), L("abc"), 0, L("abc"), 0},
    {"LF stays", L(""), L("a\nb\n\r\n"), 0, L("a\nb\n\n"), 3},
    {"CR stays", L(""), L("a\rb\r"), 0, L("a\rb\r"), 0},
    {"CR CRLF", L(""), L("a\r\r\n"), 0, L("a\r\n"), 0},
    {"CR CR LF LF CR", L(""), L("\r\r\n\n\r"), 0, L("\r\n\n\r"), 1},
    {"NUL and 8 bit", L(""), L("\0\xff\r\n"), 0, L("\0\xff\n"), 1},
    {"LF CR", L(""), L("\n\r\n\r"), 0, L("\n\n\r"), 2},
    {"CR ends a chunk, LF begins one", L(""), L("\r\nb"), 65535, L("\nb"), 1},
    {"CR ends a chunk, no LF", L(""), L("\rb\n"), 65535, L("\rb\n"), 1},
    {"CR CR around a chunk's end", L(""), L("\r\r\nb"), 65535, L("\r\nb"), 0},
    {"CR, end of all at a chunk's end", L(""), L("\r"), 65535, L("\r"), 0},
    {"CRLF at a chunk's end", L(""), L("\r\nb"), 65534, L("\nb"), 1},
    {"CR held, then a chunk full", L(""), L("\r\nb\r\n"), 131071, L("\nb\n"),
	2},
    {"20 MB", L(R), L("a\r\nb\r\n"), 20 << 20, L("a\nb\n"), 4},
};

static void
expect_name(const struct row *row, size_t size, bool held)
{
	char name[256];

	(void)snprintf(name, sizeof(name), BOX_BASE ",S=%zu,W=%zu", size,
	    size + row->bare + 2);
	assert_string_equal(box.out.name, name);
	assert_int_equal(box.out.size, size);
	assert_int_equal(box.out.existed, held);
}

/* The file's time is the arrival, also of what arrived just now: not later. */
static void
expect_time(uint64_t us)
{
	char full[512];
	struct stat st;

	(void)snprintf(full, sizeof(full), BOX "new/%s", box.out.name);
	assert_int_equal(fstatat(box.mail, full, &st, 0), 0);
	assert_int_equal((uint64_t)st.st_mtim.tv_sec * 1000000 +
			     (uint64_t)st.st_mtim.tv_nsec / 1000,
	    us);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span got;
	struct buf in, want;

	buf_init(&in, 64 << 20);
	buf_init(&want, 64 << 20);
	if (row->pad > 0)
		memset(buf_reserve(&in, row->pad), 'x', row->pad);
	in.n = row->pad;
	buf_puts(&want, span_starts(row->trace, SPAN_LIT("Delivered-To: "))
			    ? BOX_PATH "Delivered-To: j+x@o\n"
			    : BOX_HEAD);
	/* what is padded has its trace, if any, before */
	if (row->pad > 0)
		buf_put_span(&want, row->trace);
	buf_put_span(&want, buf_span(&in));
	buf_put_span(&want, row->body);
	buf_put_span(&in, row->text);
	box_make();
	box_message(buf_span(&in));
	box.d.trace = row->trace;
	box.d.arrived_us = clock_real_us();
	assert_int_equal(box_deliver(), RC_OK);
	expect_name(row, want.n, false);
	expect_time(box.d.arrived_us);
	got = box_read("new", box.out.name);
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, want.p, want.n);
	free((void *)(uintptr_t)got.p);
	/* again: found, not written */
	box.d.again = true;
	assert_int_equal(box_deliver(), RC_OK);
	expect_name(row, want.n, true);
	assert_int_equal(box_count("new"), 1);
	assert_int_equal(box_count("tmp"), 0);
	box_remove();
	buf_fini(&in);
	buf_fini(&want);
}

ROWS_MAIN(rows, check_row)
