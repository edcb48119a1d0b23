/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_fault.h"

#define DYNAMODB(code) "com.amazonaws.dynamodb.v20120810#" code

static const char *const kind_names[FAKE_FAULT_N] = {
	[FAKE_FAULT_NONE] = "none",	    [FAKE_FAULT_DELAY] = "delay",
	[FAKE_FAULT_RESET] = "reset",	    [FAKE_FAULT_RESET_AFTER] = "reset-after",
	[FAKE_FAULT_TRUNCATE] = "truncate", [FAKE_FAULT_BAD_CRC] = "bad-crc",
	[FAKE_FAULT_500] = "500",	    [FAKE_FAULT_500_AFTER] = "500-after",
	[FAKE_FAULT_503] = "503",	    [FAKE_FAULT_THROTTLE] = "throttle",
	[FAKE_FAULT_ERROR] = "error",	    [FAKE_FAULT_GARBAGE] = "garbage",
	[FAKE_FAULT_DRIP] = "drip",
};

/* The errors that have another prefix than DynamoDB's own, or words that clients look at. */
static const struct {
	const char *code, *type, *message;
} known_errors[] = {
	{"ThrottlingException", "com.amazon.coral.availability#ThrottlingException",
	 "Rate exceeded"},
	{"ProvisionedThroughputExceededException",
	 DYNAMODB("ProvisionedThroughputExceededException"),
	 "The level of configured provisioned throughput for the table was exceeded. Consider "
	 "increasing your provisioning level with the UpdateTable API."},
	{"RequestLimitExceeded", DYNAMODB("RequestLimitExceeded"),
	 "Throughput exceeds the current throughput limit for your account."},
	{"LimitExceededException", DYNAMODB("LimitExceededException"),
	 "There are too many concurrent readers of this shard."},
	{"AccessDeniedException", "com.amazon.coral.service#AccessDeniedException",
	 "User is not authorized to perform this action"},
	{"UnrecognizedClientException", "com.amazon.coral.service#UnrecognizedClientException",
	 "The security token included in the request is invalid."},
	{"ExpiredTokenException", "com.amazon.coral.service#ExpiredTokenException",
	 "The security token included in the request is expired"},
	{"ExpiredIteratorException", DYNAMODB("ExpiredIteratorException"),
	 "The shard iterator has expired."},
	{"TrimmedDataAccessException", DYNAMODB("TrimmedDataAccessException"),
	 "The operation attempted to read past the oldest stream record in a shard."},
	{"InternalServerError", DYNAMODB("InternalServerError"), "Internal server error"},
};

void fake_faults_init(struct fake_faults *faults, uint64_t seed)
{
	*faults = (struct fake_faults){.n = 0};
	rng_init(&faults->rng, seed);
}

enum fake_fault_kind fake_fault_of(struct str name)
{
	for (int kind = FAKE_FAULT_NONE + 1; kind < FAKE_FAULT_N; kind++)
		if (str_eq(name, str_of(kind_names[kind])))
			return (enum fake_fault_kind)kind;
	return FAKE_FAULT_NONE;
}

const char *fake_fault_name(enum fake_fault_kind kind)
{
	return kind_names[kind];
}

bool fake_faults_add(struct fake_faults *faults, const struct fake_fault_rule *rule)
{
	if (faults->n == FAKE_FAULT_RULES_MAX)
		return false;
	faults->rules[faults->n++] = *rule;
	return true;
}

void fake_faults_stop(struct fake_faults *faults)
{
	faults->n = 0;
}

/* Whether the rule hits this request; uses up one of its hits and random numbers if it may. */
static bool rule_hits(struct fake_fault_rule *rule, struct rng *rng, struct str operation)
{
	if (rule->left == 0 ||
	    (rule->target[0] != '\0' && !str_eq(str_of(rule->target), operation)))
		return false;
	if (rule->percent < 100 && !rng_chance(rng, rule->percent))
		return false;
	rule->left--;
	return true;
}

