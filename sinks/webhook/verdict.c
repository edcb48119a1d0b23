/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/verdict.h"

#include "base/json.h"

/* A 4xx status that says something about the address, the moment or the sender, not about the records. */
static const struct {
	int status;
	enum verdict verdict;
	const char *words;
} known[] = {
	{401, VERDICT_DENIED, "it does not accept our signature, token or certificate"},
	{402, VERDICT_RETRY, "it wants to be paid"},
	{403, VERDICT_DENIED, "it does not accept our signature, token or certificate"},
	{404, VERDICT_RETRY, "it has nothing at this address; check url"},
	{405, VERDICT_RETRY, "it does not take POST at this address; check url"},
	{407, VERDICT_RETRY, "a proxy on the way wants to know who we are"},
	{408, VERDICT_RETRY, "it waited too long for the request"},
	{409, VERDICT_RETRY, "it is busy with the same request, or has a conflict"},
	{410, VERDICT_GONE, "it is gone; it is not called again until a restart or SIGHUP"},
	{413, VERDICT_REFUSED, "the request is too large for it"},
	{421, VERDICT_RETRY, "it is not the server for this address; check url"},
	{423, VERDICT_RETRY, "it is locked"},
	{424, VERDICT_RETRY, "something that it depends on failed"},
	{425, VERDICT_RETRY, "it wants the request later"},
	{429, VERDICT_RETRY, "it gets too many requests"},
};

/* Judges a status that is not 2xx. */
static enum verdict judge_status(int status, struct error *why)
{
	for (size_t i = 0; i < ARRAY_N(known); i++) {
		if (known[i].status != status)
			continue;
		error_set(why, known[i].verdict == VERDICT_DENIED ? ERROR_AUTH : ERROR_RETRY,
			  "the receiver answered %d: %s", status, known[i].words);
		return known[i].verdict;
	}
	if (status >= 400 && status < 500) {
		error_set(why, ERROR_DATA,
			  "the receiver answered %d: it will not take these records", status);
		return VERDICT_REFUSED;
	}
	if (status >= 300 && status < 400)
		error_set(why, ERROR_CONFIG,
			  "the receiver answered %d, and redirects are never followed: set url to "
			  "where it leads",
			  status);
	else
		error_set(why, ERROR_RETRY, "the receiver answered %d: it cannot take records now",
			  status);
	return VERDICT_RETRY;
}

enum verdict verdict_of(const struct web_request *request, struct error *why)
{
	switch (request->result) {
	case WEB_ANSWER:
		if (request->status >= 200 && request->status < 300)
			return VERDICT_TAKEN;
		return judge_status(request->status, why);
	case WEB_TIMED_OUT:
	case WEB_BROKEN:
		*why = request->why;
		return VERDICT_RETRY;
	case WEB_REFUSED:
		break;
	}
	*why = request->why;
	return VERDICT_STUCK;
}

/* The batch that an answer is about. */
struct batch_view {
	const struct event *events;
	const uint32_t *records;
	size_t n;
};

/* Which record of the batch an identifier names; `n` when none. */
static size_t find(const struct batch_view *batch, struct str id, struct arena *arena)
{
	if (id.n == 0)
		return batch->n;
	for (size_t i = 0; i < batch->n; i++) {
		const struct event *event = &batch->events[batch->records[i]];

		if (str_eq(event->seqno, id) || str_eq(event->id, id))
			return i;
	}
	/* An event's id is as the service wrote it, which may be with escapes. */
	for (size_t i = 0; i < batch->n; i++) {
		const struct event *event = &batch->events[batch->records[i]];

		if (str_find(event->id, '\\') < event->id.n &&
		    str_eq(json_plain(event->id, arena), id))
			return i;
	}
	return batch->n;
}

/* Reads one failure and returns which record it names; `n` with an error when none. */
static size_t read_failure(struct json *json, const struct batch_view *batch, struct arena *arena)
{
	size_t at = batch->n;
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		size_t named;

		if (!json_key_is(key, "itemIdentifier")) {
			json_skip(json);
			continue;
		}
		named = find(batch, json_text(json, arena), arena);
		if (named == batch->n)
			json_fail(json, "an itemIdentifier names none of the records");
		at = named < at ? named : at;
	}
	if (at == batch->n)
		json_fail(json, "a failure has no itemIdentifier");
	return at;
}

/* Reads the member batchItemFailures; returns the lowest record that is named, `lowest` when none is. */
static size_t read_failures(struct json *json, const struct batch_view *batch, size_t lowest,
			    struct arena *arena)
{
	if (json_peek(json) == JSON_NULL) {
		json_null(json);
		return lowest;
	}
	json_enter(json, JSON_ARRAY);
	while (json_item(json)) {
		size_t at = read_failure(json, batch, arena);

		lowest = at < lowest ? at : lowest;
	}
	return lowest;
}

size_t verdict_partial(struct str answer, const struct event *events, const uint32_t *records,
		       size_t n, struct error *why)
{
	struct batch_view batch = {events, records, n};
	struct arena arena;
	struct json json;
	struct str key;
	size_t taken = n;

	if (str_trim(answer).n == 0)
		return n;
	arena_init(&arena);
	json_init(&json, answer);
	if (json_peek(&json) == JSON_NULL) {
		json_null(&json);
	} else {
		json_enter(&json, JSON_OBJECT);
		while (json_key(&json, &key)) {
			if (json_key_is(key, "batchItemFailures"))
				taken = read_failures(&json, &batch, taken, &arena);
			else
				json_skip(&json);
		}
	}
	if (!json_end(&json)) {
		error_set(why, ERROR_DATA,
			  "the receiver's answer cannot be read as batchItemFailures, so all of "
			  "its records are sent again: %s",
			  json.error == NULL ? "something follows the JSON" : json.error);
		taken = 0;
	} else if (taken < n) {
		error_set(why, ERROR_RETRY, "the receiver has not taken record %.*s",
			  STR_ARG(events[records[taken]].seqno));
	}
	arena_release(&arena);
	return taken;
}
