/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/change/seqno.h"

#include "base/rng.h"
#include "tests/check.h"

enum { PAIRS_N = 200000 };

/* A number of up to 54 digits in base 10^18, least limb first. */
struct big {
	uint64_t limb[3];
};

/* Reads decimal digits by multiplication, so that it shares nothing with a comparison of text. */
static struct big big_read(struct str digits)
{
	const uint64_t base = 1000000000000000000u;
	struct big big = {{0}};

	for (size_t i = 0; i < digits.n; i++) {
		unsigned __int128 carry = (unsigned)(digits.p[i] - '0');

		for (size_t k = 0; k < ARRAY_N(big.limb); k++) {
			carry += (unsigned __int128)big.limb[k] * 10;
			big.limb[k] = (uint64_t)(carry % base);
			carry /= base;
		}
	}
	return big;
}

static int big_cmp(struct big a, struct big b)
{
	for (size_t k = ARRAY_N(a.limb); k-- > 0;) {
		if (a.limb[k] != b.limb[k])
			return a.limb[k] < b.limb[k] ? -1 : 1;
	}
	return 0;
}

static int sign(int c)
{
	return (c > 0) - (c < 0);
}

/* Fills `room` with a random sequence number, at times with leading zeros. */
static struct str random_seqno(struct rng *rng, char *room)
{
	size_t n = 1 + rng_below(rng, SEQNO_MAX);
	size_t zeros = rng_chance(rng, 30) ? rng_below(rng, n + 1) : 0;

	for (size_t i = 0; i < n; i++)
		room[i] = i < zeros ? '0' : (char)('0' + rng_below(rng, 10));
	return str_make(room, n);
}

static void seqno_order_is_that_of_big_integers(void)
{
	char room_a[SEQNO_MAX], room_b[SEQNO_MAX];
	size_t equal = 0, bad = 0;
	struct rng rng;

	rng_init(&rng, 20260102);
	for (size_t i = 0; i < PAIRS_N; i++) {
		struct str a = random_seqno(&rng, room_a), b = random_seqno(&rng, room_b);
		int want;

		/* Neighbours: the same number but for one digit or its zeros. */
		if (rng_chance(&rng, 50)) {
			mem_copy(room_b, room_a, a.n);
			b = str_make(room_b, a.n);
			if (rng_chance(&rng, 50))
				room_b[rng_below(&rng, b.n)] = (char)('0' + rng_below(&rng, 10));
			else if (room_b[0] == '0' && b.n > 1)
				b = str_skip(b, 1);
		}
		want = big_cmp(big_read(a), big_read(b));
		equal += want == 0;
		bad += sign(seqno_cmp(a, b)) != want || sign(seqno_cmp(b, a)) != -want;
	}
	CHECK_INT(bad, 0);
	CHECK(equal > PAIRS_N / 100);
}

static void seqno_validity(void)
{
	CHECK(seqno_valid(STR("0")));
	CHECK(seqno_valid(STR("300000000000000499659")));
	CHECK(seqno_valid(STR("1234567890123456789012345678901234567890")));
	CHECK(!seqno_valid(STR("12345678901234567890123456789012345678901")));
	CHECK(!seqno_valid(STR("")));
	CHECK(!seqno_valid(STR("-1")));
	CHECK(!seqno_valid(STR("1 ")));
	CHECK(!seqno_valid(STR("1\\u0030")));
}

static void positions_are_ordered(void)
{
	struct position p[] = {position_start(), position_after(STR("9")),
			       position_after(STR("0010")),
			       position_after(STR("300000000000000499659")), position_end()};

	for (size_t i = 0; i < ARRAY_N(p); i++) {
		for (size_t k = 0; k < ARRAY_N(p); k++)
			CHECK_INT(sign(position_cmp(&p[i], &p[k])), (i > k) - (i < k));
	}
}

static void positions_read_what_they_write(void)
{
	const char *texts[] = {"TRIM_HORIZON", "SHARD_END", "7", "0012",
			       "1234567890123456789012345678901234567890"};
	struct position position;

	for (size_t i = 0; i < ARRAY_N(texts); i++) {
		CHECK(position_parse(str_of(texts[i]), &position));
		CHECK_STR(position_text(&position), texts[i]);
	}
	CHECK(!position_parse(STR("LATEST"), &position));
	CHECK(!position_parse(STR(""), &position));
}

int main(void)
{
	CHECK_RUN(seqno_order_is_that_of_big_integers);
	CHECK_RUN(seqno_validity);
	CHECK_RUN(positions_are_ordered);
	CHECK_RUN(positions_read_what_they_write);
	return check_end();
}
