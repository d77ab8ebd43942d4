/*
 * The table of capabilities: see capability.h.
 */
#include "imapd/capability.h"
#include "lib/base/banned.h"

#define ALWAYS (CAPABILITY_FRONT | CAPABILITY_SESSION)

static const struct {
	const char *name;
	unsigned when;
} rows[] = {
    {"IMAP4rev1", ALWAYS},
    {"LITERAL+", ALWAYS}, /* RFC 7888 */
    {"ID", ALWAYS},       /* RFC 2971 */
    {"SASL-IR", CAPABILITY_FRONT},
    {"STARTTLS", CAPABILITY_TLS},
    {"LOGINDISABLED", CAPABILITY_NO_LOGIN},
    {"IDLE", CAPABILITY_SESSION},
    {"NAMESPACE", CAPABILITY_SESSION},
    {"UIDPLUS", CAPABILITY_SESSION},
    {"UNSELECT", CAPABILITY_SESSION},
    {"CHILDREN", CAPABILITY_SESSION},
    {"MOVE", CAPABILITY_SESSION},
    {"SPECIAL-USE", CAPABILITY_SESSION},
};

void
capability_put(struct buf *b, unsigned when)
{
	const char *space = "";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((rows[i].when & when) == 0)
			continue;
		buf_puts(b, space);
		buf_puts(b, rows[i].name);
		space = " ";
	}
}
