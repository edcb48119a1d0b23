/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences for operators: why a sink's request had no answer, and the way out.
 */
#ifndef HOST_WEB_WHY_H
#define HOST_WEB_WHY_H

#include "consumer/host/web_slot.h"

/* Classifies the transfer on `slot`, which ended with `code` and without an answer, and says why. */
enum web_result web_why(const struct web_slot *slot, CURLcode code, struct error *why);

#endif
