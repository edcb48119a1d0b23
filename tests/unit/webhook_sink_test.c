/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhook sink against scripted answers: what each means for the records, what requests look like, and
 * what becomes of secrets, tokens and connections.
 */
#include "sinks/webhook.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/unit/hook_fixture.h"

static void records_go_out_as_one_signed_batch(void)
{
	struct world_request *sent;
	struct str id;

	setup_open("url: https://x.example/in\nlanes: 1\nheaders: {X-Team: audit}\n");
	submit(0, 3);
	CHECK_INT(h.world.n_sent, 0); /* not within submit */
	turn();
	sent = world_sent(&h.world, 0);
	must(sent != NULL && h.world.n_sent == 1);
	CHECK_STR(sent->url, "https://x.example/in");
	CHECK_STR(str_of(sent->request->method), "POST");
	CHECK_STR(sent->body, "[{\"n\":0},{\"n\":1},{\"n\":2}]");
	CHECK_INT(sent->request->timeout_ms, 15000);
	CHECK_STR(world_header(sent, "Content-Type"), "application/json");
	CHECK_STR(world_header(sent, "X-Team"), "audit");
	CHECK_STR(world_header(sent, "webhook-timestamp"), "1614265330");
	CHECK(str_starts(world_header(sent, "webhook-signature"), STR("v1,")));
	CHECK_INT(world_header(sent, "webhook-signature").n, 47);
	CHECK_STR(world_header(sent, "Authorization"), "");
	CHECK_STR(world_header(sent, "ce-id"), "");
	id = world_header(sent, "webhook-id");
	CHECK(id.n == 36 && str_starts(id, STR("msg_")) && str_find(id, '.') == id.n);
	CHECK(str_eq(str_head(str_skip(world_header(sent, "Idempotency-Key"), 1), 36), id));
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 3));
	teardown();
}

static void a_bare_record_goes_with_its_attributes(void)
{
	struct world_request *sent;

	setup_open("url: https://x.example/in\nbatch_records: 1\nlanes: 1\nsignature: none\n");
	submit(0, 2);
	turn();
	sent = world_sent(&h.world, 0);
	must(sent != NULL && h.world.n_sent == 1);
	CHECK_STR(sent->body, "<{\"n\":0}>");
	CHECK_STR(world_header(sent, "Content-Type"), "application/one");
	/* CloudEvents' HTTP binding has this very example, with the Euro sign. */
	CHECK_STR(world_header(sent, "ce-subject"), "Euro%20%E2%82%AC%20%F0%9F%98%80%22%25~");
	CHECK_STR(world_header(sent, "webhook-signature"), "");
	answer(202, "{}");
	CHECK_STR(world_sent(&h.world, 0)->body, "<{\"n\":1}>");
	answer(204, "");
	CHECK(ended(0, DELIVERY_OK, 2));
	teardown();
}

static void lone_forms_are_never_joined(void)
{
	setup_open("url: https://x.example/in\nlanes: 1\n");
	h.encoder.framing = &lone_framing;
	submit(0, 2);
	turn();
	CHECK_STR(world_sent(&h.world, 0)->body, "<{\"n\":0}>");
	answer(200, "");
	CHECK_STR(world_sent(&h.world, 0)->body, "<{\"n\":1}>");
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 2));
	teardown();
}

/* What one status makes of a delivery of one record, and of two. */
static void each_status_has_its_meaning(void)
{
	const struct {
		int status;
		enum delivery_result of_one, of_two;
		const char *words;
	} cases[] = {
		{200, DELIVERY_OK, DELIVERY_OK, ""},
		{201, DELIVERY_OK, DELIVERY_OK, ""},
		{299, DELIVERY_OK, DELIVERY_OK, ""},
		{301, DELIVERY_RETRY, DELIVERY_RETRY, "redirects are never followed"},
		{307, DELIVERY_RETRY, DELIVERY_RETRY, "redirects are never followed"},
		{400, DELIVERY_REJECT, DELIVERY_REFUSED, "400: it will not take these records"},
		{401, DELIVERY_FATAL, DELIVERY_FATAL, "401: it does not accept"},
		{403, DELIVERY_FATAL, DELIVERY_FATAL, "403: it does not accept"},
		{404, DELIVERY_RETRY, DELIVERY_RETRY, "check url"},
		{405, DELIVERY_RETRY, DELIVERY_RETRY, "check url"},
		{408, DELIVERY_RETRY, DELIVERY_RETRY, "408"},
		{409, DELIVERY_RETRY, DELIVERY_RETRY, "409"},
		{410, DELIVERY_FATAL, DELIVERY_FATAL, "it is gone"},
		{413, DELIVERY_REJECT, DELIVERY_REFUSED, "too large"},
		{415, DELIVERY_REJECT, DELIVERY_REFUSED, "415"},
		{418, DELIVERY_REJECT, DELIVERY_REFUSED, "418"},
		{422, DELIVERY_REJECT, DELIVERY_REFUSED, "422"},
		{425, DELIVERY_RETRY, DELIVERY_RETRY, "425"},
		{429, DELIVERY_RETRY, DELIVERY_RETRY, "429: it gets too many requests"},
		{500, DELIVERY_RETRY, DELIVERY_RETRY, "500: it cannot take records now"},
		{502, DELIVERY_RETRY, DELIVERY_RETRY, "502"},
		{503, DELIVERY_RETRY, DELIVERY_RETRY, "503"},
		{504, DELIVERY_RETRY, DELIVERY_RETRY, "504"},
		{599, DELIVERY_RETRY, DELIVERY_RETRY, "599"},
		{600, DELIVERY_RETRY, DELIVERY_RETRY, "600"},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		for (size_t n = 1; n <= 2; n++) {
			enum delivery_result want = n == 1 ? cases[i].of_one : cases[i].of_two;

			setup_open("url: https://x.example/in\nlanes: 1\n");
			submit(0, n);
			turn();
			answer(cases[i].status, "");
			CHECK_INT(h.parcels[0].result, want);
			CHECK(ended(0, want, want == DELIVERY_OK ? n : 0));
			CHECK(strstr(h.parcels[0].why.text, cases[i].words) != NULL);
			teardown();
		}
	}
}

