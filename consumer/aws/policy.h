/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IAM policy that allows some actions on some resources and nothing else. Pure.
 *
 *	policy_init(&policy);
 *	policy_allow(&policy, "dynamodb:Scan", arn);
 *	policy_write(&policy, &out);
 *	policy_release(&policy);
 */
#ifndef AWS_POLICY_H
#define AWS_POLICY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

enum { POLICY_ACTIONS_MAX = 64 };

/* One action and what it is allowed on, in the order in which that was said. */
struct policy_action {
	const char *name; /* of static storage */
	struct map resources; /* each its own value */
};

struct policy {
	struct arena arena; /* the resources' texts */
	struct policy_action actions[POLICY_ACTIONS_MAX];
	size_t n;
};

/* A policy that allows nothing. */
void policy_init(struct policy *policy);

/* Frees it. */
void policy_release(struct policy *policy);

/* Allows an action (a literal) on a resource, which is copied; saying it twice is fine. */
void policy_allow(struct policy *policy, const char *action, struct str resource);

/* Appends the policy as JSON for people; actions on the same resources share a statement. */
void policy_write(const struct policy *policy, struct buf *out);

#endif
