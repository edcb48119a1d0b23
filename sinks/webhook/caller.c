/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/caller.h"

#include "base/time.h"
#include "sinks/webhook/body.h"
#include "sinks/webhook/privatefile.h"
#include "sinks/webhook/verdict.h"

/* A receiver may not silence us for longer; retention is a day. */
enum { WAIT_MAX_MS = HOUR_MS };

/* A pool of connections, and how many requests use it. */
struct hookpool {
	struct web_pool *pool;
	size_t users;
	struct list link; /* among those that are to be closed */
};

struct caller {
	const struct sink_env *env;
	struct caller_options options;
	struct lanes *lanes;
	struct hookpool *pool;
	struct list retired; /* former pools, until their requests have ended */
	struct io_timer sweep;
	struct signature signature;
	struct buf token; /* of token_file */
	struct oauth *oauth; /* NULL: none */
	struct list calls;
	bool gone;
	int64_t wait_until_ms;
};

/* One bundle on its way. */
struct call {
	struct list link;
	struct caller *caller;
	struct bundle *bundle;
	struct hookpool *pool; /* NULL: not sent at this moment */
	struct oauth_waiter waiter;
	uint64_t generation; /* of the access token that it was sent with */
	bool single, again;
	char id[BODY_ID_N + 1];
	struct buf body; /* the same bytes in each attempt */
	struct web_request request;
};

static void on_done(struct web_request *request);

/* Opens a pool with what its files hold at this moment; NULL with `err` set. */
static struct hookpool *hookpool_new(struct caller *caller, struct error *err)
{
	struct web_pool_options options = caller->options.pool;
	struct hookpool *pool = mem_alloc(sizeof(*pool));
	struct buf password = {.max = 0};

	list_init(&pool->link);
	if (caller->options.key_password_file != NULL) {
		if (!private_read_line(caller->options.key_password_file, &password, err))
			goto failed;
		buf_c(&password, '\0');
		options.client_key_password = password.p;
	}
	pool->pool = web_pool_open(caller->env->web, &options, err);
	private_forget(&password);
	if (pool->pool != NULL)
		return pool;
failed:
	mem_free(pool);
	return NULL;
}

/* Closes a pool and empties the pointer, which may point to NULL. */
static void hookpool_free(struct caller *caller, struct hookpool **pool)
{
	if (*pool == NULL)
		return;
	list_remove(&(*pool)->link);
	web_pool_close(caller->env->web, &(*pool)->pool);
	mem_free(*pool);
	*pool = NULL;
}

/* Closes former pools that nobody uses any more; not from within a completion of theirs. */
static void on_sweep(struct io_timer *timer)
{
	struct caller *caller = CONTAINER_OF(timer, struct caller, sweep);

	list_each(link, &caller->retired, spare) {
		struct hookpool *pool = CONTAINER_OF(link, struct hookpool, link);

		if (pool->users == 0)
			hookpool_free(caller, &pool);
	}
}

/* struct oauth_options: the pool that tokens are fetched with. */
static struct web_pool *current_pool(void *arg)
{
	return ((struct caller *)arg)->pool->pool;
}

/* Reads the signature's secrets; false with `err` set, and the old ones kept. */
static bool load_secrets(struct caller *caller, bool *changed, struct error *err)
{
	struct signature fresh;
	struct buf text;
	bool ok;

	caller->signature.style = caller->options.style;
	if (caller->options.secret_file == NULL)
		return true;
	if (!private_read(caller->options.secret_file, &text, err))
		return false;
	ok = signature_parse(&fresh, caller->options.style, buf_view(&text),
			     caller->options.secret_file, err);
	private_forget(&text);
	if (!ok)
		return false;
	*changed = *changed || !signature_same(&fresh, &caller->signature);
	signature_release(&caller->signature);
	caller->signature = fresh;
	signature_release(&fresh);
	return true;
}

/* Reads the bearer token; false with `err` set, and the old one kept. */
static bool load_token(struct caller *caller, bool *changed, struct error *err)
{
	struct buf fresh;

	if (caller->options.token_file == NULL)
		return true;
	if (!private_read_word(caller->options.token_file, &fresh, err))
		return false;
	*changed = *changed || !str_eq(buf_view(&fresh), buf_view(&caller->token));
	private_forget(&caller->token);
	caller->token = fresh;
	return true;
}

