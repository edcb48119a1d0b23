/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <time.h>

#include "base/rng.h"
#include "tests/check.h"

static const int64_t last_ms = 253402300799999;

static void time_writes_all_forms(void)
{
	static const struct {
		int64_t ms;
		const char *rfc3339, *amz, *http;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z", "19700101T000000Z",
		 "Thu, 01 Jan 1970 00:00:00 GMT"},
		{951782399999, "2000-02-28T23:59:59.999Z", "20000228T235959Z",
		 "Mon, 28 Feb 2000 23:59:59 GMT"},
		{951782400000, "2000-02-29T00:00:00.000Z", "20000229T000000Z",
		 "Tue, 29 Feb 2000 00:00:00 GMT"},
		{1767323045678, "2026-01-02T03:04:05.678Z", "20260102T030405Z",
		 "Fri, 02 Jan 2026 03:04:05 GMT"},
		{4107542400000, "2100-03-01T00:00:00.000Z", "21000301T000000Z",
		 "Mon, 01 Mar 2100 00:00:00 GMT"},
		{last_ms, "9999-12-31T23:59:59.999Z", "99991231T235959Z",
		 "Fri, 31 Dec 9999 23:59:59 GMT"},
		/* Others are clamped. */
		{-1, "1970-01-01T00:00:00.000Z", "19700101T000000Z",
		 "Thu, 01 Jan 1970 00:00:00 GMT"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z", "99991231T235959Z",
		 "Fri, 31 Dec 9999 23:59:59 GMT"},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct buf buf;

		buf_init(&buf, 100);
		time_add_rfc3339(&buf, rows[i].ms);
		CHECK_STR(buf_view(&buf), rows[i].rfc3339);
		buf_clear(&buf);
		time_add_amz(&buf, rows[i].ms);
		CHECK_STR(buf_view(&buf), rows[i].amz);
		buf_clear(&buf);
		time_add_http(&buf, rows[i].ms);
		CHECK_STR(buf_view(&buf), rows[i].http);
		buf_release(&buf);
	}
}

/* The days from 1970 to 9999, the later ones in strides, against libc's calendar, and back. */
static void time_agrees_with_libc_on_every_day(void)
{
	unsigned bad = 0;
	struct buf buf;

	buf_init(&buf, 100);
	for (int64_t day = 0; day * DAY_MS <= last_ms; day += 1 + (day > 60000) * 12) {
		int64_t ms = day * DAY_MS + day * 12345 % DAY_MS, back = 0;
		time_t seconds = (time_t)(ms / 1000);
		struct tm tm;
		char want[64];

		gmtime_r(&seconds, &tm);
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		buf_clear(&buf);
		time_add_http(&buf, ms);
		bad += !str_eq(buf_view(&buf), str_of(want));
		bad += !time_parse_http(buf_view(&buf), &back) || back != ms / 1000 * 1000;
		buf_clear(&buf);
		time_add_amz(&buf, ms);
		bad += !time_parse_amz(buf_view(&buf), &back) || back != ms / 1000 * 1000;
		buf_clear(&buf);
		time_add_rfc3339(&buf, ms);
		bad += !time_parse_rfc3339(buf_view(&buf), &back) || back != ms;
	}
	CHECK_INT(bad, 0);
	buf_release(&buf);
}

static void time_refuses_malformed_dates(void)
{
	static const char *const http[] = {
		"",
		"Fri, 02 Jan 2026 03:04:05",
		"Fri, 02 Jan 2026 03:04:05 UTC",
		"Fri, 02 jan 2026 03:04:05 GMT",
		"Fri, 31 Feb 2026 03:04:05 GMT",
		"Fri, 00 Jan 2026 03:04:05 GMT",
		"Fri, 02 Jan 1969 03:04:05 GMT",
		"Fri, 02 Jan 2026 24:04:05 GMT",
		"Fri, 02 Jan 2026 03:60:05 GMT",
		"Fri, 02 Jan 2026 03:04:61 GMT",
		"Fri, 02 Jan 2026 03x04:05 GMT",
		"Fri,x02 Jan 2026 03:04:05 GMT",
		"Fri, 2  Jan 2026 03:04:05 GMT",
		"Fri, +2 Jan 2026 03:04:05 GMT",
		"Friday, 02-Jan-26 03:04:05 GMT",
	};
	static const char *const amz[] = {"",
					  "20260102T030405",
					  "20260102 030405Z",
					  "20260102T030405z",
					  "20261302T030405Z",
					  "20260229T030405Z",
					  "20260132T030405Z",
					  "20260102T250405Z",
					  "2026010aT030405Z",
					  "19691231T235959Z",
					  "20260102T030405ZZ"};
	int64_t ms = 5;

	for (size_t i = 0; i < ARRAY_N(http); i++) {
		if (!CHECK(!time_parse_http(str_of(http[i]), &ms)))
			fprintf(stderr, "  %s\n", http[i]);
	}
	for (size_t i = 0; i < ARRAY_N(amz); i++) {
		if (!CHECK(!time_parse_amz(str_of(amz[i]), &ms)))
			fprintf(stderr, "  %s\n", amz[i]);
	}
	CHECK_INT(ms, 5);
	/* A leap second is the second after. */
	CHECK(time_parse_amz(STR("20161231T235960Z"), &ms));
	CHECK_INT(ms, 1483228800000);
}

