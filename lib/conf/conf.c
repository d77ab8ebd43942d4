/*
 * The life of a struct conf: see conf.h.
 */
#include <stdlib.h>

#include "lib/conf/conf.h"
#include "lib/conf/value.h"
#include "lib/base/banned.h"

void
conf_free(struct conf **conf)
{
	if (*conf == NULL)
		return;
	for (size_t i = 0; i < CONF_ID_COUNT; i++)
		conf_value_clear(&conf_option_table[i], *conf);
	free(*conf);
	*conf = NULL;
}
