/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences of summary.h on the tables of VinylDNS. */
#ifndef FORMATS_SUMMARY_VINYLDNS_H
#define FORMATS_SUMMARY_VINYLDNS_H

#include "sinks/formats/summary.h"

/*
 * Appends the sentence on an event of one of VinylDNS's tables. Appends nothing when it knows of
 * none, for want of an image or because a message could not be decoded.
 */
void summary_vinyldns(const struct summary_input *input, struct buf *out);

#endif
