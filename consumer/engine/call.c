/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/call.h"

#include "consumer/engine/state.h"

/* Answers of the table API and listings; GetRecords sets its own cap. */
enum { CALL_ANSWER_MAX = 16 << 20, CALL_BODY_MAX = 1 << 20 };

/* A difference between the two clocks that is large enough to spoil signatures. */
enum { CALL_SKEW_MIN_MS = 4 * MINUTE_MS };

/* The Date header of an answer tells how far the clocks are apart. */
static bool learn_skew(struct call *call)
{
	struct caller *caller = call->caller;
	int64_t skew;

	if (call->http.date_wall_ms == 0)
		return false;
	skew = call->http.date_wall_ms - io_wall_ms(caller->io);
	if (skew - caller->skew_ms < CALL_SKEW_MIN_MS && caller->skew_ms - skew < CALL_SKEW_MIN_MS)
		return false;
	io_log(caller->io, IO_WARN, "clock.skew skew_ms=%lld advice=\"%s\"", (long long)skew,
	       "this machine's clock is off; requests are signed with the service's time");
	caller->skew_ms = skew;
	return true;
}

/* Classifies an answer that has arrived. */
static enum call_outcome judge_answer(struct call *call)
{
	struct caller *caller = call->caller;

	if (call->http.date_wall_ms != 0)
		caller->date_skew_ms = call->http.date_wall_ms - io_wall_ms(caller->io);
	api_error_read(call->http.status, buf_view(&call->http.answer), &call->error);
	switch (call->error.kind) {
	case API_OK:
		caller->fresh_credentials = false;
		retry_success(&caller->retry);
		return CALL_OK;
	case API_THROTTLED:
		return CALL_THROTTLED;
	case API_TRANSIENT:
		return CALL_TRANSIENT;
	case API_SIGNATURE:
	case API_AUTH:
		if (learn_skew(call))
			return CALL_TRANSIENT;
		/* Once with credentials read afresh, then it is for a person. */
		if (call->http.fresh_credentials)
			return CALL_REFUSED;
		caller->fresh_credentials = true;
		return CALL_TRANSIENT;
	case API_KEY:
		return CALL_REFUSED;
	case API_EXPIRED_ITERATOR:
	case API_TRIMMED:
	case API_NOT_FOUND:
	case API_CONDITION_FAILED:
	case API_IN_USE:
	case API_VALIDATION:
	case API_OTHER:
		retry_success(&caller->retry);
		return CALL_ERROR;
	}
	return CALL_TRANSIENT;
}

/* What came of the request. */
static enum call_outcome judge(struct call *call)
{
	switch (call->http.result) {
	case IO_ANSWER:
		return judge_answer(call);
	case IO_TIMED_OUT:
	case IO_BROKEN:
		return CALL_TRANSIENT;
	case IO_TOO_BIG:
		return CALL_TOO_BIG;
	case IO_REFUSED:
		return CALL_REFUSED;
	}
	return CALL_TRANSIENT;
}

/* Frees a call that is no longer under way. */
static void call_free(struct call *call)
{
	list_remove(&call->link);
	buf_release(&call->http.body);
	buf_release(&call->http.answer);
	mem_free(call);
}

/* Counts what came of the request. */
static void count(const struct call *call)
{
	struct engine_requests *requests = &call->caller->requests[call->http.service];

	requests->ended++;
	requests->throttled += call->outcome == CALL_THROTTLED;
	requests->failed += call->outcome == CALL_TRANSIENT || call->outcome == CALL_REFUSED;
}

/* The completion of every request. */
static void call_done(struct io_http *http)
{
	struct call *call = CONTAINER_OF(http, struct call, http);

	call->outcome = judge(call);
	count(call);
	call->done(call);
	call_free(call);
}

/* Asks the owner whether an answer may be read. */
static bool call_admit(struct io_http *http, size_t n)
{
	struct call *call = CONTAINER_OF(http, struct call, http);

	return call->admit == NULL || call->admit(call, n);
}

void caller_init(struct caller *caller, struct io *io, int64_t timeout_ms)
{
	*caller = (struct caller){.io = io, .timeout_ms = timeout_ms};
	list_init(&caller->calls);
	retry_init(&caller->retry);
}

struct call *caller_call(struct caller *caller, enum io_service service, struct str target,
			 void (*done)(struct call *call), void *owner)
{
	struct call *call = mem_alloc(sizeof(*call));

	call->caller = caller;
	call->done = done;
	call->owner = owner;
	list_init(&call->link);
	list_init(&call->http.link);
	buf_init(&call->http.body, CALL_BODY_MAX);
	call->http.service = service;
	call->http.target = target;
	call->http.timeout_ms = caller->timeout_ms;
	call->http.max_bytes = CALL_ANSWER_MAX;
	call->http.reserved = service == IO_TABLES;
	call->http.done = call_done;
	call->http.admit = call_admit;
	return call;
}

struct call *call_new(struct engine *engine, enum io_service service, struct str target,
		      void (*done)(struct call *call), void *owner)
{
	struct call *call = caller_call(&engine->caller, service, target, done, owner);

	call->engine = engine;
	return call;
}

int64_t caller_wall_ms(const struct caller *caller)
{
	return io_wall_ms(caller->io) + caller->skew_ms;
}

int64_t call_service_wall_ms(const struct engine *engine)
{
	return caller_wall_ms(&engine->caller);
}

int64_t call_dated_wall_ms(const struct engine *engine)
{
	return io_wall_ms(engine->io) + engine->caller.date_skew_ms;
}

void call_start(struct call *call)
{
	struct caller *caller = call->caller;

	must(!call->http.body.failed);
	call->http.sign_wall_ms = caller_wall_ms(caller);
	call->http.fresh_credentials = caller->fresh_credentials;
	list_add(&caller->calls, &call->link);
	io_http_send(caller->io, &call->http);
}

void call_cancel(struct call **call)
{
	if (*call == NULL)
		return;
	io_http_cancel((*call)->caller->io, &(*call)->http);
	call_free(*call);
	*call = NULL;
}

int64_t call_delay_ms(struct call *call, unsigned attempt)
{
	enum retry_class class = RETRY_SLOW;

	if (call->outcome == CALL_THROTTLED)
		class = RETRY_THROTTLED;
	else if (call->outcome == CALL_TRANSIENT)
		class = RETRY_TRANSIENT;
	else if (call->outcome == CALL_TOO_BIG)
		return 0;
	return retry_delay_ms(&call->caller->retry, call->caller->io, class, attempt);
}

bool call_error(const struct call *call, struct error *err)
{
	struct str operation = call->http.target;

	operation = str_skip(operation, str_find(operation, '.') + 1);
	if (call->http.result == IO_ANSWER && call->error.kind != API_OK)
		return api_error_set(&call->error, operation, err);
	if (call->http.why.text[0] == '\0')
		return error_set(err, ERROR_RETRY, "%.*s: no usable answer", STR_ARG(operation));
	*err = call->http.why;
	return error_prefix(err, "%.*s", STR_ARG(operation));
}

void call_log_trouble(const struct call *call, const char *event, struct str what, int64_t delay_ms)
{
	struct error why = {0};

	call_error(call, &why);
	io_log(call->engine->io, IO_WARN, "%s name=%.*s retry_ms=%lld error=\"%s\"", event,
	       STR_ARG(what), (long long)delay_ms, why.text);
}
