/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences for operators: what failed against which host, and the way out.
 */
#ifndef HOST_WHY_H
#define HOST_WHY_H

#include "consumer/host/slot.h"

/* Classifies a transfer on `slot` that ended with `code`, which is not CURLE_OK, and says why. */
enum io_result why_failed(const struct slot *slot, CURLcode code, struct error *why);

#endif