/* Says that something could not be read again; what was known of it stays. */
static void log_failure(const struct caller *caller, const struct error *err)
{
	io_log(caller->env->io, IO_ERROR, "webhook.reload_failed sink=%.*s error=\"%s\"",
	       STR_ARG(caller->env->name), err->text);
}

/* Reads all secrets again, and says whether signature or token are others now. */
static bool reload(struct caller *caller)
{
	bool changed = false;
	struct error err;

	if (!load_secrets(caller, &changed, &err))
		log_failure(caller, &err);
	if (!load_token(caller, &changed, &err))
		log_failure(caller, &err);
	if (caller->oauth != NULL && !oauth_reload(caller->oauth, &err))
		log_failure(caller, &err);
	return changed;
}

/* Adds the header that says who we are, if there is one; false when a token has to be waited for. */
static bool add_authorization(struct call *call, struct requesthead *head)
{
	struct caller *caller = call->caller;
	struct str token = buf_view(&caller->token);
	struct buf value;

	if (caller->oauth != NULL) {
		token = oauth_token(caller->oauth, &call->waiter);
		call->generation = oauth_generation(caller->oauth);
		if (token.n == 0)
			return false;
	}
	if (token.n == 0)
		return true;
	buf_init(&value, token.n + 64);
	buf_reserve(&value, token.n + 32);
	buf_str(&value, STR("Bearer "));
	buf_str(&value, token);
	requesthead_add(head, STR("Authorization"), buf_view(&value));
	private_forget(&value);
	return true;
}

/* Adds all other headers. */
static void add_headers(const struct call *call, struct requesthead *head)
{
	const struct caller *caller = call->caller;
	struct signature_subject subject = {
		.id = str_of(call->id),
		.wall_ms = io_wall_ms(caller->env->io),
		.body = buf_view(&call->body),
	};
	struct buf quoted;

	body_add_headers(call->bundle, call->single, head);
	/* A structured field's string, as draft-ietf-httpapi-idempotency-key-header has it. */
	buf_init(&quoted, BODY_ID_N + 3);
	buf_fmt(&quoted, "\"%s\"", call->id);
	requesthead_add(head, STR("Idempotency-Key"), buf_view(&quoted));
	buf_release(&quoted);
	for (size_t i = 0; i < caller->options.headers.n; i++)
		requesthead_add(head, str_of(caller->options.headers.list[i].name),
				str_of(caller->options.headers.list[i].value));
	signature_add(&caller->signature, &subject, head);
}

/* Sends the request, or waits for a token first. */
static void attempt(struct call *call)
{
	struct caller *caller = call->caller;
	struct requesthead head;

	requesthead_init(&head);
	if (!add_authorization(call, &head))
		return;
	add_headers(call, &head);
	call->pool = caller->pool;
	call->pool->users++;
	call->request = (struct web_request){
		.pool = call->pool->pool,
		.url = caller->options.url,
		.method = "POST",
		.headers = head.lines,
		.n_headers = head.n,
		.body = buf_view(&call->body),
		.timeout_ms = caller->options.timeout_ms,
		.max_bytes = caller->options.answer_bytes,
		.done = on_done,
	};
	buf_init(&call->request.answer, caller->options.answer_bytes);
	list_init(&call->request.link);
	web_send(caller->env->web, &call->request);
	requesthead_release(&head);
}

/* Frees a call that is not under way. */
static void call_free(struct call *call)
{
	list_remove(&call->link);
	list_remove(&call->waiter.link);
	buf_release(&call->request.answer);
	buf_release(&call->body);
	mem_free(call);
}

/* Ends a call. */
static void call_end(struct call *call, const struct outcome *outcome)
{
	struct lanes *lanes = call->caller->lanes;
	struct bundle *bundle = call->bundle;

	call_free(call);
	lanes_ended(lanes, bundle, outcome);
}

