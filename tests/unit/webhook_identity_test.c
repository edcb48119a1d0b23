/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the webhook sink says it is: options that do not agree, secrets in files, tokens, and what happens
 * when any of them changes.
 */
#include "tests/unit/hook_fixture.h"

static const char oauth_options[] = "url: https://x.example/in\nlanes: 1\nsignature: none\n"
				    "oauth_token_url: https://login.example/token\n"
				    "oauth_client_id: 'us & co'\noauth_scope: a b\n"
				    "oauth_client_secret_file: client\n";

static void options_that_do_not_agree_are_named(void)
{
	const struct {
		const char *options, *option, *words;
	} cases[] = {
		{"secret_file: s", NULL, NULL},
		{"signature: none", NULL, NULL},
		{"", "signature", "secret_file"},
		{"signature: github", "signature", "secret_file"},
		{"signature: stripe", "signature", "secret_file"},
		{"signature: none\nsecret_file: s", "secret_file", "nothing is signed"},
		{"signature: none\nclient_cert: c", "client_cert", "client_key"},
		{"signature: none\nclient_key: c", "client_key", "client_cert"},
		{"signature: none\nclient_key_password_file: c", "client_key_password_file",
		 "no client_key"},
		{"signature: none\noauth_token_url: https://t/", "oauth_token_url",
		 "oauth_client_id"},
		{"signature: none\noauth_token_url: http://t/", "oauth_token_url", "allow_http"},
		{"signature: none\noauth_client_id: x", "oauth_client_id", "oauth_token_url"},
		{"signature: none\noauth_client_secret_file: x", "oauth_client_secret_file",
		 "oauth_token_url"},
		{"signature: none\noauth_scope: x", "oauth_scope", "oauth_token_url"},
		{"signature: none\noauth_style: body", "oauth_style", "oauth_token_url"},
		{"signature: none\noauth_token_url: https://t/\noauth_client_id: x\n"
		 "oauth_client_secret_file: x\ntoken_file: x",
		 "token_file", "one Authorization"},
	};
	char text[400];
	struct buf out;

	for (size_t i = 0; i <= ARRAY_N(cases); i++) {
		bool plain = i == ARRAY_N(cases);
		struct option_fault fault = {NULL, {ERROR_NONE, ""}};
		bool ok;

		snprintf(text, sizeof(text), "url: http%s://x.example\n%s\n", plain ? "" : "s",
			 plain ? "signature: none" : cases[i].options);
		buf_init(&out, 10000);
		arena_init(&h.arena);
		read_options(text, &out);
		CHECK_STR(buf_view(&out), "");
		ok = sink_webhook.check(h.options, NULL, &fault);
		if (plain) {
			CHECK(!ok && strcmp(fault.option, "url") == 0);
		} else if (cases[i].option == NULL) {
			CHECK(ok);
		} else if (CHECK(!ok)) {
			CHECK_STR(str_of(fault.option), cases[i].option);
			CHECK(strstr(fault.why.text, cases[i].words) != NULL);
		}
		arena_release(&h.arena);
		buf_release(&out);
	}
}

static void values_that_cannot_be_are_refused(void)
{
	const struct {
		const char *options, *words;
	} cases[] = {
		{"url: ftp://x", "begins with https://"},
		{"url: 'https://x y'", "without blanks"},
		{"url: https:///x", "with a host"},
		{"url: https://me:secret@x/", "without user and password"},
		{"url: https://x/#top", "fragment"},
		{"url: https://x:0/", "port"},
		{"url: 'https://x:'", "port"},
		{"url: https://x:65536/in", "port"},
		{"url: 'https://[::1]:y?z'", "port"},
		{"url: https://?x", "host"},
		{"url: https://x\nheaders: {Content-Type: x}", "does not set itself"},
		{"url: https://x\nheaders: {Webhook-Id: x}", "does not set itself"},
		{"url: https://x\nheaders: {CE-foo: x}", "does not set itself"},
		{"url: https://x\nheaders: {Authorization: x}", "token_file"},
		{"url: https://x\nheaders: {'a b': x}", "the name of a header"},
		{"url: https://x\nheaders: {a: \"x\\r\\ny\"}", "control characters"},
		{"url: https://x\nlanes: 0", "lanes"},
		{"url: https://x\nlanes: 65", "lanes"},
		{"url: https://x\nbatch_records: 0", "batch_records"},
		{"signature: none", "url"},
	};
	struct buf out;

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		buf_init(&out, 10000);
		arena_init(&h.arena);
		read_options(cases[i].options, &out);
		buf_c(&out, '\0');
		if (!CHECK(strstr(out.p, "error:") != NULL &&
			   strstr(out.p, cases[i].words) != NULL))
			fprintf(stderr, "%s\ngave:\n%s\n", cases[i].options, out.p);
		arena_release(&h.arena);
		buf_release(&out);
	}
}