static void time_parses_rfc3339(void)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} rows[] = {
		{"2026-01-02T03:04:05Z", 1767323045000},
		{"2026-01-02t03:04:05z", 1767323045000},
		{"2026-01-02 03:04:05Z", 1767323045000},
		{"2026-01-02T03:04:05.6Z", 1767323045600},
		{"2026-01-02T03:04:05.678901234Z", 1767323045678},
		{"2026-01-02T03:04:05.0009999Z", 1767323045000},
		{"2026-01-02T04:04:05+01:00", 1767323045000},
		{"2026-01-01T21:34:05-05:30", 1767323045000},
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T01:00:00+01:00", 0},
		{"9999-12-31T23:59:59.999Z", 253402300799999},
		{"", -1},
		{"2026-01-02T03:04:05", -1},
		{"2026-01-02T03:04:05.Z", -1},
		{"2026-01-02T03:04:05.1", -1},
		{"2026-01-02T03:04:05+0100", -1},
		{"2026-01-02T03:04:05+24:00", -1},
		{"2026-01-02T03:04:05+01:60", -1},
		{"2026-01-02T03:04:05Z ", -1},
		{"2026-02-30T03:04:05Z", -1},
		{"2026-1-02T03:04:05Z", -1},
		{"2026/01/02T03:04:05Z", -1},
		{"2026-01-02T03.04.05Z", -1},
		{"1970-01-01T00:00:00+00:01", -1},
		{"9999-12-31T23:59:59-00:01", -1},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		int64_t ms = -1;

		CHECK_INT(time_parse_rfc3339(str_of(rows[i].text), &ms), rows[i].ms >= 0);
		if (!CHECK_INT(ms, rows[i].ms))
			fprintf(stderr, "  %s\n", rows[i].text);
	}
}

static void time_parses_epoch_numbers(void)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} rows[] = {
		{"0", 0},
		{"0.0", 0},
		{"0E5", 0},
		{"1464804310", 1464804310000},
		{"1.46480431E9", 1464804310000},
		{"1.46480431e+9", 1464804310000},
		{"1.464804310123E9", 1464804310123},
		{"1464804310.123", 1464804310123},
		{"1464804310.1", 1464804310100},
		{"1464804310.1239999", 1464804310123},
		{"1464804310123E-3", 1464804310123},
		{"12.345", 12345},
		{"0.0005", 0},
		{"5e-3", 5},
		{"5e-4", 0},
		{"5E-40", 0},
		{"0.0000000001464804310123e19", 1464804310123},
		{"253402300799.999", 253402300799999},
		{"253402300800", -1},
		{"1E12", -1},
		{"1E40", -1},
		{"1E41", -1},
		{"1E99999999999999999999", -1},
		{"-1", -1},
		{"-5e-5", -1},
		{"+1", -1},
		{"", -1},
		{".5", -1},
		{"5.", -1},
		{"e5", -1},
		{"5e", -1},
		{"1e5e5", -1},
		{"1.2.3", -1},
		{"1.2345x", -1},
		{"12x", -1},
		{" 1", -1},
		{"NaN", -1},
		{"11111111111111111111111111111111111111111", -1},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		int64_t ms = -1;

		CHECK_INT(time_parse_epoch(str_of(rows[i].text), &ms), rows[i].ms >= 0);
		if (!CHECK_INT(ms, rows[i].ms))
			fprintf(stderr, "  %s\n", rows[i].text);
	}
}

/* One moment, with the point at each place of its digits and the exponent that undoes it. */
static void time_epoch_is_exact_in_every_form(void)
{
	struct rng rng;
	struct buf digits, text;

	rng_init(&rng, 4);
	buf_init(&digits, 100);
	buf_init(&text, 100);
	for (int round = 0; round < 2000; round++) {
		int64_t ms = (int64_t)rng_below(&rng, (uint64_t)last_ms + 1);

		buf_clear(&digits);
		buf_fmt(&digits, "%015lld", (long long)ms);
		for (size_t point = 1; point < 15; point++) {
			int64_t got = -1;

			buf_clear(&text);
			buf_str(&text, str_head(buf_view(&digits), point));
			buf_c(&text, '.');
			buf_str(&text, str_skip(buf_view(&digits), point));
			buf_fmt(&text, "e%d", 12 - (int)point);
			CHECK(time_parse_epoch(buf_view(&text), &got));
			CHECK_INT(got, ms);
		}
	}
	buf_release(&digits);
	buf_release(&text);
}

int main(void)
{
	CHECK_RUN(time_writes_all_forms);
	CHECK_RUN(time_agrees_with_libc_on_every_day);
	CHECK_RUN(time_refuses_malformed_dates);
	CHECK_RUN(time_parses_rfc3339);
	CHECK_RUN(time_parses_epoch_numbers);
	CHECK_RUN(time_epoch_is_exact_in_every_form);
	return check_end();
}