static void requests_without_an_answer_are_tried_again_or_need_a_person(void)
{
	const enum web_result results[] = {WEB_TIMED_OUT, WEB_BROKEN, WEB_REFUSED};

	for (size_t i = 0; i < ARRAY_N(results); i++) {
		setup_open("url: https://x.example/in\n");
		submit(0, 1);
		turn();
		world_end(&h.world, world_sent(&h.world, 0), results[i], 0, STR_NONE);
		CHECK(ended(0, results[i] == WEB_REFUSED ? DELIVERY_FATAL : DELIVERY_RETRY, 0));
		CHECK_STR(str_of(h.parcels[0].why.text), "the connection broke");
		teardown();
	}
}

static void a_retry_has_the_same_bytes_and_id_and_its_own_signature(void)
{
	struct str body, id, signature;

	setup_open("url: https://x.example/in\nlanes: 1\n");
	submit(0, 3);
	turn();
	body = world_sent(&h.world, 0)->body;
	id = world_header(world_sent(&h.world, 0), "webhook-id");
	signature = world_header(world_sent(&h.world, 0), "webhook-signature");
	answer(500, "");
	CHECK(ended(0, DELIVERY_RETRY, 0));
	world_sleep(&h.world, 2000);
	submit(0, 3);
	turn();
	CHECK(str_eq(world_sent(&h.world, 0)->body, body));
	CHECK(str_eq(world_header(world_sent(&h.world, 0), "webhook-id"), id));
	CHECK_STR(world_header(world_sent(&h.world, 0), "webhook-timestamp"), "1614265332");
	CHECK(!str_eq(world_header(world_sent(&h.world, 0), "webhook-signature"), signature));
	answer(200, "");
	submit(0, 2); /* other records: another message */
	turn();
	CHECK(!str_eq(world_header(world_sent(&h.world, 0), "webhook-id"), id));
	answer(200, "");
	teardown();
}

static void a_receiver_that_asks_to_wait_is_left_alone(void)
{
	setup_open("url: https://x.example/in\nlanes: 1\n");
	submit(0, 1);
	turn();
	world_sent(&h.world, 0)->request->retry_after_ms = 7000;
	answer(429, "");
	CHECK(ended(0, DELIVERY_RETRY, 0));
	CHECK_INT(h.parcels[0].delivery.retry_after_ms, 7000);
	world_sleep(&h.world, 2000);
	submit_to(1, 1, 1);
	turn();
	CHECK_INT(h.world.n_sent, 1); /* no call, also for another shard */
	CHECK(ended(1, DELIVERY_RETRY, 0));
	CHECK_INT(h.parcels[1].delivery.retry_after_ms, 5000);
	world_sleep(&h.world, 5000);
	submit(0, 1);
	turn();
	world_sent(&h.world, 0)->request->retry_after_ms = 48LL * HOUR_MS;
	answer(503, "");
	CHECK_INT(h.parcels[0].delivery.retry_after_ms, HOUR_MS); /* there is a limit */
	teardown();
}

static void a_receiver_that_is_gone_is_not_called_again(void)
{
	setup_open("url: https://x.example/in\nlanes: 1\n");
	submit(0, 1);
	turn();
	answer(410, "");
	CHECK(ended(0, DELIVERY_FATAL, 0));
	submit(0, 1);
	CHECK_INT(h.parcels[0].done, 0); /* not within submit */
	turn();
	CHECK(ended(0, DELIVERY_FATAL, 0));
	CHECK(strstr(h.parcels[0].why.text, "SIGHUP") != NULL);
	CHECK_INT(h.world.n_sent, 1);
	h.sink->type->reopen(h.sink);
	submit(0, 1);
	turn();
	CHECK_INT(h.world.n_sent, 2);
	answer(200, "");
	CHECK(ended(0, DELIVERY_OK, 1));
	teardown();
}

