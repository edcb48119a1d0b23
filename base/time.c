/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

struct civil {
	unsigned year, month, day, hour, minute, second, ms, weekday; /* weekday: 0 is Sunday */
};

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "SunMonTueWedThuFriSat";
static const int64_t last_ms = 253402300799999; /* 9999-12-31T23:59:59.999Z */

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* The calendar fields of a time. */
static struct civil civil_of(int64_t wall_ms)
{
	struct civil c;
	int64_t days, rest, z, era, doe, yoe, doy, mp;

	if (wall_ms < 0)
		wall_ms = 0;
	if (wall_ms > last_ms)
		wall_ms = last_ms;
	days = wall_ms / DAY_MS;
	rest = wall_ms % DAY_MS;
	z = days + 719468;
	era = z / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	c.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	c.month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	c.year = (unsigned)(yoe + era * 400 + (c.month <= 2 ? 1 : 0));
	c.hour = (unsigned)(rest / HOUR_MS);
	c.minute = (unsigned)(rest % HOUR_MS / MINUTE_MS);
	c.second = (unsigned)(rest % MINUTE_MS / SECOND_MS);
	c.ms = (unsigned)(rest % SECOND_MS);
	c.weekday = (unsigned)((days + 4) % 7);
	return c;
}

/* Appends `v` with exactly `width` digits. */
static void add_digits(struct buf *buf, unsigned v, unsigned width)
{
	char digits[10];

	must(width <= sizeof(digits));
	for (unsigned i = width; i-- > 0; v /= 10)
		digits[i] = (char)('0' + v % 10);
	buf_add(buf, digits, width);
}

/* Appends "2026-01-02T03:04:05". */
static void add_date_time(struct buf *buf, const struct civil *c)
{
	add_digits(buf, c->year, 4);
	buf_c(buf, '-');
	add_digits(buf, c->month, 2);
	buf_c(buf, '-');
	add_digits(buf, c->day, 2);
	buf_c(buf, 'T');
	add_digits(buf, c->hour, 2);
	buf_c(buf, ':');
	add_digits(buf, c->minute, 2);
	buf_c(buf, ':');
	add_digits(buf, c->second, 2);
}

void time_add_rfc3339(struct buf *buf, int64_t wall_ms)
{
	struct civil c = civil_of(wall_ms);

	add_date_time(buf, &c);
	buf_c(buf, '.');
	add_digits(buf, c.ms, 3);
	buf_c(buf, 'Z');
}

void time_add_amz(struct buf *buf, int64_t wall_ms)
{
	struct civil c = civil_of(wall_ms);

	add_digits(buf, c.year, 4);
	add_digits(buf, c.month, 2);
	add_digits(buf, c.day, 2);
	buf_c(buf, 'T');
	add_digits(buf, c.hour, 2);
	add_digits(buf, c.minute, 2);
	add_digits(buf, c.second, 2);
	buf_c(buf, 'Z');
}

void time_add_http(struct buf *buf, int64_t wall_ms)
{
	struct civil c = civil_of(wall_ms);

	buf_add(buf, &day_names[c.weekday * 3], 3);
	buf_str(buf, STR(", "));
	add_digits(buf, c.day, 2);
	buf_c(buf, ' ');
	buf_add(buf, &month_names[(c.month - 1) * 3], 3);
	buf_c(buf, ' ');
	add_digits(buf, c.year, 4);
	buf_c(buf, ' ');
	add_digits(buf, c.hour, 2);
	buf_c(buf, ':');
	add_digits(buf, c.minute, 2);
	buf_c(buf, ':');
	add_digits(buf, c.second, 2);
	buf_str(buf, STR(" GMT"));
}

/* Reads `n` digits at `at`; false when there are none or the number is above `max`. */
static bool digits_at(struct str text, size_t at, size_t n, uint64_t max, unsigned *out)
{
	uint64_t v;

	if (at + n > text.n || !str_to_u64(str_make(text.p + at, n), &v) || v > max)
		return false;
	*out = (unsigned)v;
	return true;
}

/* The time of calendar fields; false when the date does not exist. */
static bool civil_to_ms(const struct civil *c, int64_t *wall_ms_out)
{
	struct civil back;
	int64_t ms;

	if (c->month < 1 || c->month > 12 || c->day < 1 || c->year < 1970)
		return false;
	ms = days_of(c->year, c->month, c->day) * DAY_MS;
	back = civil_of(ms);
	if (back.day != c->day || back.month != c->month)
		return false;
	/* A leap second, 23:59:60, becomes the first second of the next day. */
	*wall_ms_out = ms + (int64_t)c->hour * HOUR_MS + (int64_t)c->minute * MINUTE_MS +
		       (int64_t)c->second * SECOND_MS;
	return true;
}

