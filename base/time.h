/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calendar arithmetic on milliseconds since 1970-01-01T00:00:00Z. No clock is read here, and no time
 * zone exists but UTC.
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "base/buf.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * 1000, HOUR_MS = 3600 * 1000, DAY_MS = 86400 * 1000 };

/* Appends "2026-01-02T03:04:05.678Z". Years 0000 to 9999; others are clamped. */
void time_add_rfc3339(struct buf *buf, int64_t wall_ms);

/* Appends "20260102T030405Z", the form that AWS signatures use; its first 8 bytes are the date. */
void time_add_amz(struct buf *buf, int64_t wall_ms);

/* Appends an HTTP date, "Fri, 02 Jan 2026 03:04:05 GMT". */
void time_add_http(struct buf *buf, int64_t wall_ms);

/* Parses an HTTP date (the form above only); false when it is none. */
bool time_parse_http(struct str text, int64_t *wall_ms_out);

/* Parses "20260102T030405Z"; false when it is none. */
bool time_parse_amz(struct str text, int64_t *wall_ms_out);

/*
 * Parses "2026-01-02T03:04:05Z", also with a fraction of a second, of which milliseconds count, and
 * with an offset such as "+01:00" for the Z; false when it is none or before 1970.
 */
bool time_parse_rfc3339(struct str text, int64_t *wall_ms_out);

/*
 * Parses a time in seconds as JSON writes numbers ("1464804310", "1.46480431E9", "12.345") into
 * milliseconds, without floating point; false when it is none or out of the years 1970 to 9999.
 */
bool time_parse_epoch(struct str number, int64_t *wall_ms_out);

#endif
