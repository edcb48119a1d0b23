/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/change/scan.h"

#include "base/json.h"
#include "base/time.h"
#include "base/utf8.h"

enum { FIRST_EVENTS_N = 64 };

/* What is known of the record that is being read. */
struct record {
	struct event event;
	bool named; /* eventName was read */
	bool by_service, by_ttl; /* userIdentity: Type is Service, PrincipalId is DynamoDB's own */
};

/* Reads eventName; an unknown one is an error: what it means for the item is not known. */
static void read_op(struct json *json, struct record *record)
{
	struct str word = json_string(json);

	record->named = true;
	if (json_key_is(word, "INSERT"))
		record->event.op = EVENT_INSERT;
	else if (json_key_is(word, "MODIFY"))
		record->event.op = EVENT_MODIFY;
	else if (json_key_is(word, "REMOVE"))
		record->event.op = EVENT_REMOVE;
	else
		json_fail(json, "a record has an unknown eventName");
}

/* Reads userIdentity, which tells a removal by time-to-live; writers differ in its spelling. */
static void read_identity(struct json *json, struct record *record)
{
	struct str key;

	if (json_peek(json) != JSON_OBJECT) {
		json_skip(json);
		return;
	}
	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		struct str word = STR_NONE;

		if (json_peek(json) == JSON_STRING)
			word = json_string(json);
		else
			json_skip(json);
		if (json_key_is(key, "PrincipalId") || json_key_is(key, "principalId"))
			record->by_ttl = json_key_is(word, "dynamodb.amazonaws.com");
		else if (json_key_is(key, "Type") || json_key_is(key, "type"))
			record->by_service = json_key_is(word, "Service");
	}
}

/* Returns the text of a JSON object that must come next; null counts as absent. */
static struct str read_image(struct json *json)
{
	enum json_kind kind = json_peek(json);

	if (kind == JSON_NULL) {
		json_null(json);
		return STR_NONE;
	}
	if (kind != JSON_OBJECT) {
		json_fail(json, "a key or image is not an object");
		return STR_NONE;
	}
	return json_skip(json);
}

/* Reads ApproximateCreationDateTime: seconds since 1970, at times in exponent form. */
static void read_time(struct json *json, struct event *event)
{
	struct str number = json_number(json);

	if (json->error == NULL && !time_parse_epoch(number, &event->time_ms))
		json_fail(json, "a record has an ApproximateCreationDateTime out of range");
}

/* Reads SizeBytes; what is no plain number counts as not known, for nothing hangs on it. */
static void read_size(struct json *json, struct event *event)
{
	uint64_t n;

	event->size_bytes = str_to_u64(json_skip(json), &n) ? n : 0;
}

/* Reads the member "dynamodb" of a record: what changed. */
static void read_change(struct json *json, struct event *event)
{
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "Keys"))
			event->keys = read_image(json);
		else if (json_key_is(key, "NewImage"))
			event->new_image = read_image(json);
		else if (json_key_is(key, "OldImage"))
			event->old_image = read_image(json);
		else if (json_key_is(key, "SequenceNumber"))
			event->seqno = json_string(json);
		else if (json_key_is(key, "ApproximateCreationDateTime"))
			read_time(json, event);
		else if (json_key_is(key, "SizeBytes"))
			read_size(json, event);
		else if (json_key_is(key, "StreamViewType"))
			event->view_type = json_string(json);
		else
			json_skip(json);
	}
}

/* Whether the strings that the event refers to are valid UTF-8. */
static bool utf8_good(const struct event *event)
{
	return utf8_valid(event->id) && utf8_valid(event->keys) && utf8_valid(event->new_image) &&
	       utf8_valid(event->old_image) && utf8_valid(event->view_type);
}

/* Reads one record; what every record has and this one lacks is an error. */
static struct event read_record(struct json *json)
{
	struct record record = {0};
	struct event *event = &record.event;
	struct str key;

	json->high = false;
	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "dynamodb"))
			read_change(json, event);
		else if (json_key_is(key, "eventName"))
			read_op(json, &record);
		else if (json_key_is(key, "eventID"))
			event->id = json_string(json);
		else if (json_key_is(key, "userIdentity"))
			read_identity(json, &record);
		else
			json_skip(json);
	}
	if (!record.named)
		json_fail(json, "a record without eventName");
	if (!seqno_valid(event->seqno))
		json_fail(json, "a record without a valid SequenceNumber");
	if (event->keys.n == 0)
		json_fail(json, "a record without Keys");
	event->ttl = event->op == EVENT_REMOVE && record.by_service && record.by_ttl;
	event->utf8_bad = json->high && !utf8_good(event);
	return *event;
}

/* Reads the array of records into the arena, doubling as it grows. */
static void read_records(struct json *json, struct arena *arena, struct page *page)
{
	size_t cap = 0;

	json_enter(json, JSON_ARRAY);
	while (json_item(json)) {
		if (page->n == SCAN_EVENTS_MAX) {
			json_fail(json, "more records than a page may have");
			return;
		}
		if (page->n == cap) {
			struct event *events;

			cap = cap == 0 ? FIRST_EVENTS_N : cap * 2;
			events = arena_alloc_n(arena, cap, sizeof(*events));
			mem_copy(events, page->events, page->n * sizeof(*events));
			page->events = events;
		}
		page->events[page->n++] = read_record(json);
	}
}

/* Reads NextShardIterator; null says, as its absence does, that the shard ends here. */
static struct str read_iterator(struct json *json)
{
	struct str iterator;

	if (json_peek(json) == JSON_NULL) {
		json_null(json);
		return STR_NONE;
	}
	iterator = json_string(json);
	if (iterator.n == 0)
		json_fail(json, "an empty NextShardIterator");
	return iterator;
}

bool scan_page(struct arena *arena, struct str body, struct page *out, struct error *err)
{
	bool seen = false;
	struct json json;
	struct str key;

	*out = (struct page){0};
	json_init(&json, body.p == NULL ? STR("") : body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "Records")) {
			if (seen)
				json_fail(&json, "Records twice");
			seen = true;
			read_records(&json, arena, out);
		} else if (json_key_is(key, "NextShardIterator")) {
			out->next_iterator = read_iterator(&json);
		} else {
			json_skip(&json);
		}
	}
	/* Without this test any object, such as an error's, would read as the end of the shard. */
	if (!seen)
		json_fail(&json, "no Records");
	if (json_end(&json))
		return true;
	*out = (struct page){0};
	return error_set(err, ERROR_DATA, "malformed GetRecords answer: %s at byte %zu", json.error,
			 (size_t)(json.p - json.start));
}
