/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many reads the service may charge for: max_reads_per_month, of which each worker that is alive has an
 * equal share; until a change of them is noticed, a little more or less. A bucket fills steadily and holds
 * ten minutes' worth; it is empty at the start, so that starting again and again gains nothing.
 *
 * When the bucket is empty, readers stand in line. Their turns are in a time of the line's own, which stands
 * still while nobody is served: a reader comes in again as much later as it would have waited had there been
 * enough. So one that wants to poll four times as often gets four times as many reads, one in arrears sixteen
 * times an idle one's, and everybody's turn comes.
 */
#ifndef ENGINE_RATION_H
#define ENGINE_RATION_H

#include "consumer/engine/state.h"

/* Prepares the engine's ration. */
void ration_init(struct engine *engine);

/* Frees the line, in which nobody is any more. */
void ration_release(struct engine *engine);

/* A new reader: its turn is now. */
void ration_join(struct reader *reader);

/* Whether the reader may poll now. If not, it stands in line, and its timer fires when its turn has come. */
bool ration_ready(struct reader *reader);

/* The reader polls. */
void ration_spend(struct reader *reader);

/* The reader would wait for `wait_ms` now if nothing were short: sets its next turn. */
void ration_rest(struct reader *reader, int64_t wait_ms);

/* The reader leaves the line, if it stands in it. */
void ration_leave(struct reader *reader);

/* Lets the next one in line go on as soon as there is something for it. */
void ration_wake(struct engine *engine);

#endif
