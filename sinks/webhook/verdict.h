/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver's answer means for the records that it was sent. Pure.
 */
#ifndef WEBHOOK_VERDICT_H
#define WEBHOOK_VERDICT_H

#include "consumer/change/event.h"
#include "consumer/engine/web.h"

enum verdict {
	VERDICT_TAKEN, /* 2xx */
	VERDICT_RETRY, /* passing, or something that is not the records' fault */
	VERDICT_REFUSED, /* these bytes will never be taken */
	VERDICT_DENIED, /* signature, token or certificate are not good, at the moment or at all */
	VERDICT_GONE, /* 410: not to be called any more */
	VERDICT_STUCK, /* not even sent, and a person has to act */
};

/* Judges a request that is done; `why` is set when it was not taken. */
enum verdict verdict_of(const struct web_request *request, struct error *why);

/*
 * How many of the `n` records, from the start, a receiver has taken whose answer may name those that it has
 * not, as AWS Lambda has it: {"batchItemFailures":[{"itemIdentifier":"..."}]}. An identifier is a sequence
 * number or an event's id; everything from the lowest one named is to be sent again. No answer, null, no
 * such member, null in it and an empty list say that all were taken. An answer that is not JSON or not of
 * this form, and an identifier that names none of these records, are to be read as "none"; `why` is set
 * whenever it is not all.
 */
size_t verdict_partial(struct str answer, const struct event *events, const uint32_t *records,
		       size_t n, struct error *why);

#endif
