/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/oauth.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/time.h"
#include "sinks/webhook/privatefile.h"
#include "sinks/webhook/requesthead.h"

enum {
	ANSWER_MAX = 256 * 1024,
	FORM_MAX = 256 * 1024,
	TOKEN_MAX = 64 * 1024,
	/* A token is not used in its last tenth, nor in its last half minute if it lives longer than that. */
	MARGIN_MS = 30 * SECOND_MS,
	LIFE_DEFAULT_MS = HOUR_MS, /* when the answer does not say */
	LIFE_MAX_S = 10 * 365 * 86400,
};

struct oauth {
	struct oauth_options options;
	struct buf secret, token;
	int64_t until_ms; /* by io_now_ms: the token is given so long */
	uint64_t generation;
	struct list waiting;
	bool is_fetching;
	struct web_request request;
	struct buf form;
	struct oauth_failure failure;
};

static void on_answer(struct web_request *request);

struct oauth *oauth_new(const struct oauth_options *options, struct error *err)
{
	struct oauth *oauth = mem_alloc(sizeof(*oauth));

	oauth->options = *options;
	buf_init(&oauth->token, TOKEN_MAX);
	buf_init(&oauth->form, FORM_MAX);
	list_init(&oauth->waiting);
	if (!private_read_line(options->secret_file, &oauth->secret, err)) {
		mem_free(oauth);
		return NULL;
	}
	return oauth;
}

/* Stops a fetch under way. */
static void stop(struct oauth *oauth)
{
	if (oauth->is_fetching)
		web_cancel(oauth->options.web, &oauth->request);
	oauth->is_fetching = false;
	private_forget(&oauth->form);
}

void oauth_free(struct oauth *oauth)
{
	if (oauth == NULL)
		return;
	must(list_empty(&oauth->waiting));
	stop(oauth);
	private_forget(&oauth->secret);
	private_forget(&oauth->token);
	mem_free(oauth);
}

bool oauth_reload(struct oauth *oauth, struct error *err)
{
	struct buf fresh;

	if (!private_read_line(oauth->options.secret_file, &fresh, err))
		return false;
	private_forget(&oauth->secret);
	oauth->secret = fresh;
	return true;
}

/* Appends a form's value (application/x-www-form-urlencoded). */
static void add_form(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '*';

		if (plain)
			buf_c(out, c);
		else if (c == ' ')
			buf_c(out, '+');
		else
			buf_fmt(out, "%%%02X", (unsigned)(unsigned char)c);
	}
}

/* Adds the header that says who we are: id and secret as form values, then as HTTP's Basic scheme. */
static void add_basic(const struct oauth *oauth, struct requesthead *head)
{
	struct buf pair, value;

	/* Reserved whole, so that no copy stays behind when they grow. */
	buf_init(&pair, FORM_MAX);
	buf_init(&value, FORM_MAX);
	buf_reserve(&pair, FORM_MAX - 1);
	buf_reserve(&value, FORM_MAX - 1);
	add_form(&pair, str_of(oauth->options.client_id));
	buf_c(&pair, ':');
	add_form(&pair, buf_view(&oauth->secret));
	buf_str(&value, STR("Basic "));
	base64_encode(&value, pair.p, pair.n);
	requesthead_add(head, STR("Authorization"), buf_view(&value));
	private_forget(&pair);
	private_forget(&value);
}

/* Makes the form that is posted. */
static void make_form(struct oauth *oauth)
{
	struct buf *form = &oauth->form;

	buf_clear(form);
	buf_reserve(form, FORM_MAX - 1);
	buf_str(form, STR("grant_type=client_credentials"));
	if (oauth->options.scope != NULL) {
		buf_str(form, STR("&scope="));
		add_form(form, str_of(oauth->options.scope));
	}
	if (oauth->options.style == OAUTH_HEADER)
		return;
	buf_str(form, STR("&client_id="));
	add_form(form, str_of(oauth->options.client_id));
	buf_str(form, STR("&client_secret="));
	add_form(form, buf_view(&oauth->secret));
}

/* Starts a fetch. */
static void fetch(struct oauth *oauth)
{
	struct requesthead head;

	make_form(oauth);
	requesthead_init(&head);
	requesthead_add(&head, STR("Content-Type"), STR("application/x-www-form-urlencoded"));
	requesthead_add(&head, STR("Accept"), STR("application/json"));
	if (oauth->options.style == OAUTH_HEADER)
		add_basic(oauth, &head);
	oauth->request = (struct web_request){
		.pool = oauth->options.pool(oauth->options.arg),
		.url = oauth->options.url,
		.method = "POST",
		.headers = head.lines,
		.n_headers = head.n,
		.body = buf_view(&oauth->form),
		.timeout_ms = oauth->options.timeout_ms,
		.max_bytes = ANSWER_MAX,
		.done = on_answer,
	};
	buf_init(&oauth->request.answer, ANSWER_MAX);
	list_init(&oauth->request.link);
	oauth->is_fetching = true;
	web_send(oauth->options.web, &oauth->request);
	requesthead_release(&head);
}

/* What an answer says; slices of it, empty when it does not say. */
struct token_answer {
	struct str token, type, lifetime, error; /* `lifetime` as a number's text */
};

/* Reads one value that should be a string, but need not be. */
static struct str read_text(struct json *json, struct arena *arena)
{
	if (json_peek(json) == JSON_STRING)
		return json_text(json, arena);
	json_skip(json);
	return STR_NONE;
}

