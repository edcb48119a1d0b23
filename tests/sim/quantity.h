/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that scenario files can expect something of. */
#ifndef SIM_QUANTITY_H
#define SIM_QUANTITY_H

#include "tests/sim/cluster.h"

struct quantity {
	const char *name;
	const char *of; /* what its argument is: for messages */
	/* The number now; false when the argument names nothing. */
	bool (*measure)(struct cluster *cluster, struct str arg, int64_t *out);
};

/* The quantity of that name, or NULL. */
const struct quantity *quantity_find(struct str name);

#endif
