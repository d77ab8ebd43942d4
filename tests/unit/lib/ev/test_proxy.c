/* The header of a proxy: whole, octet by octet, and with more behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/ev/proxy.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}
#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define FOUR               \
	"\xc0\x00\x02\x01" \
	"\xc0\x00\x02\x02" \
	"\x12\x34\x00\x19"
#define SIX                                                                \
	"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" \
	"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" \
	"\x12\x34\x00\x19"
#define MAPPED                                                             \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x02" \
	"\x12\x34\x00\x19"
#define LONGEST                                                \
	"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 " \
	"65535xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct row {
	const char *name;
	struct span text;
	enum proxy_state state;
	const char *address;
	size_t unused; /* octets of it that are none of the header's */
} rows[] = {
    {"v1, IPv4", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 4660 25\r\n"), PROXY_DONE,
	"192.0.2.1", 0},
    {"v1, IPv6", TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 4660 25\r\n"),
	PROXY_DONE, "2001:db8::1", 0},
    {"v1, more behind",
	TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nEHLO x\r\n"), PROXY_DONE,
	"192.0.2.1", 8},
    {"v1, unknown", TEXT("PROXY UNKNOWN\r\n"), PROXY_DONE, "", 0},
    {"v1, unknown with words", TEXT("PROXY UNKNOWN 1.2.3.4 x y z a\r\n"),
	PROXY_DONE, "", 0},
    {"v1, longest", TEXT(LONGEST "\r\n"), PROXY_DONE, "", 0},
    {"v1, too long", TEXT(LONGEST "x\r\n"), PROXY_BAD, "", 1},
    {"v1, cut", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 4660 25\r"), PROXY_MORE,
	"", 0},
    {"v1, LF alone", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), PROXY_BAD,
	"", 0},
    {"v1, no family", TEXT("PROXY 192.0.2.1 192.0.2.2 1 2\r\n"), PROXY_BAD, "",
	0},
    {"v1, IPv6 as IPv4", TEXT("PROXY TCP4 2001:db8::1 ::2 1 2\r\n"), PROXY_BAD,
	"", 0},
    {"v1, name for an address", TEXT("PROXY TCP4 a.example 192.0.2.2 1 2\r\n"),
	PROXY_BAD, "", 0},
    {"v1, bad destination", TEXT("PROXY TCP4 192.0.2.1 x 1 2\r\n"), PROXY_BAD,
	"", 0},
    {"v1, port too large", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
	PROXY_BAD, "", 0},
    {"v1, no second port", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
	PROXY_BAD, "", 0},
    {"v1, a word more", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
	PROXY_BAD, "", 0},
    {"v1, two spaces", TEXT("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
	PROXY_BAD, "", 0},
    {"no header", TEXT("EHLO x\r\n"), PROXY_BAD, "", 7},
    {"in small letters", TEXT("proxy UNKNOWN\r\n"), PROXY_BAD, "", 14},
    {"a TLS handshake", TEXT("\x16\x03\x01"), PROXY_BAD, "", 2},
    {"nothing", TEXT(""), PROXY_MORE, "", 0},
    {"v2, IPv4", TEXT(V2 "\x21\x11\x00\x0c" FOUR), PROXY_DONE, "192.0.2.1", 0},
    {"v2, more behind", TEXT(V2 "\x21\x11\x00\x0c" FOUR "\x16\x03"), PROXY_DONE,
	"192.0.2.1", 2},
    {"v2, IPv6", TEXT(V2 "\x21\x21\x00\x24" SIX), PROXY_DONE, "2001:db8::1", 0},
    {"v2, IPv4 mapped", TEXT(V2 "\x21\x21\x00\x24" MAPPED), PROXY_DONE,
	"192.0.2.1", 0},
    {"v2, local", TEXT(V2 "\x20\x00\x00\x00"), PROXY_DONE, "", 0},
    {"v2, local with an address", TEXT(V2 "\x20\x11\x00\x0c" FOUR), PROXY_DONE,
	"", 0},
    {"v2, no address", TEXT(V2 "\x21\x00\x00\x00"), PROXY_DONE, "", 0},
    {"v2, UDP", TEXT(V2 "\x21\x12\x00\x0c" FOUR), PROXY_BAD, "", 0},
    {"v2, TLV", TEXT(V2 "\x21\x11\x00\x11" FOUR "\x04\x00\x02xx"), PROXY_DONE,
	"192.0.2.1", 0},
    {"v2, TLV cut", TEXT(V2 "\x21\x11\x00\x11" FOUR "\x04\x00\x03xx"),
	PROXY_BAD, "", 0},
    {"v2, half a TLV", TEXT(V2 "\x21\x11\x00\x0e" FOUR "\x04\x00"), PROXY_BAD,
	"", 0},
    /* the sum as another CRC-32C of the same octets says */
    {"v2, checksum",
	TEXT(V2 "\x21\x11\x00\x13" FOUR "\x03\x00\x04"
		"\x5f\x60\x5f\xd7"),
	PROXY_DONE, "192.0.2.1", 0},
    {"v2, checksum wrong",
	TEXT(V2 "\x21\x11\x00\x13" FOUR "\x03\x00\x04\x00\x00\x00\x00"),
	PROXY_BAD, "", 0},
    {"v2, checksum too short",
	TEXT(V2 "\x21\x11\x00\x12" FOUR "\x03\x00\x03\x00\x00\x00"), PROXY_BAD,
	"", 0},
    {"v2, too short for IPv4",
	TEXT(V2 "\x21\x11\x00\x0b\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00"),
	PROXY_BAD, "", 0},
    {"v2, too short for IPv6", TEXT(V2 "\x21\x21\x00\x0c" FOUR), PROXY_BAD, "",
	0},
    {"v2, cut", TEXT(V2 "\x21\x11\x00\x0c\xc0\x00"), PROXY_MORE, "", 0},
    {"v2, huge", TEXT(V2 "\x21\x11\xff\xff" FOUR), PROXY_BAD, "", 12},
    {"v3", TEXT(V2 "\x31\x11\x00\x0c" FOUR), PROXY_BAD, "", 0},
    {"v2, signature wrong", TEXT("\r\n\r\n\0\r\nQUIT\r"), PROXY_BAD, "", 0},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct proxy whole = {0}, octets = {0};
	size_t used = proxy_take(&whole, row->text), one = 0;

	assert_int_equal(whole.state, row->state);
	assert_string_equal(whole.address, row->address);
	if (row->state != PROXY_BAD)
		assert_int_equal(used, row->text.n - row->unused);
	for (size_t i = 0; i < row->text.n; i++)
		one += proxy_take(&octets, span_make(row->text.p + i, 1));
	assert_int_equal(octets.state, row->state);
	assert_string_equal(octets.address, row->address);
	assert_int_equal(one, used);
}

ROWS_MAIN(rows, check_row)