/* Forgets the rules that are used up. */
static void drop_used(struct fake_faults *faults)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < faults->n; i++)
		if (faults->rules[i].left > 0)
			faults->rules[kept++] = faults->rules[i];
	faults->n = kept;
}

void fake_faults_plan(struct fake_faults *faults, struct str operation, struct fake_plan *plan)
{
	*plan = (struct fake_plan){.kind = FAKE_FAULT_NONE};
	if (faults->n == 0)
		return;
	for (unsigned i = 0; i < faults->n; i++) {
		struct fake_fault_rule *rule = &faults->rules[i];
		bool is_delay = rule->kind == FAKE_FAULT_DELAY;

		if (is_delay ? plan->delay_ms > 0 : plan->kind != FAKE_FAULT_NONE)
			continue;
		if (!rule_hits(rule, &faults->rng, operation))
			continue;
		faults->hits[rule->kind]++;
		if (is_delay) {
			plan->delay_ms = rule->ms;
		} else {
			plan->kind = rule->kind;
			plan->drip_ms = rule->ms;
			mem_copy(plan->code, rule->code, sizeof(plan->code));
		}
	}
	drop_used(faults);
}

/* The error that the service throttles this operation with. */
static const char *throttle_code(struct str operation)
{
	static const char *const data_plane[] = {
		"GetRecords", "GetItem", "PutItem",	   "UpdateItem",	 "DeleteItem",
		"Query",      "Scan",	 "BatchWriteItem", "TransactWriteItems", "BatchGetItem",
	};

	for (size_t i = 0; i < ARRAY_N(data_plane); i++)
		if (str_eq(operation, str_of(data_plane[i])))
			return "ProvisionedThroughputExceededException";
	return "ThrottlingException";
}

/* Fills in the error of that code, with the service's prefix and words where they are known. */
static void reply_code(struct fake_reply *reply, unsigned status, const char *code)
{
	char type[128];

	for (size_t i = 0; i < ARRAY_N(known_errors); i++) {
		if (!str_eq(str_of(code), str_of(known_errors[i].code)))
			continue;
		fake_reply_error(reply, status, known_errors[i].type, "%s",
				 known_errors[i].message);
		return;
	}
	snprintf(type, sizeof(type), DYNAMODB("%s"), code);
	fake_reply_error(reply, status, type, "made to fail");
}

bool fake_plan_refuses(const struct fake_plan *plan, struct str operation, struct fake_reply *reply)
{
	switch (plan->kind) {
	case FAKE_FAULT_500:
		reply_code(reply, 500, "InternalServerError");
		return true;
	case FAKE_FAULT_503:
		reply_code(reply, 503, "ServiceUnavailable");
		return true;
	case FAKE_FAULT_THROTTLE:
		reply_code(reply, 400,
			   plan->code[0] != '\0' ? plan->code : throttle_code(operation));
		return true;
	case FAKE_FAULT_ERROR:
		reply_code(reply, 400, plan->code);
		return true;
	case FAKE_FAULT_NONE:
	case FAKE_FAULT_DELAY:
	case FAKE_FAULT_RESET:
	case FAKE_FAULT_RESET_AFTER:
	case FAKE_FAULT_TRUNCATE:
	case FAKE_FAULT_BAD_CRC:
	case FAKE_FAULT_500_AFTER:
	case FAKE_FAULT_GARBAGE:
	case FAKE_FAULT_DRIP:
	case FAKE_FAULT_N:
		break;
	}
	return false;
}

void fake_plan_spoil(const struct fake_plan *plan, struct rng *rng, struct fake_reply *reply)
{
	size_t n = reply->body.n < 64 ? 64 : reply->body.n;

	if (plan->kind == FAKE_FAULT_500_AFTER)
		reply_code(reply, 500, "InternalServerError");
	if (plan->kind == FAKE_FAULT_BAD_CRC)
		reply->bad_crc = true;
	if (plan->kind != FAKE_FAULT_GARBAGE)
		return;
	reply->status = 200;
	buf_clear(&reply->body);
	for (size_t i = 0; i < n; i++)
		buf_c(&reply->body, (char)rng_below(rng, 256));
}