static void partial_answers_name_what_is_to_come_again(void)
{
	setup_open("url: https://x.example/in\nlanes: 1\npartial: true\nanswer_bytes: 1KiB\n");
	submit(0, 5);
	turn();
	answer(200, "{\"batchItemFailures\":[{\"itemIdentifier\":\"100000000000000000003\"},"
		    "{\"itemIdentifier\":\"event-2\"}]}");
	CHECK(ended(0, DELIVERY_RETRY, 2));
	CHECK(strstr(h.parcels[0].why.text, "100000000000000000002") != NULL);
	submit(0, 5);
	turn();
	answer(200, "thank you");
	CHECK(ended(0, DELIVERY_RETRY, 0));
	submit(0, 5);
	turn();
	world_end(&h.world, world_sent(&h.world, 0), WEB_ANSWER, 200,
		  str_make(h.long_text, sizeof(h.long_text)));
	CHECK(ended(0, DELIVERY_RETRY, 0));
	CHECK(strstr(h.parcels[0].why.text, "answer_bytes") != NULL);
	submit(0, 5);
	turn();
	answer(200, "{\"batchItemFailures\":[]}");
	CHECK(ended(0, DELIVERY_OK, 5));
	teardown();
	/* Without the option answers are not looked at. */
	setup_open("url: https://x.example/in\nlanes: 1\n");
	submit(0, 5);
	turn();
	answer(200, "{\"batchItemFailures\":[{\"itemIdentifier\":\"event-2\"}]}");
	CHECK(ended(0, DELIVERY_OK, 5));
	teardown();
}

static void no_more_requests_than_connections(void)
{
	setup_open("url: https://x.example/in\nlanes: 8\nconnections: 2\nbatch_records: 1\n");
	submit(0, 10);
	turn();
	CHECK_INT(h.world.n_sent, 2);
	for (int i = 0; i < 10; i++) {
		CHECK(h.parcels[0].done == 0);
		answer(200, "");
	}
	CHECK(ended(0, DELIVERY_OK, 10));
	CHECK_INT(h.world.n_sent, 10);
	teardown();
}

static void closing_drops_what_is_under_way(void)
{
	setup_open("url: https://x.example/in\n");
	submit(0, 3);
	turn();
	submit_to(1, 3, 1);
	CHECK(h.world.n_sent > 0);
	close_sink();
	turn();
	CHECK_INT(h.parcels[0].done + h.parcels[1].done, 0);
	teardown();
}

static void the_pool_is_as_configured(void)
{
	const struct web_pool_options *pool;

	put_secret("password", "open sesame\n", 0600);
	setup_open("url: http://x.example/in\nallow_http: true\nallow_private: true\n"
		   "connections: 3\nconnect_timeout: 2s\nca_file: /ca.pem\nclient_cert: /c.pem\n"
		   "client_key: /k.pem\nclient_key_password_file: password\n");
	pool = &h.world.pools[0].options;
	CHECK(pool->allow_http && pool->allow_private && pool->connections == 3);
	CHECK_INT(pool->connect_timeout_ms, 2000);
	CHECK_STR(str_of(pool->ca_file), "/ca.pem");
	CHECK_STR(str_of(pool->client_cert), "/c.pem");
	CHECK_STR(str_of(pool->client_key), "/k.pem");
	teardown();
	setup_open("url: https://x.example/in\n");
	pool = &h.world.pools[0].options;
	CHECK(!pool->allow_http && !pool->allow_private && pool->client_cert == NULL);
	CHECK_STR(str_of(pool->ca_file), "/everybodys.pem");
	teardown();
}

int main(void)
{
	CHECK_RUN(records_go_out_as_one_signed_batch);
	CHECK_RUN(a_bare_record_goes_with_its_attributes);
	CHECK_RUN(lone_forms_are_never_joined);
	CHECK_RUN(each_status_has_its_meaning);
	CHECK_RUN(requests_without_an_answer_are_tried_again_or_need_a_person);
	CHECK_RUN(a_retry_has_the_same_bytes_and_id_and_its_own_signature);
	CHECK_RUN(a_receiver_that_asks_to_wait_is_left_alone);
	CHECK_RUN(a_receiver_that_is_gone_is_not_called_again);
	CHECK_RUN(partial_answers_name_what_is_to_come_again);
	CHECK_RUN(no_more_requests_than_connections);
	CHECK_RUN(closing_drops_what_is_under_way);
	CHECK_RUN(the_pool_is_as_configured);
	return check_end();
}