static void a_secret_that_cannot_be_used_keeps_the_sink_closed(void)
{
	const struct {
		const char *text;
		mode_t mode;
		const char *words;
	} cases[] = {
		{HOOK_SECRET, 0644, "everybody may read"},
		{HOOK_SECRET, 0602, "everybody may read or write"},
		{"whsec_short\n", 0600, "other:1: a secret must be"},
		{"", 0600, "holds no secret"},
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		put_secret("other", cases[i].text, cases[i].mode);
		setup("url: https://x.example/in\nsecret_file: other\n");
		CHECK(sink_webhook.open(&h.env, h.options, &err) == NULL);
		CHECK(strstr(err.text, cases[i].words) != NULL);
		CHECK(strstr(err.text, "short") == NULL);
		teardown();
	}
	setup("url: https://x.example/in\nsecret_file: missing\n");
	CHECK(sink_webhook.open(&h.env, h.options, &err) == NULL);
	CHECK(strstr(err.text, "cannot open missing") != NULL);
	teardown();
	setup("url: https://x.example/in\nsecret_file: /dev/null\n");
	CHECK(sink_webhook.open(&h.env, h.options, &err) == NULL);
	CHECK(strstr(err.text, "not a regular file") != NULL);
	teardown();
	put_secret("token", "two words\n", 0600);
	setup("url: https://x.example/in\ntoken_file: token\n");
	CHECK(sink_webhook.open(&h.env, h.options, &err) == NULL);
	CHECK(strstr(err.text, "one word of visible ASCII") != NULL);
	CHECK(strstr(err.text, "words\n") == NULL);
	teardown();
	put_secret("password", "two\nlines\n", 0600);
	setup("url: https://x.example/in\nclient_cert: /c.pem\nclient_key: /k.pem\n"
	      "client_key_password_file: password\n");
	CHECK(sink_webhook.open(&h.env, h.options, &err) == NULL);
	CHECK(strstr(err.text, "password does not hold one line of text") != NULL);
	teardown();
	setup("url: https://x.example/in\n");
	h.world.pool_fault = "no such certificate";
	CHECK(sink_webhook.open(&h.env, h.options, &err) == NULL);
	CHECK_STR(str_of(err.text), "no such certificate");
	teardown();
}

static void a_token_from_a_file_goes_along(void)
{
	put_secret("token", "  t0k.en~\n", 0640);
	setup_open("url: https://x.example/in\nlanes: 1\ntoken_file: token\n");
	submit(0, 1);
	turn();
	CHECK_STR(world_header(world_sent(&h.world, 0), "Authorization"), "Bearer t0k.en~");
	/* Denied with nothing new to say: no second call. */
	answer(401, "");
	CHECK(ended(0, DELIVERY_FATAL, 0));
	/* Denied, and the token is another one by now. */
	submit(0, 1);
	turn();
	put_secret("token", "fresh\n", 0600);
	answer(403, "");
	CHECK_INT(h.parcels[0].done, 0);
	CHECK_STR(world_header(world_sent(&h.world, 0), "Authorization"), "Bearer fresh");
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 1));
	/* But once only. */
	submit(0, 1);
	turn();
	put_secret("token", "fresher\n", 0600);
	answer(401, "");
	put_secret("token", "freshest\n", 0600);
	answer(401, "");
	CHECK(ended(0, DELIVERY_FATAL, 0));
	CHECK_INT(h.world.n_sent, 5);
	teardown();
}

