/*
 * The services that a login is for: see service.h.
 */
#include "authd/service.h"
#include "lib/base/banned.h"

static const char *const names[] = {"smtp", "pop3", "imap", "?"};

enum service
service_of(struct span name)
{
	enum service s = SERVICE_SMTP;

	while (s < SERVICE_NONE && !span_eq(name, span_of(names[s])))
		s++;
	return s;
}

const char *
service_name(enum service service)
{
	return names[service];
}

bool
service_set_parse(struct span text, unsigned *set)
{
	*set = 0;
	do {
		enum service s = service_of(span_cut(&text, ','));

		if (s == SERVICE_NONE || (*set & 1U << s) != 0)
			return false;
		*set |= 1U << s;
	} while (text.p != NULL);
	return true;
}

bool
service_set_put(struct buf *out, unsigned set)
{
	const char *between = "";

	for (enum service s = SERVICE_SMTP; s < SERVICE_NONE; s++)
		if ((set & 1U << s) != 0) {
			buf_putf(out, "%s%s", between, names[s]);
			between = ",";
		}
	return !out->over;
}
