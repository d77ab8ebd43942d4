/*
 * From an answer's bytes to the hosts in order. Each row is a packet: a head,
 * the question for example.net MX, and records in a small language:
 *   mN:host   an MX record of preference N, for the name asked or its alias
 *   c:host    example.net is an alias of host; what follows is the host's
 *   !         junk at the end of the last record's length (cut)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/num.h"
#include "resolver/mx.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

struct row {
	const char *name;
	const char *records;
	unsigned rcode;
	const char *expect; /* hosts in order, or a status, or "bad" */
};

static const struct row rows[] = {
    {"in order of preference", "m20:b.example m10:a.example m30:c.example", 0,
	"a.example b.example c.example"},
    {"each host once, with its best", "m20:a.example m10:A.Example", 0,
	"a.example"},
    {"none: the name itself", "", 0, "example.net"},
    {"null MX", "m0:", 0, "5.1.10"},
    {"no null MX beside others", "m0: m5:a.example", 0, "a.example"},
    {"no such domain", "", 3, "5.1.2"},
    {"alias", "c:other.example m10:a.example", 0, "a.example"},
    {"alias of an alias", "c:one.example c:two.example m1:x.example", 0,
	"x.example"},
    {"alias in a circle", "c:other.example c:example.net", 0, "bad"},
    {"another's records", "o:10 m10:a.example", 0, "a.example"},
    {"a host that can be none", "m10:a_b.example m20:1.2.3.4 m30:ok.example", 0,
	"a_b.example ok.example"},
    {"cut", "m10:a.example !", 0, "bad"},
};

static struct packet p;
static struct mx mx;

static void
put16(struct buf *b, unsigned v)
{
	(void)buf_putc(b, (char)(v >> 8));
	(void)buf_putc(b, (char)v);
}

static void
put_name(struct buf *b, struct span name)
{
	while (name.n > 0) {
		struct span label = span_cut(&name, '.');

		(void)buf_putc(b, (char)label.n);
		(void)buf_put_span(b, label);
	}
	(void)buf_putc(b, 0);
}

static void
put_record(struct buf *b, struct span owner, unsigned type, unsigned preference,
    struct span host)
{
	struct buf data;

	buf_init(&data, 300);
	if (type == PACKET_MX)
		put16(&data, preference);
	put_name(&data, host);
	put_name(b, owner);
	put16(b, type);
	put16(b, 1);
	put16(b, 0);
	put16(b, 300);
	put16(b, (unsigned)data.n);
	(void)buf_put_span(b, buf_span(&data));
	buf_fini(&data);
}

static unsigned
put_records(struct buf *b, struct span text)
{
	struct span owner = SPAN_LIT("example.net");
	unsigned n = 0;

	while (text.n > 0) {
		struct span word = span_cut(&text, ' ');
		struct span kind = span_cut(&word, ':');
		uint64_t v = 0;

		if (kind.p[0] == '!') {
			b->n -= 3;
			continue;
		}
		n++;
		if (kind.p[0] == 'o') {
			put_record(b, SPAN_LIT("other.example"), PACKET_MX, 1,
			    SPAN_LIT("wrong.example"));
			continue;
		}
		(void)num_u64(span_from(kind, 1), &v);
		put_record(b, owner,
		    kind.p[0] == 'c' ? PACKET_CNAME : PACKET_MX, (unsigned)v,
		    word);
		if (kind.p[0] == 'c')
			owner = word;
	}
	return n;
}

static void
outcome(const struct row *row, struct span bytes, struct buf *out)
{
	struct why why;

	if (!packet_read(bytes, SPAN_LIT("example.net"), PACKET_MX, &p)) {
		(void)buf_puts(out, "bad");
		return;
	}
	assert_int_equal(p.rcode, row->rcode);
	if (mx_hosts(&mx, SPAN_LIT("example.net"), &p, &why) != RC_OK) {
		(void)buf_puts(out, why.status);
		return;
	}
	for (size_t i = 0; i < mx.n; i++)
		(void)buf_putf(out, "%s%s", i > 0 ? " " : "", mx.v[i].name);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct buf b, out;
	unsigned n;

	buf_init(&b, 65536);
	buf_init(&out, 4096);
	put16(&b, 1);
	put16(&b, 0x8180 | row->rcode);
	put16(&b, 1);
	put16(&b, 0);
	put16(&b, 0);
	put16(&b, 0);
	put_name(&b, SPAN_LIT("example.net"));
	put16(&b, PACKET_MX);
	put16(&b, 1);
	n = put_records(&b, span_of(row->records));
	b.p[7] = (char)n;
	outcome(row, buf_span(&b), &out);
	assert_string_equal(buf_cstr(&out), row->expect);
	buf_fini(&b);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)
