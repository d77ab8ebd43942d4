#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/mime/transfer.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define X50 "                                                  "
#define X1000                                                               \
	X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 \
	    X50 X50 X50

static const struct row {
	const char *name;
	const char *encoding;
	const char *in;
	const char *out;
} rows[] = {
    {"none", "", "a=41\r\n", "a=41\r\n"},
    {"8bit", "8bit", "a=41", "a=41"},
    {"unknown", "x-uuencode", "a=41", "a=41"},
    {"base64", " BASE64 (c)", "Zm9v\r\nYmE=", "fooba"},
    {"base64, junk", "base64", "Z m9\t!v*Y-mFy", "foobar"},
    {"base64, no padding", "base64", "Zm9vYg", "foob"},
    {"base64, one digit more", "base64", "Zm9vY", "foo"},
    {"base64, two joined", "base64", "Zm8=Zm8=", "fofo"},
    {"quoted", "Quoted-Printable", "a=41=3d=3D", "aA=="},
    {"soft break", "quoted-printable", "a=\r\nb=\nc= \t\r\nd", "abcd"},
    {"space at the end of a line", "quoted-printable", "a \t\r\nb \nc d ",
	"a\r\nb\nc d"},
    {"encoded space stays", "quoted-printable", "a=20\r\n", "a \r\n"},
    {"no escape", "quoted-printable", "a=4x=x4==41= b=\x80",
	"a=4x=x4=A= b=\x80"},
    {"soft break at the end", "quoted-printable", "a=", "a"},
    {"half an escape at the end", "quoted-printable", "a=4", "a=4"},
    {"long space", "quoted-printable", "a" X1000 "b", "a" X1000 "b"},
    {"very long space", "quoted-printable", "a" X1000 X50 "b",
	"a" X1000 X50 "b"},
};

static void
decode(const struct row *row, size_t step)
{
	struct span in = span_of(row->in);
	struct mime_transfer t;
	struct buf out;

	buf_init(&out, in.n + 1);
	mime_transfer_init(&t, mime_transfer_encoding(span_of(row->encoding)));
	for (size_t i = 0; i < in.n; i += step)
		mime_transfer_put(&t, span_head(span_from(in, i), step), &out);
	mime_transfer_end(&t, &out);
	assert_string_equal(buf_cstr(&out), row->out);
	mime_transfer_fini(&t);
	buf_fini(&out);
}

static void
check_row(void **state)
{
	decode(*state, 1);
	decode(*state, 3);
	decode(*state, 65536);
}

ROWS_MAIN(rows, check_row)
