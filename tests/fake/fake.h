/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake service behind one HTTP request: health, administration, or a call of the API, which goes
 * through faults, the check of its signature, and denials to the model. Knows no sockets.
 */
#ifndef FAKE_H
#define FAKE_H

#include "base/map.h"
#include "tests/fake/fake_auth.h"
#include "tests/fake/fake_calls.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/fake_fault.h"
#include "tests/fake/fake_log.h"
#include "tests/fake/fake_options.h"

enum { FAKE_TARGETS_MAX = 64, FAKE_DENIED_MAX = 32 };

/* Requests by operation. */
struct fake_tally {
	char operation[64];
	uint64_t requests, errors;
};

struct fake {
	const struct fake_options *options;
	struct service *service;
	struct fake_clock clock;
	struct fake_auth auth;
	struct fake_faults faults;
	struct fake_log log;
	struct rng ids; /* request ids, noise */
	struct map tallies;
	struct fake_calls calls;
	char *denied[FAKE_DENIED_MAX]; /* operations that nobody may call, owned */
	unsigned n_denied;
	uint64_t requests, writes;
	uint64_t connections, open_connections; /* kept by the server */
};

/* Makes the service; `options` are borrowed. False with `err` when the log cannot be opened. */
bool fake_init(struct fake *fake, const struct fake_options *options, struct error *err);

/* Frees everything. */
void fake_release(struct fake *fake);

/* The operation that a request names ("PutItem"), or STR_NONE when it is no call of the API. */
struct str fake_operation(const struct fake_request *request);

/* Answers one request, with the plan that was made for it. */
void fake_answer(struct fake *fake, const struct fake_request *request, struct str body,
		 const struct fake_plan *plan, struct fake_reply *reply);

/* Lets the model's time pass. */
void fake_tick(struct fake *fake);

/* Denies an operation; false when too many are denied. */
bool fake_deny(struct fake *fake, struct str operation);

/* Allows an operation again. */
void fake_allow(struct fake *fake, struct str operation);

#endif