/* struct oauth_waiter: there is a token, or there is none to be had. */
static void on_token(struct oauth_waiter *waiter, const struct oauth_failure *failure)
{
	struct call *call = CONTAINER_OF(waiter, struct call, waiter);
	struct outcome outcome = {.result = DELIVERY_RETRY};

	if (failure == NULL) {
		attempt(call);
		return;
	}
	if (failure->fatal)
		outcome.result = DELIVERY_FATAL;
	outcome.retry_after_ms =
		failure->retry_after_ms < WAIT_MAX_MS ? failure->retry_after_ms : WAIT_MAX_MS;
	outcome.why = failure->why;
	call_end(call, &outcome);
}

/* A 2xx answer: which records it says were taken. */
static void judge_taken(const struct call *call, struct outcome *outcome)
{
	const struct bundle *bundle = call->bundle;

	outcome->result = DELIVERY_OK;
	if (!call->caller->options.partial)
		return;
	if (call->request.truncated) {
		outcome->result = DELIVERY_RETRY;
		error_set(&outcome->why, ERROR_DATA,
			  "the receiver's answer is longer than answer_bytes, so nobody can tell "
			  "which records it took");
		return;
	}
	outcome->taken = verdict_partial(buf_view(&call->request.answer), bundle->delivery->events,
					 bundle->records, bundle->n, &outcome->why);
	if (outcome->taken < bundle->n)
		outcome->result = DELIVERY_RETRY;
}

/* Whether a denied request should be sent once more, because we have other secrets now. */
static bool renewed(struct call *call)
{
	struct caller *caller = call->caller;
	bool changed;

	if (call->again)
		return false;
	call->again = true;
	changed = reload(caller);
	if (caller->oauth == NULL)
		return changed;
	oauth_drop(caller->oauth, call->generation);
	return true;
}

/* What becomes of a bundle after its request; false when it is sent again instead. */
static bool judge(struct call *call, struct outcome *outcome)
{
	struct caller *caller = call->caller;
	int64_t wait_ms = call->request.retry_after_ms;

	*outcome = (struct outcome){.result = DELIVERY_RETRY};
	switch (verdict_of(&call->request, &outcome->why)) {
	case VERDICT_TAKEN:
		judge_taken(call, outcome);
		return true;
	case VERDICT_REFUSED:
		outcome->result = call->bundle->n == 1 ? DELIVERY_REJECT : DELIVERY_REFUSED;
		return true;
	case VERDICT_GONE:
		caller->gone = true;
		outcome->result = DELIVERY_FATAL;
		return true;
	case VERDICT_DENIED:
		outcome->result = DELIVERY_FATAL;
		return !renewed(call);
	case VERDICT_STUCK:
		outcome->result = DELIVERY_FATAL;
		return true;
	case VERDICT_RETRY:
		break;
	}
	wait_ms = wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS;
	outcome->retry_after_ms = wait_ms;
	if (wait_ms > 0)
		caller->wait_until_ms = io_now_ms(caller->env->io) + wait_ms;
	return true;
}

/* struct web_request: an answer, or none. */
static void on_done(struct web_request *request)
{
	struct call *call = CONTAINER_OF(request, struct call, request);
	struct caller *caller = call->caller;
	struct outcome outcome;
	bool ended;

	if (--call->pool->users == 0 && call->pool != caller->pool)
		io_timer_set(caller->env->io, &caller->sweep, io_now_ms(caller->env->io));
	call->pool = NULL;
	ended = judge(call, &outcome);
	buf_release(&request->answer);
	if (ended)
		call_end(call, &outcome);
	else
		attempt(call);
}

/* Whether the receiver does not want to be called now; the outcome says why. */
static bool is_silenced(const struct caller *caller, struct outcome *outcome)
{
	int64_t left_ms = caller->wait_until_ms - io_now_ms(caller->env->io);

	if (caller->gone) {
		outcome->result = DELIVERY_FATAL;
		error_set(&outcome->why, ERROR_CONFIG,
			  "the receiver said that it is gone (410); it is not called again until a "
			  "restart or SIGHUP");
		return true;
	}
	if (left_ms <= 0)
		return false;
	outcome->result = DELIVERY_RETRY;
	outcome->retry_after_ms = left_ms;
	error_set(&outcome->why, ERROR_RETRY,
		  "the receiver asked not to be called for a while (Retry-After)");
	return true;
}

