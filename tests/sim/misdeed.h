/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plants do to records on their way from a scripted sink to the ledger.
 */
#ifndef SIM_MISDEED_H
#define SIM_MISDEED_H

#include "tests/sim/sinks.h"

/*
 * Does what the world's plant wants done to record number `i` of a delivery, which the incarnation `life`
 * makes durable; true when the record must not reach the ledger.
 */
bool misdeed(struct target *target, unsigned life, const struct delivery *delivery, size_t i,
	     struct ledger_record *record);

#endif
