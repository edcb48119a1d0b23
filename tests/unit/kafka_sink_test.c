/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka sink on librdkafka's mock cluster: what is acknowledged, in which order, and what fails how. */
#include "tests/unit/c11_threads.h"
#include "tests/unit/kafka_fixture.h"

static void records_are_acknowledged_and_readable(void)
{
	k_setup();
	k_open();
	for (int i = 0; i < 20; i++)
		k_submit(k_parcel(i, i % 2, 5));
	CHECK_INT(k.done, 0); /* never inside the call */
	k_run(20);
	for (int i = 0; i < 20; i++)
		CHECK(k.parcels[i].result == DELIVERY_OK && k.parcels[i].acked == 5);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 100);
	CHECK(k_in_order());
	CHECK_INT(k_count("7.3"), 1);
	k_teardown();
}

static void a_message_has_key_headers_and_time(void)
{
	k_setup();
	k_open();
	k_submit(k_parcel(0, 0, 1));
	k_run(1);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 1);
	CHECK_STR(str_of(k.seen[0].key), "{\"pk\":{\"S\":\"c0-key0\"}}");
	CHECK_STR(str_of(k.seen[0].value), "0.0");
	CHECK_STR(str_of(k.seen[0].headers),
		  "ddb-event-id=e1;ddb-table=t;ddb-op=modify;ddb-shard=shardId-1;"
		  "ddb-seq=100000000000000000000001;content-type=application/json;");
	CHECK_INT(k.seen[0].time_ms, 1700000000000);
	k_teardown();
}

/* Murmur2 as Java has it, for 12 partitions: the vectors of Kafka's own test. */
static void keys_choose_partitions_as_in_java(void)
{
	static const struct {
		const char *key;
		int partition;
	} cases[] = {
		{"21", 0},
		{"foobar", 6},
		{"abc", 3},
		{"a-little-bit-long-string", 8},
		{"a-little-bit-longer-string", 11},
		{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 5},
	};
	char template[] = "{key.pk}", topic[] = "twelve";

	k_setup();
	must(rd_kafka_mock_topic_create(k.mock, "twelve", 12, 1) == 0);
	k.options.key = KAFKA_KEY_TEMPLATE;
	k.options.key_template = template;
	k.options.topic = topic;
	k_open();
	for (int i = 0; i < (int)ARRAY_N(cases); i++) {
		struct kparcel *parcel = k_parcel(i, 0, 1);

		snprintf(parcel->keys[0], sizeof(parcel->keys[0]), "{\"pk\":{\"S\":\"%s\"}}",
			 cases[i].key);
		parcel->events[0].keys = str_of(parcel->keys[0]);
		k_submit(parcel);
	}
	k_run(ARRAY_N(cases));
	k_read("twelve", 12);
	CHECK_INT(k.n_seen, ARRAY_N(cases));
	for (int i = 0; i < k.n_seen; i++) {
		for (size_t j = 0; j < ARRAY_N(cases); j++) {
			if (strcmp(cases[j].key, k.seen[i].key) == 0)
				CHECK_INT(k.seen[i].partition, cases[j].partition);
		}
	}
	k_teardown();
}

static void keys_can_be_the_partition_key_or_none(void)
{
	k_setup();
	k.options.key = KAFKA_KEY_PARTITION;
	k_open();
	k_submit(k_parcel(0, 0, 1));
	k_run(1);
	k_close();
	k.options.key = KAFKA_KEY_NONE;
	k.options.timestamp = KAFKA_TIMESTAMP_PRODUCER;
	k.options.headers = false;
	k_open();
	k_submit(k_parcel(1, 0, 1));
	k_run(1);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 2);
	for (int i = 0; i < k.n_seen; i++) {
		bool first = strcmp(k.seen[i].value, "0.0") == 0;

		CHECK_STR(str_of(k.seen[i].key), first ? "c0-key0" : "(none)");
		CHECK((k.seen[i].time_ms == 1700000000000) == first);
		CHECK((k.seen[i].headers[0] != '\0') == first);
	}
	k_teardown();
}

