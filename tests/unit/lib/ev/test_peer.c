/* What connections inherit from the socket that took them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/ev/peer.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	int level;
	int option;
	int value;
} rows[] = {
    {"asked whether it is there", SOL_SOCKET, SO_KEEPALIVE, 1},
    {"after ten minutes", IPPROTO_TCP, TCP_KEEPIDLE, 600},
    {"each minute", IPPROTO_TCP, TCP_KEEPINTVL, 60},
    {"five times", IPPROTO_TCP, TCP_KEEPCNT, 5},
    {"no waiting for more to say", IPPROTO_TCP, TCP_NODELAY, 1},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a), size = sizeof(int);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd, value = -1;
	char *address;

	peer_listen(listener);
	assert_int_equal(bind(listener, (void *)&a, n), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (void *)&a, &n), 0);
	assert_int_equal(connect(client, (void *)&a, n), 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(
	    getsockopt(fd, row->level, row->option, &value, &size), 0);
	assert_int_equal(value, row->value);
	address = peer_address(fd);
	assert_string_equal(address, "127.0.0.1");
	free(address);
	io_close(&fd);
	io_close(&client);
	io_close(&listener);
}

ROWS_MAIN(rows, check_row)