bool time_parse_http(struct str text, int64_t *wall_ms_out)
{
	struct civil c = {0};

	if (text.n != 29 || text.p[3] != ',' || text.p[4] != ' ' || text.p[7] != ' ' ||
	    text.p[11] != ' ' || text.p[16] != ' ' || text.p[19] != ':' || text.p[22] != ':' ||
	    !str_ends(text, STR(" GMT")))
		return false;
	for (c.month = 1; c.month <= 12; c.month++) {
		if (str_eq(str_make(text.p + 8, 3), str_make(&month_names[(c.month - 1) * 3], 3)))
			break;
	}
	return digits_at(text, 5, 2, 31, &c.day) && digits_at(text, 12, 4, 9999, &c.year) &&
	       digits_at(text, 17, 2, 23, &c.hour) && digits_at(text, 20, 2, 59, &c.minute) &&
	       digits_at(text, 23, 2, 60, &c.second) && civil_to_ms(&c, wall_ms_out);
}

bool time_parse_amz(struct str text, int64_t *wall_ms_out)
{
	struct civil c = {0};

	if (text.n != 16 || text.p[8] != 'T' || text.p[15] != 'Z')
		return false;
	return digits_at(text, 0, 4, 9999, &c.year) && digits_at(text, 4, 2, 12, &c.month) &&
	       digits_at(text, 6, 2, 31, &c.day) && digits_at(text, 9, 2, 23, &c.hour) &&
	       digits_at(text, 11, 2, 59, &c.minute) && digits_at(text, 13, 2, 60, &c.second) &&
	       civil_to_ms(&c, wall_ms_out);
}

/* Reads the zone that ends an RFC 3339 time: what it is ahead of UTC, in milliseconds. */
static bool parse_zone(struct str zone, int64_t *ahead_ms_out)
{
	unsigned hours, minutes;

	*ahead_ms_out = 0;
	if (zone.n == 1)
		return zone.p[0] == 'Z' || zone.p[0] == 'z';
	if (zone.n != 6 || (zone.p[0] != '+' && zone.p[0] != '-') || zone.p[3] != ':' ||
	    !digits_at(zone, 1, 2, 23, &hours) || !digits_at(zone, 4, 2, 59, &minutes))
		return false;
	*ahead_ms_out = (int64_t)hours * HOUR_MS + (int64_t)minutes * MINUTE_MS;
	if (zone.p[0] == '-')
		*ahead_ms_out = -*ahead_ms_out;
	return true;
}

bool time_parse_rfc3339(struct str text, int64_t *wall_ms_out)
{
	struct civil c = {0};
	struct str rest = str_skip(text, 19);
	int64_t ms, ahead_ms, unit_ms = 100;

	if (text.n < 20 || text.p[4] != '-' || text.p[7] != '-' ||
	    (text.p[10] != 'T' && text.p[10] != 't' && text.p[10] != ' ') || text.p[13] != ':' ||
	    text.p[16] != ':')
		return false;
	if (!digits_at(text, 0, 4, 9999, &c.year) || !digits_at(text, 5, 2, 12, &c.month) ||
	    !digits_at(text, 8, 2, 31, &c.day) || !digits_at(text, 11, 2, 23, &c.hour) ||
	    !digits_at(text, 14, 2, 59, &c.minute) || !digits_at(text, 17, 2, 60, &c.second) ||
	    !civil_to_ms(&c, &ms))
		return false;
	if (rest.p[0] == '.') {
		size_t n = 1;

		for (; n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9'; n++, unit_ms /= 10)
			ms += unit_ms * (rest.p[n] - '0');
		if (n == 1)
			return false;
		rest = str_skip(rest, n);
	}
	if (!parse_zone(rest, &ahead_ms) || ms - ahead_ms < 0 || ms - ahead_ms > last_ms)
		return false;
	*wall_ms_out = ms - ahead_ms;
	return true;
}

/* Whether `s` has digits only; it may be empty. */
static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return true;
}

bool time_parse_epoch(struct str number, int64_t *wall_ms_out)
{
	size_t e = str_find(number, 'E') < number.n ? str_find(number, 'E') : str_find(number, 'e');
	struct str mantissa = str_head(number, e), exponent = str_skip(number, e + 1);
	struct str whole = str_cut(&mantissa, '.');
	int64_t shift = 0, ms = 0;
	size_t n = whole.n + mantissa.n;

	if (e < number.n && !str_to_i64(exponent, &shift))
		return false;
	if (whole.n == 0 || (mantissa.p != NULL && mantissa.n == 0) || !all_digits(whole) ||
	    !all_digits(mantissa) || n > 40 || shift < -40 || shift > 40)
		return false;
	/* Digit i counts 10^(whole.n + shift - 1 - i) seconds: take what is at least a millisecond. */
	for (int64_t i = 0; i < (int64_t)whole.n + shift + 3; i++) {
		unsigned digit = 0;

		if (i < (int64_t)whole.n)
			digit = (unsigned)(whole.p[i] - '0');
		else if (i < (int64_t)n)
			digit = (unsigned)(mantissa.p[(size_t)i - whole.n] - '0');
		ms = ms * 10 + digit;
		if (ms > last_ms)
			return false;
	}
	*wall_ms_out = ms;
	return true;
}
