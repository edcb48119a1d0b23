/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_clock.h"

#include <time.h>

/* One of the system's clocks in milliseconds. */
static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void fake_clock_init(struct fake_clock *clock, int64_t offset_ms, int64_t speed)
{
	*clock = (struct fake_clock){.offset_ms = offset_ms, .speed = speed};
	clock->start_wall_ms = read_ms(CLOCK_REALTIME) + offset_ms;
	clock->start_mono_ms = fake_clock_mono();
}

int64_t fake_clock_mono(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t fake_clock_http(const struct fake_clock *clock)
{
	return read_ms(CLOCK_REALTIME) + clock->offset_ms;
}

int64_t fake_clock_model(const struct fake_clock *clock)
{
	return clock->start_wall_ms + (fake_clock_mono() - clock->start_mono_ms) * clock->speed;
}