/* Reads an answer; false when it is no JSON object. */
static bool read_answer(struct str text, struct arena *arena, struct token_answer *answer)
{
	struct json json;
	struct str key;

	*answer = (struct token_answer){.token = STR_NONE};
	if (text.n == 0)
		return false;
	json_init(&json, text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "access_token"))
			answer->token = read_text(&json, arena);
		else if (json_key_is(key, "token_type"))
			answer->type = read_text(&json, arena);
		else if (json_key_is(key, "error"))
			answer->error = read_text(&json, arena);
		else if (json_key_is(key, "expires_in") && json_peek(&json) == JSON_NUMBER)
			answer->lifetime = json_number(&json);
		else if (json_key_is(key, "expires_in"))
			answer->lifetime = read_text(&json, arena); /* some write it so */
		else
			json_skip(&json);
	}
	return json_end(&json);
}

/* Whether a text is made of what stands in a header's word, or in an error's code. */
static bool is_word(struct str text, const char *others)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c != '\0' && strchr(others, c) != NULL)))
			return false;
	}
	return text.n > 0;
}

/* How long a token is to be used. */
static int64_t use_ms(struct str lifetime)
{
	int64_t seconds, ms, margin_ms;

	if (!str_to_i64(str_head(lifetime, str_find(lifetime, '.')), &seconds) || seconds < 0)
		return LIFE_DEFAULT_MS;
	ms = (seconds < LIFE_MAX_S ? seconds : LIFE_MAX_S) * SECOND_MS;
	margin_ms = ms / 10;
	if (margin_ms < MARGIN_MS && ms > 2 * (int64_t)MARGIN_MS)
		margin_ms = MARGIN_MS;
	/* One that is over at once is still for those who waited for it. */
	return ms - margin_ms > SECOND_MS ? ms - margin_ms : SECOND_MS;
}

/* Takes a token out of an answer; false with the failure set. */
static bool take_token(struct oauth *oauth, const struct token_answer *answer)
{
	struct oauth_failure *failure = &oauth->failure;

	if (answer->type.n > 0 && !str_eq_nocase(answer->type, STR("bearer"))) {
		failure->fatal = true;
		return error_set(&failure->why, ERROR_AUTH,
				 "the token server gives tokens that are not of type Bearer");
	}
	/* RFC 6750 section 2.1, b64token. */
	if (!is_word(answer->token, "-._~+/=") || answer->token.n > TOKEN_MAX - 1)
		return error_set(&failure->why, ERROR_RETRY,
				 "the token server's answer has no access_token that can be used");
	private_forget(&oauth->token);
	buf_reserve(&oauth->token, answer->token.n);
	buf_str(&oauth->token, answer->token);
	oauth->until_ms = io_now_ms(oauth->options.io) + use_ms(answer->lifetime);
	oauth->generation++;
	return true;
}

/* Judges an answer of the token server; false with the failure set. */
static bool judge(struct oauth *oauth, struct web_request *request)
{
	struct oauth_failure *failure = &oauth->failure;
	struct token_answer answer;
	struct arena arena;
	bool ok, is_json;

	*failure = (struct oauth_failure){.retry_after_ms = request->retry_after_ms};
	if (request->result != WEB_ANSWER) {
		failure->fatal = request->result == WEB_REFUSED;
		failure->why = request->why;
		return error_prefix(&failure->why, "no access token");
	}
	arena_init(&arena);
	is_json = read_answer(buf_view(&request->answer), &arena, &answer);
	if (request->status == 200 && is_json) {
		ok = take_token(oauth, &answer);
	} else {
		bool named = is_json && answer.error.n < 100 && is_word(answer.error, "_-");

		failure->fatal = request->status >= 400 && request->status < 500 &&
				 request->status != 408 && request->status != 429;
		ok = error_set(&failure->why, failure->fatal ? ERROR_AUTH : ERROR_RETRY,
			       "no access token: the token server answered %d%s%.*s",
			       request->status, named ? ", " : "",
			       STR_ARG(named ? answer.error : STR_NONE));
	}
	/* The arena may hold the token; it is small, and overwritten before it goes. */
	if (answer.token.n > 0)
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		explicit_bzero((void *)(uintptr_t)answer.token.p, answer.token.n);
	arena_release(&arena);
	return ok;
}

/* Tells those who wait at this moment; each may wait again. */
static void tell(struct oauth *oauth, const struct oauth_failure *failure)
{
	struct list told;

	list_init(&told);
	list_each(link, &oauth->waiting, spare) {
		list_remove(link);
		list_add(&told, link);
	}
	while (!list_empty(&told)) {
		struct oauth_waiter *waiter = list_first(&told, struct oauth_waiter, link);

		list_remove(&waiter->link);
		waiter->ready(waiter, failure);
	}
}

/* The token server answered, or did not. */
static void on_answer(struct web_request *request)
{
	struct oauth *oauth = CONTAINER_OF(request, struct oauth, request);
	bool ok = judge(oauth, request);
	struct oauth_failure failure = oauth->failure;

	oauth->is_fetching = false;
	private_forget(&request->answer);
	private_forget(&oauth->form);
	tell(oauth, ok ? NULL : &failure);
}

struct str oauth_token(struct oauth *oauth, struct oauth_waiter *waiter)
{
	if (oauth->token.n > 0 && io_now_ms(oauth->options.io) < oauth->until_ms)
		return buf_view(&oauth->token);
	list_add(&oauth->waiting, &waiter->link);
	if (!oauth->is_fetching)
		fetch(oauth);
	return STR_NONE;
}

uint64_t oauth_generation(const struct oauth *oauth)
{
	return oauth->generation;
}

void oauth_drop(struct oauth *oauth, uint64_t generation)
{
	if (generation == oauth->generation)
		private_forget(&oauth->token);
}

void oauth_restart(struct oauth *oauth)
{
	if (!oauth->is_fetching)
		return;
	stop(oauth);
	fetch(oauth);
}
