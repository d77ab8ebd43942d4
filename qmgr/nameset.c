/*
 * A set of names: see nameset.h. Open addressing, at most half full.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "qmgr/nameset.h"
#include "lib/base/banned.h"

#define SLOTS_FIRST 64

void
nameset_init(struct nameset *s, size_t max)
{
	*s = (struct nameset){0};
	buf_init(&s->text, max < UINT32_MAX ? max : UINT32_MAX - 1);
}

void
nameset_fini(struct nameset *s)
{
	free(s->slots);
	buf_fini(&s->text);
	*s = (struct nameset){.text = s->text};
}

/* Its slot, or the free one where it belongs. */
static uint32_t *
slot_of(const struct nameset *s, struct span name)
{
	size_t i = enc_crc32c(0, name.p, name.n) & (s->n_slots - 1);

	while (s->slots[i] != 0 &&
	       !span_eq(span_of(s->text.p + s->slots[i] - 1), name))
		i = (i + 1) & (s->n_slots - 1);
	return &s->slots[i];
}

static void
grow(struct nameset *s)
{
	struct nameset old = *s;

	s->n_slots = old.n_slots == 0 ? SLOTS_FIRST : old.n_slots * 2;
	s->slots = mem_array(s->n_slots, sizeof(*s->slots));
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.slots[i] != 0)
			*slot_of(s, span_of(s->text.p + old.slots[i] - 1)) =
			    old.slots[i];
	free(old.slots);
}

bool
nameset_add(struct nameset *s, struct span name)
{
	uint32_t at = (uint32_t)s->text.n;
	uint32_t *slot;

	if (s->n * 2 >= s->n_slots)
		grow(s);
	slot = slot_of(s, name);
	if (*slot != 0)
		return false;
	if (buf_reserve(&s->text, name.n + 1) == NULL)
		return true;
	buf_put_span(&s->text, name);
	buf_putc(&s->text, '\0');
	*slot = at + 1;
	s->n++;
	return true;
}

bool
nameset_has(const struct nameset *s, struct span name)
{
	return s->n_slots > 0 && *slot_of(s, name) != 0;
}