static void a_denied_signature_is_made_with_the_new_secret(void)
{
	struct str before, after, id;

	setup_open("url: https://x.example/in\nlanes: 1\n");
	submit(0, 1);
	turn();
	before = world_header(world_sent(&h.world, 0), "webhook-signature");
	id = world_header(world_sent(&h.world, 0), "webhook-id");
	put_secret("secret", HOOK_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
		   0600);
	answer(401, "");
	after = world_header(world_sent(&h.world, 0), "webhook-signature");
	CHECK_INT(after.n, 2 * before.n + 1);
	CHECK(str_eq(str_head(after, before.n), before));
	CHECK(str_eq(world_header(world_sent(&h.world, 0), "webhook-id"), id));
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 1));
	teardown();
}

static void reopening_takes_new_secrets_and_connections(void)
{
	struct world_request *old;

	setup_open("url: https://x.example/in\nlanes: 1\n");
	submit(0, 1);
	turn();
	old = world_sent(&h.world, 0);
	put_secret("secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 0600);
	h.sink->type->reopen(h.sink);
	submit_to(1, 1, 1);
	turn();
	CHECK(!h.world.pools[0].closed); /* it still has a request */
	CHECK(world_sent(&h.world, 1)->request->pool == &h.world.pools[1]);
	CHECK(!str_eq(world_header(world_sent(&h.world, 1), "webhook-signature"),
		      world_header(old, "webhook-signature")));
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 1));
	CHECK(h.world.pools[0].closed);
	answer(200, "");
	CHECK(ended(1, DELIVERY_OK, 1));
	/* What cannot be read stays as it was, and is told. */
	put_secret("secret", "nonsense\n", 0600);
	h.world.pool_fault = "a broken certificate";
	h.sink->type->reopen(h.sink);
	buf_c(&h.world.log, '\0');
	CHECK(strstr(h.world.log.p, "webhook.reload_failed sink=hook") != NULL);
	CHECK(strstr(h.world.log.p, "a broken certificate") != NULL);
	CHECK(strstr(h.world.log.p, "secret:1: a secret must be") != NULL);
	CHECK(strstr(h.world.log.p, "nonsense") == NULL);
	submit(0, 1);
	turn();
	CHECK(world_sent(&h.world, 0)->request->pool == &h.world.pools[1]);
	answer(200, "");
	teardown();
}

static void an_access_token_is_fetched_once_and_kept(void)
{
	struct world_request *fetch;

	put_secret("client", "p@ss/ word\r\n", 0600);
	setup_open(oauth_options);
	submit(0, 1);
	submit_to(1, 1, 1);
	turn();
	CHECK_INT(h.world.n_sent, 1); /* one fetch for both */
	fetch = world_sent(&h.world, 0);
	CHECK_STR(fetch->url, "https://login.example/token");
	CHECK_STR(fetch->body, "grant_type=client_credentials&scope=a+b");
	CHECK_STR(world_header(fetch, "Content-Type"), "application/x-www-form-urlencoded");
	/* "us+%26+co:p%40ss%2Fword" */
	CHECK_STR(world_header(fetch, "Authorization"), "Basic dXMrJTI2K2NvOnAlNDBzcyUyRit3b3Jk");
	answer(200, "{\"access_token\":\"tok-1\",\"token_type\":\"bearer\",\"expires_in\":100}");
	CHECK_INT(h.world.n_sent, 3);
	CHECK_STR(world_header(world_sent(&h.world, 0), "Authorization"), "Bearer tok-1");
	answer(200, "");
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 1) && ended(1, DELIVERY_OK, 1));
	world_sleep(&h.world, 69 * SECOND_MS);
	submit(0, 1);
	turn();
	CHECK_STR(world_sent(&h.world, 0)->url, "https://x.example/in");
	answer(200, "");
	world_sleep(&h.world, 2 * SECOND_MS); /* half a minute before it expires */
	submit(0, 1);
	turn();
	CHECK_STR(world_sent(&h.world, 0)->url, "https://login.example/token");
	answer(200, "{\"access_token\":\"tok-2\",\"expires_in\":\"0\"}");
	CHECK_STR(world_header(world_sent(&h.world, 0), "Authorization"), "Bearer tok-2");
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 1));
	teardown();
}