/* struct lanes_options: sends a bundle. */
static void send_bundle(void *arg, struct bundle *bundle)
{
	struct caller *caller = arg;
	struct outcome outcome = {.taken = 0};
	struct body_sender sender = {
		.application = caller->env->application,
		.sink = caller->env->name,
		.lanes = caller->options.lanes,
	};
	struct call *call;

	if (is_silenced(caller, &outcome)) {
		lanes_ended(caller->lanes, bundle, &outcome);
		return;
	}
	call = mem_alloc(sizeof(*call));
	call->caller = caller;
	call->bundle = bundle;
	call->waiter.ready = on_token;
	list_init(&call->link);
	list_init(&call->waiter.link);
	list_add(&caller->calls, &call->link);
	call->single = body_is_single(bundle, caller->options.batch_records);
	body_id(&sender, bundle, call->id);
	buf_init(&call->body, BODY_BYTES_MAX);
	body_add(bundle, call->single, &call->body);
	must(!call->body.failed);
	attempt(call);
}

struct caller *caller_new(const struct sink_env *env, const struct caller_options *options,
			  struct error *err)
{
	struct caller *caller = mem_alloc(sizeof(*caller));
	struct lanes_options lanes = {
		.lanes = options->lanes,
		.batch_records = options->batch_records,
		.batch_bytes = options->batch_bytes,
		.at_once = options->pool.connections,
		.send = send_bundle,
		.arg = caller,
	};
	bool changed = false;

	caller->env = env;
	caller->options = *options;
	caller->options.oauth.io = env->io;
	caller->options.oauth.web = env->web;
	caller->options.oauth.pool = current_pool;
	caller->options.oauth.arg = caller;
	caller->sweep.fire = on_sweep;
	list_init(&caller->retired);
	list_init(&caller->calls);
	must(env->web != NULL);
	if (!load_secrets(caller, &changed, err) || !load_token(caller, &changed, err))
		goto failed;
	if (options->oauth.url != NULL) {
		caller->oauth = oauth_new(&caller->options.oauth, err);
		if (caller->oauth == NULL)
			goto failed;
	}
	caller->pool = hookpool_new(caller, err);
	if (caller->pool == NULL)
		goto failed;
	caller->lanes = lanes_new(env->io, &lanes);
	return caller;
failed:
	caller_free(caller);
	return NULL;
}

void caller_free(struct caller *caller)
{
	if (caller->lanes != NULL)
		lanes_free(caller->lanes);
	list_each(link, &caller->calls, spare) {
		struct call *call = CONTAINER_OF(link, struct call, link);

		if (call->pool != NULL)
			web_cancel(caller->env->web, &call->request);
		call_free(call);
	}
	oauth_free(caller->oauth);
	io_timer_cancel(caller->env->io, &caller->sweep);
	list_each(link, &caller->retired, spare) {
		struct hookpool *pool = CONTAINER_OF(link, struct hookpool, link);

		hookpool_free(caller, &pool);
	}
	hookpool_free(caller, &caller->pool);
	signature_release(&caller->signature);
	private_forget(&caller->token);
	mem_free(caller);
}

void caller_submit(struct caller *caller, struct delivery *delivery)
{
	lanes_submit(caller->lanes, delivery);
}

void caller_reopen(struct caller *caller)
{
	struct error err;
	struct hookpool *fresh = hookpool_new(caller, &err);

	if (fresh == NULL) {
		log_failure(caller, &err);
	} else {
		list_add(&caller->retired, &caller->pool->link);
		caller->pool = fresh;
		io_timer_set(caller->env->io, &caller->sweep, io_now_ms(caller->env->io));
	}
	reload(caller);
	if (caller->oauth != NULL) {
		oauth_drop(caller->oauth, oauth_generation(caller->oauth));
		oauth_restart(caller->oauth);
	}
	caller->gone = false;
	caller->wait_until_ms = 0;
}
