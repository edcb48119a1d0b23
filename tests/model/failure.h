/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a request is refused: the error's name and its sentence. Everything below the dispatcher
 * returns false after filling one of these in; the dispatcher alone writes the error's body.
 */
#ifndef MODEL_FAILURE_H
#define MODEL_FAILURE_H

#include "base/buf.h"

enum failure_kind {
	FAILURE_NONE,
	FAILURE_VALIDATION,
	FAILURE_SERIALIZATION,
	FAILURE_UNKNOWN_OPERATION,
	FAILURE_NOT_FOUND,
	FAILURE_IN_USE,
	FAILURE_LIMIT,
	FAILURE_CONDITION,
	FAILURE_EXPIRED_ITERATOR,
	FAILURE_TRIMMED,
	FAILURE_KEY, /* the table's key in the Key Management Service cannot be used */
};

struct failure {
	enum failure_kind kind;
	char text[1000]; /* one sentence, terminated; cut when too long */
	struct str
		item; /* for FAILURE_CONDITION: the item as it is, as JSON; n == 0: not asked for */
};

/* Sets kind and sentence unless something failed before; returns false for the caller to return. */
bool failure_set(struct failure *failure, enum failure_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends the error's body as the service writes it; returns the HTTP status. */
int failure_put(const struct failure *failure, struct buf *answer);

#endif
