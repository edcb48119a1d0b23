/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form in which the scripted sinks get records: one line of JSON with all that the ledger checks;
 * and how dead letters that hold such records are read.
 */
#ifndef SIM_SINKFORM_H
#define SIM_SINKFORM_H

#include "consumer/engine/format.h"
#include "tests/sim/ledger.h"

/* The encoder whose output the sinks read. */
const struct encoder *record_encoder(bool images);

/* Reads one record, as slices of its line; false when it is none. */
bool record_parse(struct str line, struct ledger_record *out);

/* Reads one letter, as slices of its line; false when it is none. */
bool record_parse_letter(struct str line, struct ledger_letter *out);

#endif