static void a_removal_is_followed_by_a_tombstone(void)
{
	struct kparcel *parcel;

	k_setup();
	k.encoder.tombstones = true;
	k_open();
	parcel = k_parcel(0, 0, 3);
	parcel->events[1].op = EVENT_REMOVE;
	parcel->events[2].op = EVENT_GAP; /* has no key, so never a tombstone */
	k_submit(parcel);
	k_run(1);
	CHECK(parcel->result == DELIVERY_OK);
	k.encoder.tombstones = false;
	parcel = k_parcel(1, 0, 1);
	parcel->events[0].op = EVENT_REMOVE;
	k_submit(parcel);
	k_run(1);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 5);
	for (int i = 0; i < k.n_seen; i++) {
		if (!k.seen[i].tombstone)
			continue;
		CHECK(i > 0 && strcmp(k.seen[i - 1].value, "0.1") == 0);
		CHECK_STR(str_of(k.seen[i].key), k.seen[i - 1].key);
		CHECK_INT(k.seen[i].partition, k.seen[i - 1].partition);
	}
	CHECK_INT(k_count(""), 0);
	k_teardown();
}

static void topics_are_made_of_templates(void)
{
	char topic[] = "{table}-{op}";

	k_setup();
	must(rd_kafka_mock_topic_create(k.mock, "t-insert", 1, 1) == 0);
	must(rd_kafka_mock_topic_create(k.mock, "t-modify", 1, 1) == 0);
	k.options.topic = topic;
	k_open();
	k_parcel(0, 0, 2)->events[1].op = EVENT_INSERT;
	k_submit(&k.parcels[0]);
	k_run(1);
	k_read("t-insert", 1);
	CHECK(k.n_seen == 1 && k_count("0.1") == 1);
	k_read("t-modify", 1);
	CHECK(k.n_seen == 1 && k_count("0.0") == 1);
	k_teardown();
}

/* struct encoder: one attribute. */
static void put_attributes(const struct encoder *encoder, const struct source *source,
			   const struct event *event, attribute_fn *put, void *arg)
{
	(void)encoder;
	(void)source;
	(void)event;
	put(arg, STR("specversion"), STR("1.0"));
}

static void attributes_become_headers(void)
{
	k_setup();
	k.encoder.attributes = put_attributes;
	k.options.headers = false;
	k_open();
	k_submit(k_parcel(0, 0, 1));
	k_run(1);
	k_read("t", PARTITIONS);
	CHECK_STR(str_of(k.seen[0].headers), "content-type=application/json;ce_specversion=1.0;");
	k_teardown();
}

static void what_librdkafka_has_no_room_for_waits(void)
{
	struct pair pair = {(char[]){"queue.buffering.max.messages"}, (char[]){"3"}};

	k_setup();
	k.options.librdkafka = (struct pairs){&pair, 1};
	k.encoder.tombstones = true;
	k_open();
	for (int i = 0; i < 30; i++) {
		k_parcel(i, i % 3, 5)->events[2].op = EVENT_REMOVE;
		k_submit(&k.parcels[i]);
	}
	k_run(30);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 180);
	CHECK(k_in_order());
	k_teardown();
}

/* Submits parcel `i` again from its first record that is not acknowledged, until it is whole. */
static void insist(int from, int to)
{
	for (int round = 0; round < 20; round++) {
		int wanted = 0;

		for (int i = from; i < to; i++) {
			struct kparcel *parcel = &k.parcels[i];

			if (parcel->result == DELIVERY_OK)
				continue;
			wanted++;
			k_submit(parcel);
		}
		if (wanted == 0)
			return;
		k_run(wanted);
	}
	CHECK(!"it is never whole");
}

static void passing_errors_and_a_new_leader_are_ridden_out(void)
{
	k_setup();
	k_open();
	k_submit(k_parcel(0, 0, 5));
	k_run(1);
	rd_kafka_mock_push_request_errors(k.mock, API_PRODUCE, 4,
					  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
					  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
					  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	for (int p = 0; p < PARTITIONS; p++)
		rd_kafka_mock_partition_set_leader(k.mock, "t", p, 1 + (p + 1) % BROKERS);
	for (int i = 1; i < 40; i++)
		k_submit(k_parcel(i, i % 4, 5));
	k_run(39);
	for (int i = 0; i < 40; i++)
		CHECK(k.parcels[i].result == DELIVERY_OK);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 200);
	CHECK(k_in_order());
	k_teardown();
}

static void a_record_too_large_for_us_is_refused_alone(void)
{
	k_setup();
	k.options.max_message_bytes = 2000;
	k_open();
	k_submit(k_parcel(0, 0, 3));
	k_submit(k_big(1, 0, 3000));
	k_submit(k_parcel(2, 0, 3));
	k_submit(k_parcel(3, 1, 3));
	k_run(4);
	CHECK(k.parcels[0].result == DELIVERY_OK);
	CHECK(k.parcels[1].result == DELIVERY_REJECT && k.parcels[1].acked == 0);
	CHECK(strstr(k.parcels[1].why.text, "too large for the topic t") != NULL);
	CHECK(k.parcels[2].result == DELIVERY_RETRY && k.parcels[2].acked == 0);
	CHECK(k.parcels[2].order > k.parcels[1].order);
	CHECK(k.parcels[3].result == DELIVERY_OK);
	k_read("t", PARTITIONS);
	CHECK_INT(k_count("2.0") + k_count("2.1") + k_count("2.2"), 0); /* nothing overtook it */
	k_teardown();
}

