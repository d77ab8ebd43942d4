/*
 * mailstead-pop3d: the front of POP3.
 */
#include "pop3d/front.h"
#include "lib/base/banned.h"

int
main(int argc, char **argv)
{
	return front_serve(ROLE_POP3D, &front_ops, argc, argv);
}
