/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake.h"

#include "tests/fake/fake_admin.h"

/* Passes each write that the model commits to the log. */
static void on_write(void *arg, const struct service_write *write)
{
	struct fake *fake = arg;

	fake->writes = write->n + 1;
	fake_log_write(&fake->log, write);
}

bool fake_init(struct fake *fake, const struct fake_options *options, struct error *err)
{
	*fake = (struct fake){.options = options};
	if (!fake_log_open(&fake->log, options->log_path, err))
		return false;
	fake->service = service_new(&options->service);
	service_on_write(fake->service, on_write, fake);
	fake_clock_init(&fake->clock, options->clock_offset_ms, (int64_t)options->speed);
	fake_auth_init(&fake->auth, options->service.region);
	for (unsigned i = 0; i < options->n_credentials; i++)
		must(fake_auth_add(&fake->auth, str_of(options->credentials[i])));
	fake_faults_init(&fake->faults, options->service.seed);
	rng_init(&fake->ids, options->service.seed ^ 0x1D5);
	map_init(&fake->tallies);
	fake_calls_init(&fake->calls);
	for (unsigned i = 0; i < options->n_denied; i++)
		must(fake_deny(fake, str_of(options->denied[i])));
	return true;
}

void fake_release(struct fake *fake)
{
	struct fake_tally *tally;
	size_t at = 0;

	while ((tally = map_next(&fake->tallies, &at)) != NULL)
		mem_free(tally);
	map_release(&fake->tallies);
	fake_calls_release(&fake->calls);
	for (unsigned i = 0; i < fake->n_denied; i++)
		mem_free(fake->denied[i]);
	fake_auth_release(&fake->auth);
	service_free(fake->service);
	fake_log_close(&fake->log);
}

struct str fake_operation(const struct fake_request *request)
{
	struct str target;

	if (!str_eq(request->path, STR("/")) || !str_eq(request->method, STR("POST")))
		return STR_NONE;
	target = fake_request_header(request, "X-Amz-Target");
	return str_skip(target, str_find_last(target, '.') + 1);
}

/* Where the requests of an operation are counted; what there are too many of counts as "other". */
static struct fake_tally *tally_of(struct fake *fake, struct str operation)
{
	struct fake_tally *tally;

	if (operation.n == 0 || operation.n >= sizeof(tally->operation))
		operation = STR("other");
	tally = map_get(&fake->tallies, operation);
	if (tally == NULL && map_n(&fake->tallies) >= FAKE_TARGETS_MAX) {
		operation = STR("other");
		tally = map_get(&fake->tallies, operation);
	}
	if (tally == NULL) {
		tally = mem_alloc(sizeof(*tally));
		mem_copy(tally->operation, operation.p, operation.n);
		map_put(&fake->tallies, str_of(tally->operation), tally);
	}
	return tally;
}

/* The place of an operation among the denied ones, or their number. */
static unsigned find_denied(const struct fake *fake, struct str operation)
{
	unsigned i = 0;

	while (i < fake->n_denied && !str_eq(str_of(fake->denied[i]), operation))
		i++;
	return i;
}

bool fake_deny(struct fake *fake, struct str operation)
{
	if (find_denied(fake, operation) < fake->n_denied)
		return true;
	if (fake->n_denied == FAKE_DENIED_MAX)
		return false;
	fake->denied[fake->n_denied++] = mem_dup(operation.p, operation.n);
	return true;
}

void fake_allow(struct fake *fake, struct str operation)
{
	unsigned at = find_denied(fake, operation);

	if (at == fake->n_denied)
		return;
	mem_free(fake->denied[at]);
	fake->denied[at] = fake->denied[--fake->n_denied];
}

/* Fills in the refusal of an operation that policy does not allow. */
static void reply_denied(const struct fake *fake, struct str operation, struct fake_reply *reply)
{
	const struct service_options *options = &fake->options->service;

	fake_reply_error(reply, 400, "com.amazon.coral.service#AccessDeniedException",
			 "User: arn:aws:iam::%s:user/test is not authorized to perform: "
			 "dynamodb:%.*s on resource: arn:aws:dynamodb:%s:%s:* because no "
			 "identity-based policy allows the dynamodb:%.*s action",
			 options->account, STR_ARG(operation), options->region, options->account,
			 STR_ARG(operation));
}

/* Carries out a call of the API. */
static void call(struct fake *fake, const struct fake_request *request, struct str body,
		 const struct fake_plan *plan, struct fake_reply *reply)
{
	struct str operation = fake_operation(request);
	struct str type = fake_request_header(request, "Content-Type");
	int status;

	if (!str_starts(type, STR("application/x-amz-json-1.0")) || request->query.n > 0) {
		reply->status = 404;
		buf_str(&reply->body, STR("<UnknownOperationException/>\n"));
		return;
	}
	if (fake_plan_refuses(plan, operation, reply))
		return;
	if (!fake->options->no_auth &&
	    !fake_auth_check(&fake->auth, request, body, fake_clock_http(&fake->clock), reply))
		return;
	if (find_denied(fake, operation) < fake->n_denied) {
		reply_denied(fake, operation, reply);
		return;
	}
	status = service_call(fake->service, fake_request_header(request, "X-Amz-Target"), body,
			      fake_clock_model(&fake->clock), &reply->body);
	reply->status = (unsigned)status;
	fake_plan_spoil(plan, &fake->ids, reply);
}

void fake_answer(struct fake *fake, const struct fake_request *request, struct str body,
		 const struct fake_plan *plan, struct fake_reply *reply)
{
	struct fake_tally *tally;

	if (str_starts(request->path, STR("/_admin/"))) {
		fake_admin(fake, request, reply);
	} else if (!str_eq(request->path, STR("/"))) {
		reply->status = 404;
		buf_str(&reply->body, STR("<UnknownOperationException/>\n"));
	} else if (str_eq(request->method, STR("GET"))) {
		reply->content_type = STR("text/plain");
		buf_fmt(&reply->body, "healthy: dynamodb.%s.amazonaws.com ",
			fake->options->service.region);
	} else if (!str_eq(request->method, STR("POST"))) {
		reply->status = 405;
	} else {
		tally = tally_of(fake, fake_operation(request));
		fake_calls_count(&fake->calls, fake_request_header(request, "User-Agent"),
				 fake_operation(request), body);
		call(fake, request, body, plan, reply);
		fake->requests++;
		tally->requests++;
		tally->errors += reply->status != 200;
	}
	if (reply->body.failed)
		fake_reply_error(reply, 500, "com.amazon.coral.service#InternalFailure",
				 "the answer is too long");
}

void fake_tick(struct fake *fake)
{
	service_tick(fake->service, fake_clock_model(&fake->clock));
}
