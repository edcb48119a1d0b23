/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/failure.h"

#include <stdio.h>

#include "base/json.h"

/* The full name of each error, and the key under which its sentence stands; NULL: has none. */
static const struct {
	const char *type, *key;
} failure_names[] = {
	[FAILURE_NONE] = {"com.amazonaws.dynamodb.v20120810#InternalServerError", "message"},
	[FAILURE_VALIDATION] = {"com.amazon.coral.validate#ValidationException", "message"},
	[FAILURE_SERIALIZATION] = {"com.amazon.coral.service#SerializationException", "Message"},
	[FAILURE_UNKNOWN_OPERATION] = {"com.amazon.coral.service#UnknownOperationException", NULL},
	[FAILURE_NOT_FOUND] = {"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
			       "message"},
	[FAILURE_IN_USE] = {"com.amazonaws.dynamodb.v20120810#ResourceInUseException", "message"},
	[FAILURE_LIMIT] = {"com.amazonaws.dynamodb.v20120810#LimitExceededException", "message"},
	[FAILURE_CONDITION] = {"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
			       "message"},
	[FAILURE_EXPIRED_ITERATOR] = {"com.amazonaws.dynamodb.v20120810#ExpiredIteratorException",
				      "message"},
	[FAILURE_TRIMMED] = {"com.amazonaws.dynamodb.v20120810#TrimmedDataAccessException",
			     "message"},
	[FAILURE_KEY] = {"com.amazon.coral.service#AccessDeniedException", "Message"},
};

bool failure_set(struct failure *failure, enum failure_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (failure->kind != FAILURE_NONE)
		return false;
	failure->kind = kind;
	va_start(ap, fmt);
	vsnprintf(failure->text, sizeof(failure->text), fmt, ap);
	va_end(ap);
	return false;
}

int failure_put(const struct failure *failure, struct buf *answer)
{
	buf_str(answer, STR("{\"__type\":"));
	json_put(answer, str_of(failure_names[failure->kind].type));
	if (failure_names[failure->kind].key != NULL) {
		buf_fmt(answer, ",\"%s\":", failure_names[failure->kind].key);
		json_put(answer, str_of(failure->text));
	}
	if (failure->item.n > 0) {
		buf_str(answer, STR(",\"Item\":"));
		buf_str(answer, failure->item);
	}
	buf_c(answer, '}');
	return failure->kind == FAILURE_NONE ? 500 : 400;
}
