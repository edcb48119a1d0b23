/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on demand: rules that say which requests go wrong, how, and how often. A request may meet
 * one delay and one other fault; of several rules that fit, the oldest decides.
 */
#ifndef FAKE_FAULT_H
#define FAKE_FAULT_H

#include "base/rng.h"
#include "tests/fake/fake_reply.h"

enum fake_fault_kind {
	FAKE_FAULT_NONE,
	FAKE_FAULT_DELAY, /* carried out and answered `ms` later */
	FAKE_FAULT_RESET, /* connection reset, nothing carried out */
	FAKE_FAULT_RESET_AFTER, /* carried out, then the connection is reset instead of an answer */
	FAKE_FAULT_TRUNCATE, /* carried out, but the body ends halfway */
	FAKE_FAULT_BAD_CRC, /* carried out, but x-amz-crc32 does not fit */
	FAKE_FAULT_500, /* InternalServerError, nothing carried out */
	FAKE_FAULT_500_AFTER, /* carried out, answered with InternalServerError all the same */
	FAKE_FAULT_503, /* ServiceUnavailable, nothing carried out */
	FAKE_FAULT_THROTTLE, /* the throttling error that fits the operation, or `code` */
	FAKE_FAULT_ERROR, /* HTTP 400 with `code`, nothing carried out */
	FAKE_FAULT_GARBAGE, /* carried out, but the body is noise; its checksum fits */
	FAKE_FAULT_DRIP, /* carried out, one byte of the answer every `ms` */
	FAKE_FAULT_N,
};

enum { FAKE_FAULT_RULES_MAX = 64, FAKE_FAULT_MS_MAX = 10 * 60 * 1000 };

struct fake_fault_rule {
	enum fake_fault_kind kind;
	char target[64]; /* operation, or empty: all */
	char code[64]; /* error code, or empty */
	uint64_t left; /* requests that it may still hit */
	unsigned percent; /* of the requests that fit */
	int64_t ms;
};

/* What one request is going to meet. */
struct fake_plan {
	enum fake_fault_kind kind;
	int64_t delay_ms; /* before anything else */
	int64_t drip_ms;
	char code[64];
};

struct fake_faults {
	struct rng rng;
	struct fake_fault_rule rules[FAKE_FAULT_RULES_MAX];
	unsigned n;
	uint64_t hits[FAKE_FAULT_N];
};

/* No rules; `seed` decides what percentages hit. */
void fake_faults_init(struct fake_faults *faults, uint64_t seed);

/* The kind of that name, or FAKE_FAULT_NONE. */
enum fake_fault_kind fake_fault_of(struct str name);

/* The name of a kind. */
const char *fake_fault_name(enum fake_fault_kind kind);

/* Adds a rule; false when there are too many. */
bool fake_faults_add(struct fake_faults *faults, const struct fake_fault_rule *rule);

/* Takes all rules away; the hits stay. */
void fake_faults_stop(struct fake_faults *faults);

/* Decides what a request for `operation` (without the API's prefix) meets. */
void fake_faults_plan(struct fake_faults *faults, struct str operation, struct fake_plan *plan);

/* Whether the plan answers instead of the service; then `reply` has the error. */
bool fake_plan_refuses(const struct fake_plan *plan, struct str operation,
		       struct fake_reply *reply);

/* Spoils an answer that the service gave, as planned. */
void fake_plan_spoil(const struct fake_plan *plan, struct rng *rng, struct fake_reply *reply);

#endif
