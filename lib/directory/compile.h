/*
 * From the administrator's text files to one snapshot. Runs in a short-lived
 * child of master.
 */
#ifndef LIB_DIRECTORY_COMPILE_H
#define LIB_DIRECTORY_COMPILE_H

#include "lib/base/why.h"
#include "lib/conf/conf.h"
#include "lib/directory/report.h"

struct directory_source {
	const struct conf_list *domains;       /* local */
	const struct conf_list *alias_domains; /* "alias=local"; or NULL */
	const struct conf_list *relay_domains; /* "domain=host"; or NULL */
	int relay_recipients;   /* descriptor, -1: all are taken; borrowed; only
				   with relay_domains */
	const char *delimiters; /* of details, "": none */
	const char *postmaster; /* address, or "" */
	int accounts;           /* descriptor, -1: none; borrowed */
	int aliases;            /* descriptor, -1: none; borrowed */
	int senders;            /* likewise */
	bool actions;           /* may aliases lead to programs and files? */
	/* users of the system who have a mailbox at these of the domains; NULL:
	 * nobody has */
	const struct conf_list *user_domains;
	struct span users; /* names that user_name_ok() takes, an LF behind
			      each */
	bool partly; /* accounts or users are not known: do not follow aliases
			to them */
};

/*
 * Write the snapshot to `path`, which must not exist: complete before it has
 * that name, mode 0644. NULL: look only what is wrong. Lines of accounts and
 * aliases that are wrong go into the report (may be NULL), and the rest is
 * served; whose they are is BROKEN (see directory.h). RC_PERM or RC_TEMP: no
 * source, or no file; nothing is left then.
 */
enum rc directory_compile(const struct directory_source *source,
    const char *path, struct directory_report *report, struct why *why);

#endif
