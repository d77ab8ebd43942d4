/*
 * mailstead-imapd: the front of IMAP.
 */
#include "imapd/front.h"
#include "lib/base/banned.h"

int
main(int argc, char **argv)
{
	return front_serve(ROLE_IMAPD, &front_ops, argc, argv);
}
