/*
 * Who is at the other end of a connection.
 */
#ifndef LIB_EV_PEER_H
#define LIB_EV_PEER_H

/*
 * "192.0.2.1", "2001:db8::1" or "unknown"; an IPv4 address that was mapped to
 * IPv6 is shown as the former. Owned by the caller.
 */
char *peer_address(int fd);

#endif
