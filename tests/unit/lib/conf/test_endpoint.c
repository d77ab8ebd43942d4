#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "lib/conf/endpoint.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define X10  "xxxxxxxxxx"
#define X106 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxx"

static const struct row {
	const char *name;
	const char *text;
	bool ok;
	int family;
	const char *host;
	int port;
	const char *path;
} rows[] = {
    {"everywhere", "*:25", true, AF_UNSPEC, "", 25, ""},
    {"IPv4", "192.0.2.1:587", true, AF_INET, "192.0.2.1", 587, ""},
    {"IPv6", "[2001:db8::1]:25", true, AF_INET6, "2001:db8::1", 25, ""},
    {"longest IPv6", "[1111:2222:3333:4444:5555:6666:255.255.255.255]:1", true,
	AF_INET6, "1111:2222:3333:4444:5555:6666:255.255.255.255", 1, ""},
    {"any IPv6", "[::]:0", true, AF_INET6, "::", 0, ""},
    {"largest port", "*:65535", true, AF_UNSPEC, "", 65535, ""},
    {"port too large", "*:65536", false, 0, "", 0, ""},
    {"no port", "*", false, 0, "", 0, ""},
    {"empty port", "*:", false, 0, "", 0, ""},
    {"port with zero", "*:025", false, 0, "", 0, ""},
    {"port name", "*:smtp", false, 0, "", 0, ""},
    {"no address", ":25", false, 0, "", 0, ""},
    {"name", "localhost:25", false, 0, "", 0, ""},
    {"IPv6 without brackets", "::1:25", false, 0, "", 0, ""},
    {"IPv4 in brackets", "[192.0.2.1]:25", false, 0, "", 0, ""},
    {"half a bracket", "[::1:25", false, 0, "", 0, ""},
    {"zone", "[fe80::1%eth0]:25", false, 0, "", 0, ""},
    {"short IPv4", "127.1:25", false, 0, "", 0, ""},
    {"brackets only", "[]:25", false, 0, "", 0, ""},
    {"empty", "", false, 0, "", 0, ""},
    {"space", "*:25 ", false, 0, "", 0, ""},
    {"Unix socket", "unix:/run/x:25", true, AF_UNIX, "", 0, "/run/x:25"},
    {"longest Unix socket", "unix:/" X106, true, AF_UNIX, "", 0, "/" X106},
    {"Unix socket too long", "unix:/" X106 "x", false, 0, "", 0, ""},
    {"relative Unix socket", "unix:run/x", false, 0, "", 0, ""},
    {"Unix socket without its word", "/run/x", false, 0, "", 0, ""},
    {"Unix socket of no name", "unix:", false, 0, "", 0, ""},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct conf_endpoint e = {.host = "unchanged"};

	assert_int_equal(conf_endpoint_parse(span_of(row->text), &e), row->ok);
	assert_string_equal(e.host, row->ok ? row->host : "unchanged");
	assert_int_equal(e.family, row->family);
	assert_int_equal(e.port, row->port);
	assert_string_equal(e.path, row->path);
}

ROWS_MAIN(rows, check_row)
