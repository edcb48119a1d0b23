/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Amazon MSK with IAM has to allow for the topics that a configuration writes to. Pure.
 */
#ifndef MSK_POLICY_H
#define MSK_POLICY_H

#include "sinks/kafka/kafka_options.h"

/*
 * struct sink_type: permissions. The cluster's name and id are not in the configuration: CLUSTER and
 * CLUSTER_ID stand for them.
 */
void msk_policy(const struct sink_scope *scope, const void *options, struct policy *policy);

#endif
