/*
 * Who is at the other end of a connection, and whether somebody still is.
 */
#ifndef LIB_EV_PEER_H
#define LIB_EV_PEER_H

#include <stdint.h>

/*
 * "192.0.2.1", "2001:db8::1" or "unknown"; an IPv4 address that was mapped to
 * IPv6 is shown as the former. Owned by the caller.
 */
char *peer_address(int fd);

/*
 * For a listening TCP socket, whose accepted ones inherit it (so it costs them
 * nothing): what is written goes out at once (TCP_NODELAY), and when nothing
 * has come for ten minutes the kernel asks the other end whether it is still
 * there: if not, the connection ends some five minutes later. One who idles for
 * hours says nothing, and may have lost its network; asking more often would
 * keep phones awake.
 */
void peer_listen(int fd);

/*
 * The user at the other end of a Unix socket, when it connected
 * (SO_PEERCRED); (uint32_t)-1, which is nobody, when the kernel cannot tell.
 */
uint32_t peer_uid(int fd);

#endif
