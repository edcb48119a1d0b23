/* SPDX-License-Identifier: Apache-2.0 */
/* What this process uses of its machine. */
#ifndef HOST_USAGE_H
#define HOST_USAGE_H

#include "base/buf.h"

struct usage {
	int64_t cpu_ms; /* of all threads, in user and system mode */
	uint64_t resident_bytes; /* 0: the kernel does not tell */
	uint64_t fds, fds_max; /* open descriptors, and how many may be; 0: likewise */
};

/* Measures it. */
void usage_measure(struct usage *out);

#endif
