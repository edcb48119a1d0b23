/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/retry.h"

/* The numbers are those of the AWS SDKs' standard mode, but that we never give up. */
enum { BUCKET_TOKENS = 500, COST_THROTTLED = 5, COST_OTHER = 14 };

static const struct {
	int64_t base_ms, cap_ms;
} classes[] = {
	[RETRY_THROTTLED] = {1000, 20000},
	[RETRY_TRANSIENT] = {50, 20000},
	[RETRY_SLOW] = {5000, 60000},
	[RETRY_SINK] = {250, 30000},
};

void retry_init(struct retry *retry)
{
	retry->tokens = BUCKET_TOKENS;
}

void retry_success(struct retry *retry)
{
	if (retry->tokens < BUCKET_TOKENS)
		retry->tokens++;
}

/* Takes the cost of one retry out of the bucket; false when it does not have that much. */
static bool pay(struct retry *retry, enum retry_class class)
{
	int64_t cost = class == RETRY_THROTTLED ? COST_THROTTLED : COST_OTHER;

	/* Sinks and slow retries have their own pace; the bucket protects the service. */
	if (class == RETRY_SLOW || class == RETRY_SINK)
		return true;
	if (retry->tokens < cost)
		return false;
	retry->tokens -= cost;
	return true;
}

int64_t retry_delay_ms(struct retry *retry, struct io *io, enum retry_class class, unsigned attempt)
{
	int64_t cap = classes[class].cap_ms, limit = classes[class].base_ms;

	if (!pay(retry, class))
		return cap / 2 + (int64_t)(io_random(io) % (uint64_t)(cap / 2 + 1));
	for (unsigned i = 1; i < attempt && limit < cap; i++)
		limit *= 2;
	if (limit > cap)
		limit = cap;
	return (int64_t)(io_random(io) % (uint64_t)(limit + 1));
}
