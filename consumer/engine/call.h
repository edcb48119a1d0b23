/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the service, and what its answer means. A call never repeats itself: its owner
 * decides by the outcome. What all calls of an engine, or of a verb that asks without one
 * (host/ask.h), share is in struct caller: clock skew, fresh credentials, the pace of retries.
 *
 * A call is allocated, filled in, started; it frees itself after `done` returned, or by
 * call_cancel. Inside `done` the answer's body may be taken over.
 */
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H

#include "consumer/aws/apierror.h"
#include "consumer/engine/engine.h"
#include "consumer/engine/retry.h"

struct engine;

enum call_outcome {
	CALL_OK,
	CALL_THROTTLED, /* again, after a pause */
	CALL_TRANSIENT, /* again; a write may or may not have been carried out */
	CALL_TOO_BIG, /* the answer was not read */
	CALL_ERROR, /* the service said no: see `error.kind` */
	CALL_REFUSED, /* not sent, or refused for its credentials: a person has to act */
};

/* What calls share. */
struct caller {
	struct io *io;
	struct list calls; /* all that are under way */
	struct retry retry;
	int64_t skew_ms; /* how far the service's clock is ahead, once that spoiled signatures */
	int64_t date_skew_ms; /* the same by the last answer's Date, to the second */
	bool fresh_credentials; /* the next request reads them again */
	int64_t timeout_ms; /* of one request */
	struct engine_requests requests[2]; /* by enum io_service */
};

struct call {
	struct io_http http;
	struct caller *caller;
	struct engine *engine; /* whose call it is; NULL: nobody's */
	struct list link; /* in caller->calls */
	void (*done)(struct call *call);
	bool (*admit)(struct call *call, size_t n); /* optional */
	void *owner;
	int64_t extra; /* the owner's own */
	/* Valid in `done`: */
	enum call_outcome outcome;
	struct api_error error; /* when the service answered */
};

/* Nothing is under way, and nothing known yet. */
void caller_init(struct caller *caller, struct io *io, int64_t timeout_ms);

/* A call for `target`; its owner appends the request to call->http.body. */
struct call *caller_call(struct caller *caller, enum io_service service, struct str target,
			 void (*done)(struct call *call), void *owner);

/* The same for a call of an engine. */
struct call *call_new(struct engine *engine, enum io_service service, struct str target,
		      void (*done)(struct call *call), void *owner);

/* Sends it. */
void call_start(struct call *call);

/* Forgets a call that was started; empties the caller's pointer, which may point to NULL. */
void call_cancel(struct call **call);

/* The wait that fits the outcome of try number `attempt`. */
int64_t call_delay_ms(struct call *call, unsigned attempt);

/* Sets `err` to what is to be done and a sentence that names the operation; returns false. */
bool call_error(const struct call *call, struct error *err);

/* Logs the trouble with a request about `what` that will be repeated after `delay_ms`. */
void call_log_trouble(const struct call *call, const char *event, struct str what,
		      int64_t delay_ms);

/* The wall time by the service's clock: the machine's, corrected by the skew that answers showed. */
int64_t caller_wall_ms(const struct caller *caller);

/* The same, of an engine. */
int64_t call_service_wall_ms(const struct engine *engine);

/* The service's wall time by the Date of its last answer, to the second. */
int64_t call_dated_wall_ms(const struct engine *engine);

#endif