/*
 * A broker refuses a batch: nothing behind it gets through, and then each record stands for itself, whatever
 * batches the operator wants. All records of the batch are in one request: it is sent when it is full.
 */
static void a_refused_batch_is_sent_one_by_one(void)
{
	struct pair pair = {(char[]){"batch.num.messages"}, (char[]){"15"}};
	char topic[] = "one";

	k_setup();
	must(rd_kafka_mock_topic_create(k.mock, topic, 1, 1) == 0);
	k.options.topic = topic;
	k.options.linger_ms = GUARD_MS / 8;
	k.options.librdkafka = (struct pairs){&pair, 1};
	k_open();
	rd_kafka_mock_push_request_errors(k.mock, API_PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	for (int i = 0; i < 3; i++)
		k_submit(k_parcel(i, 0, 5));
	k_run(3);
	for (int i = 0; i < 3; i++)
		CHECK(k.parcels[i].result == DELIVERY_RETRY && k.parcels[i].acked == 0);
	CHECK(strstr(k.parcels[0].why.text, "one by one") != NULL);
	rd_kafka_mock_push_request_errors(k.mock, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_NO_ERROR,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	k_submit(k_parcel(0, 0, 5));
	k_run(1);
	CHECK(k.parcels[0].result == DELIVERY_REJECT && k.parcels[0].acked == 1);
	CHECK(strstr(k.parcels[0].why.text, "too large") != NULL);
	for (int i = 0; i < 3; i++)
		k_parcel(i, 0, 5)->result = DELIVERY_RETRY;
	insist(0, 3);
	k_read(topic, 1);
	CHECK(k_in_order());
	k_teardown();
}

/* A broker refuses a record while the loop is busy elsewhere: librdkafka must hold the others back. */
static void nothing_gets_past_a_refused_record(void)
{
	struct pair pair = {(char[]){"batch.num.messages"}, (char[]){"1"}};

	k_setup();
	k.options.librdkafka = (struct pairs){&pair, 1};
	k_open();
	k_submit(k_parcel(0, 0, 1)); /* all records have the same key */
	k_run(1);
	rd_kafka_mock_push_request_errors(k.mock, API_PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	for (int i = 5; i <= 100; i += 5)
		k_submit(k_parcel(i, 0, 1));
	usleep(1500 * 1000);
	k_run(20);
	CHECK(k.parcels[5].result == DELIVERY_RETRY && k.parcels[5].order == 2);
	k_read("t", PARTITIONS);
	/* The mock takes requests that were under way already; a broker refuses them for their numbers. */
	CHECK(k.n_seen >= 1 && k.n_seen <= 1 + 5);
	k_teardown();
}

static void an_unknown_topic_is_tried_again(void)
{
	struct pair pair = {(char[]){"topic.metadata.propagation.max.ms"}, (char[]){"500"}};
	char topic[] = "absent";

	k_setup();
	k.options.librdkafka = (struct pairs){&pair, 1};
	rd_kafka_mock_topic_set_error(k.mock, "absent", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	k.options.topic = topic;
	k_open();
	k_submit(k_parcel(0, 0, 2));
	k_submit(k_parcel(1, 0, 2));
	k_run(2);
	CHECK(k.parcels[0].result == DELIVERY_RETRY && k.parcels[0].acked == 0);
	CHECK(strstr(k.parcels[0].why.text, "know no topic absent") != NULL);
	CHECK(strstr(k.parcels[0].why.text, "create_topics") != NULL);
	CHECK(k.parcels[0].delivery.retry_after_ms > 0);
	CHECK(k.parcels[1].result == DELIVERY_RETRY && k.parcels[1].order == 2);
	CHECK(k.parcels[1].delivery.retry_after_ms > 0);
	rd_kafka_mock_topic_set_error(k.mock, "absent", RD_KAFKA_RESP_ERR_NO_ERROR);
	for (int i = 0; i < 20 && k.parcels[0].result != DELIVERY_OK; i++) {
		k_submit(&k.parcels[0]);
		k_run(1);
		k_run_ms(200);
	}
	CHECK(k.parcels[0].result == DELIVERY_OK);
	k_teardown();
}

static void a_forbidden_topic_wants_a_person(void)
{
	k_setup();
	k_open();
	rd_kafka_mock_push_request_errors(k.mock, API_PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	k_submit(k_parcel(0, 0, 1));
	k_run(1);
	CHECK(k.parcels[0].result == DELIVERY_FATAL && k.parcels[0].acked == 0);
	CHECK(strstr(k.parcels[0].why.text, "do not let this user write to the topic t:") != NULL);
	insist(0, 1);
	k_teardown();
}

static void a_fenced_producer_is_made_anew(void)
{
	k_setup();
	k_open();
	k_submit(k_parcel(0, 0, 5));
	k_run(1);
	rd_kafka_mock_push_request_errors(k.mock, API_PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
	for (int i = 1; i < 6; i++)
		k_submit(k_parcel(i, i % 2, 5));
	k_run(5);
	for (int i = 1; i < 6; i++)
		CHECK(k.parcels[i].result == DELIVERY_RETRY || k.parcels[i].result == DELIVERY_OK);
	insist(1, 6);
	k_read("t", PARTITIONS);
	CHECK(k_in_order());
	for (int i = 0; i < 6; i++) {
		char value[16];

		snprintf(value, sizeof(value), "%d.4", i);
		CHECK(k_count(value) >= 1);
	}
	k_teardown();
}

static void all_brokers_down_ends_in_one_sentence(void)
{
	k_setup();
	k.options.timeout_ms = 1500;
	k_open();
	k_submit(k_parcel(0, 0, 5));
	k_run(1);
	for (int b = 1; b <= BROKERS; b++)
		rd_kafka_mock_broker_set_down(k.mock, b);
	for (int i = 1; i < 5; i++)
		k_submit(k_parcel(i, i % 2, 5));
	k_run(4);
	for (int i = 1; i < 5; i++)
		CHECK(k.parcels[i].result == DELIVERY_RETRY && k.parcels[i].acked == 0);
	CHECK(strstr(k.parcels[1].why.text, "no acknowledgement from the brokers") != NULL);
	for (int b = 1; b <= BROKERS; b++)
		rd_kafka_mock_broker_set_up(k.mock, b);
	insist(1, 5);
	k_read("t", PARTITIONS);
	CHECK(k_in_order());
	CHECK_INT(k_count("4.4") >= 1, 1);
	k_teardown();
}

static void slow_brokers_are_waited_for(void)
{
	k_setup();
	k_open();
	for (int b = 1; b <= BROKERS; b++)
		rd_kafka_mock_broker_set_rtt(k.mock, b, 300);
	for (int i = 0; i < 10; i++)
		k_submit(k_parcel(i, i % 2, 5));
	k_run_ms(100);
	CHECK_INT(k.done, 0); /* sent is not acknowledged */
	k_run(10);
	for (int i = 0; i < 10; i++)
		CHECK(k.parcels[i].result == DELIVERY_OK);
	k_teardown();
}

static void closing_forgets_what_is_held(void)
{
	k_setup();
	k_open();
	for (int b = 1; b <= BROKERS; b++)
		rd_kafka_mock_broker_set_rtt(k.mock, b, 1000);
	for (int i = 0; i < 10; i++)
		k_submit(k_parcel(i, i % 2, 5));
	k_run_ms(20);
	k_close();
	k_run_ms(20);
	CHECK_INT(k.done, 0);
	k_open(); /* at once, and with all brokers down */
	for (int b = 1; b <= BROKERS; b++)
		rd_kafka_mock_broker_set_down(k.mock, b);
	k_submit(k_parcel(11, 0, 5));
	k_close();
	CHECK_INT(k.done, 0);
	k_teardown();
}

static void reopening_makes_a_producer_anew(void)
{
	k_setup();
	k_open();
	k_submit(k_parcel(0, 0, 5));
	k_run(1);
	sink_kafka.reopen(k.sink);
	k_submit(k_parcel(1, 0, 5));
	k_run(1);
	CHECK(k.parcels[1].result == DELIVERY_RETRY);
	insist(1, 2);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 10);
	k_teardown();
}

static void a_claim_check_takes_the_place_of_a_large_record(void)
{
	char path[200], content[4000];
	FILE *file;

	k_setup();
	k.options.max_message_bytes = 2000;
	k.options.oversize = KAFKA_OVERSIZE_CLAIM_CHECK;
	k.options.claim_check_path = k.dir;
	k_open();
	k_submit(k_parcel(0, 0, 2));
	k_submit(k_big(1, 0, 3000));
	k_submit(k_parcel(2, 0, 2));
	k_run(3);
	for (int i = 0; i < 3; i++)
		CHECK(k.parcels[i].result == DELIVERY_OK);
	k_read("t", PARTITIONS);
	CHECK_INT(k.n_seen, 5);
	for (int i = 0; i < k.n_seen; i++) {
		if (strncmp(k.seen[i].value, "{\"claimCheck\":{\"path\":\"", 23) != 0)
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)(str_of(k.dir).n + 65),
			 k.seen[i].value + 23);
		CHECK(strstr(k.seen[i].headers, "ddb-claim-check=1;") != NULL);
	}
	/* The value in the fixture is cut: the name is the SHA-256 of the record. */
	snprintf(path, sizeof(path),
		 "cd %s && set -- * && [ $# = 1 ] && [ \"$(sha256sum <$1)\" = \"$1  -\" ]", k.dir);
	CHECK_INT(system(path), 0);
	snprintf(path, sizeof(path), "cat %s/*", k.dir);
	file = popen(path, "r");
	CHECK_INT(fread(content, 1, sizeof(content), file), 3000);
	pclose(file);
	CHECK(strncmp(content, k.parcels[1].text, 3000) == 0);
	k_teardown();
}

static void a_claim_check_that_cannot_be_written_is_tried_again(void)
{
	struct error err = {0};
	char path[100];

	k_setup();
	k.options.max_message_bytes = 2000;
	k.options.oversize = KAFKA_OVERSIZE_CLAIM_CHECK;
	snprintf(path, sizeof(path), "%s/none", k.dir);
	k.options.claim_check_path = path;
	CHECK(sink_kafka.open(&k.env, &k.options, &err) == NULL);
	CHECK(strstr(err.text, "claim_check_path: cannot write into") != NULL);
	must(mkdir(path, 0700) == 0);
	k_open();
	must(rmdir(path) == 0);
	k_submit(k_big(0, 0, 3000));
	k_submit(k_parcel(1, 0, 2));
	k_run(2);
	CHECK(k.parcels[0].result == DELIVERY_RETRY && k.parcels[1].result == DELIVERY_RETRY);
	CHECK(strstr(k.parcels[0].why.text, path) != NULL);
	k_submit(k_big(0, 0, 3000)); /* closed while it is being written */
	k_close();
	k_teardown();
}

/* struct encoder: a heartbeat. */
static void put_heartbeat(const struct encoder *encoder, struct str name, int64_t wall_ms,
			  struct buf *key, struct buf *value)
{
	(void)encoder;
	(void)wall_ms;
	buf_str(key, name);
	buf_str(value, STR("beat"));
}

static void heartbeats_go_to_their_topic(void)
{
	k_setup();
	must(rd_kafka_mock_topic_create(k.mock, "__debezium-heartbeat.app", 1, 1) == 0);
	k.encoder.heartbeat = put_heartbeat;
	k.options.heartbeat_ms = 100;
	k_open();
	k_submit(k_parcel(0, 0, 1));
	k_run(1);
	k_run_ms(1500);
	k_read("__debezium-heartbeat.app", 1);
	CHECK(k.n_seen >= 1 && strcmp(k.seen[0].value, "beat") == 0);
	CHECK_STR(str_of(k.seen[0].key), "app");
	k_teardown();
}

#define RUN(test)                                     \
	if (only == NULL || strcmp(only, #test) == 0) \
	CHECK_RUN(test)

/* Runs all tests, or the one that is named. */
int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;

	RUN(records_are_acknowledged_and_readable);
	RUN(a_message_has_key_headers_and_time);
	RUN(keys_choose_partitions_as_in_java);
	RUN(keys_can_be_the_partition_key_or_none);
	RUN(a_removal_is_followed_by_a_tombstone);
	RUN(topics_are_made_of_templates);
	RUN(attributes_become_headers);
	RUN(what_librdkafka_has_no_room_for_waits);
	RUN(passing_errors_and_a_new_leader_are_ridden_out);
	RUN(a_record_too_large_for_us_is_refused_alone);
	RUN(a_refused_batch_is_sent_one_by_one);
	RUN(nothing_gets_past_a_refused_record);
	RUN(an_unknown_topic_is_tried_again);
	RUN(a_forbidden_topic_wants_a_person);
	RUN(a_fenced_producer_is_made_anew);
	RUN(all_brokers_down_ends_in_one_sentence);
	RUN(slow_brokers_are_waited_for);
	RUN(closing_forgets_what_is_held);
	RUN(reopening_makes_a_producer_anew);
	RUN(a_claim_check_takes_the_place_of_a_large_record);
	RUN(a_claim_check_that_cannot_be_written_is_tried_again);
	RUN(heartbeats_go_to_their_topic);
	return check_end();
}
