/*
 * From the administrator's text files to one snapshot. Runs in a short-lived
 * child of master.
 */
#ifndef LIB_DIRECTORY_COMPILE_H
#define LIB_DIRECTORY_COMPILE_H

#include "lib/base/why.h"
#include "lib/conf/conf.h"

struct directory_source {
	const struct conf_list *domains;       /* local */
	const struct conf_list *alias_domains; /* "alias=local"; or NULL */
	const char *delimiters;                /* of details, "": none */
	const char *postmaster;                /* address, or "" */
	int accounts; /* descriptor, -1: none; borrowed */
	int aliases;  /* descriptor, -1: none; borrowed */
	/* users of the system who have a mailbox at these of the domains; NULL:
	 * nobody has */
	const struct conf_list *user_domains;
	struct span users; /* names that user_name_ok() takes, an LF behind
			      each */
};

/*
 * Write the snapshot to `path`, which must not exist: complete before it has
 * that name, mode 0644. RC_PERM with file, line and mistake when a source is
 * wrong; RC_TEMP when it cannot be written. Nothing is left then.
 */
enum rc directory_compile(
    const struct directory_source *source, const char *path, struct why *why);

#endif
