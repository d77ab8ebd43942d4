/*
 * mailstead-spawn: the parent of mailbox sessions of virtual accounts. Asked
 * only by authd.
 */
#include "spawn/parent.h"
#include "lib/base/banned.h"

int
main(int argc, char **argv)
{
	return parent_main(ROLE_SPAWN, argc, argv);
}
