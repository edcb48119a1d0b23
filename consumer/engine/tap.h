/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink as the engine sees it, and the deliveries that are on their way to it.
 *
 * What one sink holds is bounded: bytes handed over and not yet ended, and bytes of pages that wait for
 * it. A sink that is slow or dead fills its bounds, its cursors detach, and nobody else notices.
 */
#ifndef ENGINE_TAP_H
#define ENGINE_TAP_H

#include "consumer/engine/state.h"

/* Deliveries of one cursor that may be outstanding. */
enum { CURSOR_FLIGHTS_MAX = 4 };

/* Whether the sink may be handed more. */
bool tap_room(const struct tap *tap);

/* Whether pages that wait for this sink take more than its share of the budget. */
bool tap_hoards(const struct tap *tap);

/* The sink takes the cursor's records: logged when that is news. */
void tap_well(struct cursor *cu);

/* A delivery of the cursor ended badly, and is tried again after `delay_ms`: logged. */
void tap_trouble(struct cursor *cu, const struct flight *flight, int64_t delay_ms);

/* Logs how a delivery ended, that of a dead letter too. */
void tap_log_trouble(const struct flight *flight, int64_t delay_ms);

/* How long to wait after a delivery's bad end: `delay_ms`, but at least what its sink asked for. */
int64_t tap_wait_ms(const struct flight *flight, int64_t delay_ms);

/* The cursor is no more, or begins anew: its trouble is not its sink's any longer. */
void tap_forget(struct cursor *cu);

/* Submits the next delivery of the link's events. */
void flight_start(struct cursor *cu, struct link *link);

/* Submits a dead letter: a batch of one event, which it takes over. */
struct flight *flight_start_letter(struct cursor *cu, struct batch *batch,
				   const struct encoder *encoder);

/* Frees a delivery that has ended. */
void flight_free(struct flight *flight);

/* The cursor forgets a delivery that the sink still holds. */
void flight_orphan(struct flight *flight);

/* One of the cursor's deliveries, or its letter, has ended; implemented in cursor.c. */
void cursor_flight_done(struct cursor *cu, const struct flight *flight);

#endif
