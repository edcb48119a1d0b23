/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a webhook receiver's answer that may name records it has not taken. Whatever comes, so many
 * records count as taken that nothing named is among them, and all of them only for an answer that is empty
 * or JSON.
 *
 * The first byte chooses which of the records the request held; the rest is the answer, in an exact copy with
 * its padding, so that a read too far is noticed.
 */
#include "base/json.h"
#include "sinks/webhook/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct event events[] = {
	{.seqno = STR_INIT("100000000000000000001"), .id = STR_INIT("e1")},
	{.seqno = STR_INIT("100000000000000000002"), .id = STR_INIT("\\u0065\\/2")},
	{.op = EVENT_GAP},
	{.seqno = STR_INIT("3"), .id = STR_INIT("e3")},
	{.seqno = STR_INIT("4"), .id = STR_INIT("e4")},
};

/* Checks what an answer was read as. */
static void check(struct str answer, size_t taken, size_t n, const struct error *why)
{
	struct json json;

	must(taken <= n && (why->code == ERROR_NONE) == (taken == n));
	if (taken == 0 || str_trim(answer).n == 0)
		return;
	json_init(&json, answer);
	json_skip(&json);
	must(json_end(&json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned choice = n == 0 ? 0xFF : data[0];
	uint32_t records[ARRAY_N(events)];
	size_t n_records = 0, body_n = n == 0 ? 0 : n - 1;
	char *body = mem_alloc(body_n + MEM_PADDING);
	struct error why = {ERROR_NONE, ""};

	for (uint32_t i = 0; i < ARRAY_N(events); i++) {
		if ((choice >> i & 1) != 0)
			records[n_records++] = i;
	}
	if (n_records == 0)
		records[n_records++] = 0;
	mem_copy(body, n == 0 ? NULL : data + 1, body_n);
	check(str_make(body, body_n),
	      verdict_partial(str_make(body, body_n), events, records, n_records, &why), n_records,
	      &why);
	mem_free(body);
	return 0;
}
