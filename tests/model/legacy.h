/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters from before there were expressions: Expected with ConditionalOperator, and
 * AttributeUpdates. They are turned into the trees that expressions become, and mean the same.
 */
#ifndef MODEL_LEGACY_H
#define MODEL_LEGACY_H

#include "tests/model/request.h"

/* Refuses a request that has both expressions and parameters from before. */
bool legacy_check_mixed(struct request *request);

/* The condition of Expected, NULL in `*out` when there is none. */
bool legacy_expected(struct request *request, struct expr **out);

/* The actions of AttributeUpdates, none when it is not given. */
bool legacy_updates(struct request *request, struct updates *out);

#endif
