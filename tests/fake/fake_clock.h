/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake service's clocks. What HTTP shows (Date, the check of signatures) is the machine's wall
 * clock plus an offset. The model's time starts there too, may run faster, and never goes back.
 */
#ifndef FAKE_CLOCK_H
#define FAKE_CLOCK_H

#include <stdint.h>

struct fake_clock {
	int64_t offset_ms; /* of what HTTP shows; may be changed */
	int64_t speed; /* model milliseconds per millisecond */
	int64_t start_wall_ms, start_mono_ms;
};

/* Starts the clocks. */
void fake_clock_init(struct fake_clock *clock, int64_t offset_ms, int64_t speed);

/* Milliseconds that never go back, for the server's own timers. */
int64_t fake_clock_mono(void);

/* The time that HTTP shows, in milliseconds since 1970. */
int64_t fake_clock_http(const struct fake_clock *clock);

/* The model's time, in milliseconds since 1970. */
int64_t fake_clock_model(const struct fake_clock *clock);

#endif
