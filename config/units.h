/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, sizes and counts as people write them. Pure; all arithmetic is checked for overflow. */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include "base/buf.h"

/*
 * "500ms", "30s", "5m", "1h30m", "2d": whole numbers with units, the larger ones first. False when
 * `text` is anything else.
 */
bool duration_parse(struct str text, int64_t *ms_out) MUST_CHECK;

/* Appends a duration (not negative) in its shortest written form. */
void duration_put(struct buf *out, int64_t ms);

/* "512", "64KiB", "10MB": a whole number of bytes or of one unit. False when `text` is anything else. */
bool size_parse(struct str text, int64_t *bytes_out) MUST_CHECK;

/* Appends a size (not negative) in the largest unit that leaves a whole number. */
void size_put(struct buf *out, int64_t bytes);

/* "0", "250": digits only, without leading zeros, which some readers of YAML take for octal. */
bool count_parse(struct str text, int64_t *out) MUST_CHECK;

#endif