static void a_denied_access_token_is_fetched_anew_once(void)
{
	put_secret("client", "secret\n", 0600);
	setup_open(oauth_options);
	submit(0, 1);
	turn();
	answer(200, "{\"access_token\":\"tok-1\"}");
	answer(401, "");
	CHECK_STR(world_sent(&h.world, 0)->url, "https://login.example/token");
	answer(200, "{\"access_token\":\"tok-2\"}");
	CHECK_STR(world_header(world_sent(&h.world, 0), "Authorization"), "Bearer tok-2");
	answer(401, "");
	CHECK(ended(0, DELIVERY_FATAL, 0));
	CHECK_INT(h.world.n_sent, 4);
	/* SIGHUP drops it, too. */
	h.sink->type->reopen(h.sink);
	submit(0, 1);
	turn();
	CHECK_STR(world_sent(&h.world, 0)->url, "https://login.example/token");
	/* And a fetch under way begins again, over the new connections. */
	h.sink->type->reopen(h.sink);
	CHECK(world_sent(&h.world, 0)->request->pool == &h.world.pools[2]);
	CHECK(world_sent(&h.world, 1) == NULL);
	answer(200, "{\"access_token\":\"tok-3\"}");
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 1));
	teardown();
}

static void no_access_token_no_request(void)
{
	const struct {
		int status; /* 0: no answer */
		const char *body;
		enum delivery_result result;
		const char *words;
	} cases[] = {
		{0, "", DELIVERY_RETRY, "no access token: the connection broke"},
		{500, "", DELIVERY_RETRY, "the token server answered 500"},
		{429, "", DELIVERY_RETRY, "the token server answered 429"},
		{401, "{\"error\":\"invalid_client\"}", DELIVERY_FATAL, "401, invalid_client"},
		{400, "{\"error\":\"<script>\"}", DELIVERY_FATAL, "answered 400"},
		{200, "", DELIVERY_RETRY, "answered 200"},
		{200, "{", DELIVERY_RETRY, "answered 200"},
		{200, "{}", DELIVERY_RETRY, "no access_token"},
		{200, "{\"access_token\":\"a\\r\\nb\"}", DELIVERY_RETRY, "no access_token"},
		{200, "{\"access_token\":7}", DELIVERY_RETRY, "no access_token"},
		{200, "{\"access_token\":\"x\",\"token_type\":\"mac\"}", DELIVERY_FATAL,
		 "not of type Bearer"},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		put_secret("client", "secret\n", 0600);
		setup_open(oauth_options);
		submit(0, 1);
		turn();
		world_sent(&h.world, 0)->request->retry_after_ms = 3000;
		world_end(&h.world, world_sent(&h.world, 0),
			  cases[i].status == 0 ? WEB_BROKEN : WEB_ANSWER, cases[i].status,
			  str_of(cases[i].body));
		CHECK(ended(0, cases[i].result, 0));
		CHECK(strstr(h.parcels[0].why.text, cases[i].words) != NULL);
		CHECK(strstr(h.parcels[0].why.text, "script") == NULL);
		CHECK_INT(h.parcels[0].delivery.retry_after_ms, 3000);
		CHECK_INT(h.world.n_sent, 1);
		teardown();
	}
}

static void the_clients_secret_may_go_in_the_body(void)
{
	char options[500];

	put_secret("client", "p@ss\n", 0600);
	snprintf(options, sizeof(options), "%soauth_style: body\n", oauth_options);
	setup_open(options);
	submit(0, 1);
	turn();
	CHECK_STR(world_sent(&h.world, 0)->body,
		  "grant_type=client_credentials&scope=a+b&client_id=us+%26+co&client_secret="
		  "p%40ss");
	CHECK_STR(world_header(world_sent(&h.world, 0), "Authorization"), "");
	close_sink(); /* with a fetch under way */
	turn();
	CHECK_INT(h.parcels[0].done, 0);
	teardown();
}

int main(void)
{
	CHECK_RUN(options_that_do_not_agree_are_named);
	CHECK_RUN(values_that_cannot_be_are_refused);
	CHECK_RUN(a_secret_that_cannot_be_used_keeps_the_sink_closed);
	CHECK_RUN(a_token_from_a_file_goes_along);
	CHECK_RUN(a_denied_signature_is_made_with_the_new_secret);
	CHECK_RUN(reopening_takes_new_secrets_and_connections);
	CHECK_RUN(an_access_token_is_fetched_once_and_kept);
	CHECK_RUN(a_denied_access_token_is_fetched_anew_once);
	CHECK_RUN(no_access_token_no_request);
	CHECK_RUN(the_clients_secret_may_go_in_the_body);
	return check_end();
}
