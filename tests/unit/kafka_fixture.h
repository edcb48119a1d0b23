/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka sink against librdkafka's own mock cluster: a loop, the sink, deliveries, and a consumer that
 * reads back what the brokers have.
 */
#ifndef UNIT_KAFKA_FIXTURE_H
#define UNIT_KAFKA_FIXTURE_H

#include <librdkafka/rdkafka.h>
/* Only after the other. */
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "config/option.h"
#include "consumer/host/loop.h"
#include "sinks/kafka.h"
#include "sinks/kafka/kafka_options.h"
#include "tests/check.h"

enum {
	GUARD_MS = 40 * 1000,
	PARCELS = 400,
	PARCEL_RECORDS = 8,
	SEEN_MAX = 4000,
	BROKERS = 3,
	PARTITIONS = 4,
	API_PRODUCE = 0,
	API_METADATA = 3,
	API_INIT_PRODUCER = 22,
};

/* One delivery, and how it ended. */
struct kparcel {
	struct delivery delivery;
	struct event events[PARCEL_RECORDS];
	char keys[PARCEL_RECORDS][80];
	char *text;
	uint32_t ends[PARCEL_RECORDS];
	int done, order;
	enum delivery_result result;
	size_t acked;
	struct error why;
};

/* One message as a consumer has it. */
struct seen {
	char topic[64], key[96], value[96];
	char headers[512]; /* name=value;... */
	int partition;
	bool tombstone;
	int64_t time_ms;
	size_t value_n;
};

static struct {
	rd_kafka_t *mock_rk;
	rd_kafka_mock_cluster_t *mock;
	struct keys *keys;
	struct loop *loop;
	struct io *io;
	struct io_timer guard, pause;
	struct arena arena;
	struct kafka_options options;
	char *broker;
	struct sink_env env;
	struct sink *sink;
	struct encoder encoder;
	struct source source;
	bool hung;
	int wanted, done, n_parcels;
	struct kparcel *parcels;
	struct seen *seen;
	int n_seen;
	char dir[64];
} k;

static const char kcursors[64];
static const struct framing kframing = {"", "", "", "", "application/json", "", false};
static const struct key_names kkey_names = {STR_INIT("pk"), {"", 0}};

static inline void k_on_guard(struct io_timer *timer)
{
	(void)timer;
	k.hung = true;
	loop_stop(k.loop);
}

static inline void k_on_done(struct delivery *delivery, enum delivery_result result, size_t acked,
			     const struct error *why)
{
	struct kparcel *parcel = CONTAINER_OF(delivery, struct kparcel, delivery);

	parcel->done++;
	parcel->order = ++k.done;
	parcel->result = result;
	parcel->acked = acked;
	if (why != NULL)
		parcel->why = *why;
	if (k.done >= k.wanted)
		loop_stop(k.loop);
}

/* The default options, with the mock cluster's first broker. */
static inline void k_options(void)
{
	struct option_target target = {kafka_option_specs, KAFKA_OPTIONS_N, &k.options};
	struct str rest;

	option_defaults(&target, &k.arena);
	rest = str_of(rd_kafka_mock_cluster_bootstraps(k.mock));
	rest = str_cut(&rest, ',');
	k.broker = mem_dup(rest.p, rest.n);
	k.options.brokers = (struct texts){&k.broker, 1};
	k.options.linger_ms = 1;
}

/* A cluster with the topic "t", a loop, default options, no sink. */
static inline void k_setup(void)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = "http://127.0.0.1:1",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
		.log_level = getenv("KAFKA_LOG") != NULL ? IO_DEBUG : IO_ERROR,
	};
	rd_kafka_conf_t *conf;
	struct error err;
	char why[200];

	memset(&k, 0, sizeof(k));
	k.parcels = mem_alloc_n(PARCELS, sizeof(*k.parcels));
	k.seen = mem_alloc_n(SEEN_MAX, sizeof(*k.seen));
	snprintf(k.dir, sizeof(k.dir), "/tmp/ddbtap-kafka-%d", (int)getpid());
	must(mkdir(k.dir, 0700) == 0);
	conf = rd_kafka_conf_new();
	/* It connects to nobody; without the setting librdkafka says so. */
	must(rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", why, sizeof(why)) ==
	     RD_KAFKA_CONF_OK);
	must(rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why)) == RD_KAFKA_CONF_OK);
	k.mock_rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	must(k.mock_rk != NULL);
	k.mock = rd_kafka_mock_cluster_new(k.mock_rk, BROKERS);
	must(rd_kafka_mock_topic_create(k.mock, "t", PARTITIONS, BROKERS) == 0);
	arena_init(&k.arena);
	k.keys = keys_new(&keys_options);
	options.keys = k.keys;
	k.loop = loop_new(&options, &err);
	must(k.loop != NULL);
	k.io = loop_io(k.loop);
	k.guard.fire = k_on_guard;
	k.env = (struct sink_env){.io = k.io,
				  .name = STR("bus"),
				  .application = STR("app"),
				  .region = STR("eu-west-1")};
	k.encoder.framing = &kframing;
	k.source = (struct source){.key_names = &kkey_names,
				   .table = STR("t"),
				   .region = STR("eu-west-1"),
				   .shard_id = STR("shardId-1")};
	k_options();
}

/* The same with an open sink. */
static inline void k_open(void)
{
	struct error err = {0};

	k.sink = sink_kafka.open(&k.env, &k.options, &err);
	if (k.sink == NULL)
		fprintf(stderr, "cannot open: %s\n", err.text);
	must(k.sink != NULL);
}

static inline void k_close(void)
{
	if (k.sink != NULL)
		k.sink->type->close(k.sink);
	k.sink = NULL;
}

static inline void k_teardown(void)
{
	char command[100];

	CHECK(!k.hung);
	k_close();
	loop_free(k.loop);
	keys_free(k.keys);
	rd_kafka_mock_cluster_destroy(k.mock);
	rd_kafka_destroy(k.mock_rk);
	arena_release(&k.arena);
	for (int i = 0; i < PARCELS; i++)
		mem_free(k.parcels[i].text);
	mem_free(k.parcels);
	mem_free(k.seen);
	mem_free(k.broker);
	snprintf(command, sizeof(command), "rm -rf %s", k.dir);
	must(system(command) == 0);
}

/* Makes parcel `i`: `n` records with the values "i.0".. and the key attribute pk = "key" + (i * n + r) % 5. */
static inline struct kparcel *k_parcel(int i, int cursor, int n)
{
	struct kparcel *parcel = &k.parcels[i];
	struct buf text;

	buf_init(&text, 1 << 26);
	for (int r = 0; r < n; r++) {
		struct event *event = &parcel->events[r];

		snprintf(parcel->keys[r], sizeof(parcel->keys[r]), "{\"pk\":{\"S\":\"c%d-key%d\"}}",
			 cursor, (i * n + r) % 5);
		*event = (struct event){.op = EVENT_MODIFY,
					.id = STR("e\\u0031"),
					.seqno = STR("100000000000000000000001"),
					.time_ms = 1700000000000 + i,
					.keys = str_of(parcel->keys[r])};
		buf_fmt(&text, "%d.%d\n", i, r);
		parcel->ends[r] = 100 + (uint32_t)text.n;
	}
	mem_free(parcel->text);
	parcel->delivery = (struct delivery){
		.ends = parcel->ends,
		.base = 100,
		.n = (size_t)n,
		.events = parcel->events,
		.encoder = &k.encoder,
		.source = &k.source,
		.cursor = &kcursors[cursor],
		.done = k_on_done,
	};
	parcel->delivery.bytes.n = text.n;
	parcel->text = buf_detach(&text);
	parcel->delivery.bytes.p = parcel->text;
	return parcel;
}

/* Gives parcel `i` one record of `n` bytes. */
static inline struct kparcel *k_big(int i, int cursor, size_t n)
{
	struct kparcel *parcel = k_parcel(i, cursor, 1);
	char head[32];

	mem_free(parcel->text);
	parcel->text = mem_alloc(n + 1);
	memset(parcel->text, 'x', n);
	snprintf(head, sizeof(head), "%d.0", i);
	mem_copy(parcel->text, head, str_of(head).n);
	parcel->text[n] = '\n';
	parcel->delivery.bytes = str_make(parcel->text, n + 1);
	parcel->ends[0] = 100 + (uint32_t)n + 1;
	return parcel;
}

static inline void k_submit(struct kparcel *parcel)
{
	k.sink->type->submit(k.sink, &parcel->delivery);
}

/* Runs the loop until `n` more deliveries are done. */
static inline void k_run(int n)
{
	k.wanted = k.done + n;
	io_timer_set(k.io, &k.guard, io_now_ms(k.io) + GUARD_MS);
	loop_run(k.loop);
	io_timer_cancel(k.io, &k.guard);
}

static inline void k_on_pause(struct io_timer *timer)
{
	(void)timer;
	loop_stop(k.loop);
}

/* Runs the loop for a while. */
static inline void k_run_ms(int ms)
{
	k.pause = (struct io_timer){.fire = k_on_pause};
	k.wanted = 1 << 30;
	io_timer_set(k.io, &k.pause, io_now_ms(k.io) + ms);
	loop_run(k.loop);
}

/* Keeps what a consumer has read. */
static inline void k_keep(const rd_kafka_message_t *message)
{
	struct seen *seen = &k.seen[k.n_seen];
	rd_kafka_headers_t *headers;
	rd_kafka_timestamp_type_t type;
	struct buf text;
	const char *name;
	const void *value;
	size_t n;

	must(k.n_seen < SEEN_MAX);
	k.n_seen++;
	*seen = (struct seen){.partition = message->partition,
			      .tombstone = message->payload == NULL,
			      .value_n = message->len};
	snprintf(seen->topic, sizeof(seen->topic), "%s", rd_kafka_topic_name(message->rkt));
	snprintf(seen->key, sizeof(seen->key), "%.*s", (int)message->key_len,
		 message->key == NULL ? "(none)" : (const char *)message->key);
	if (message->key == NULL)
		snprintf(seen->key, sizeof(seen->key), "(none)");
	snprintf(seen->value, sizeof(seen->value), "%.*s",
		 (int)(message->len < 90 ? message->len : 90),
		 message->payload == NULL ? "" : (const char *)message->payload);
	seen->time_ms = rd_kafka_message_timestamp(message, &type);
	buf_init(&text, sizeof(seen->headers) - 1);
	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &n) == 0; i++)
			buf_fmt(&text, "%s=%.*s;", name, (int)n, (const char *)value);
	}
	mem_copy(seen->headers, text.p, text.n);
	buf_release(&text);
}

/* Reads all that the brokers have of a topic into k.seen, partition by partition. */
static inline void k_read(const char *topic, int partitions)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	char why[200];
	rd_kafka_t *rk;
	int ended = 0;

	must(rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(k.mock),
			       why, sizeof(why)) == RD_KAFKA_CONF_OK);
	must(rd_kafka_conf_set(conf, "group.id", "g", why, sizeof(why)) == RD_KAFKA_CONF_OK);
	must(rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why)) ==
	     RD_KAFKA_CONF_OK);
	must(rd_kafka_conf_set(conf, "fetch.wait.max.ms", "20", why, sizeof(why)) ==
	     RD_KAFKA_CONF_OK);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	must(rk != NULL);
	for (int p = 0; p < partitions; p++)
		rd_kafka_topic_partition_list_add(list, topic, p)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	k.n_seen = 0;
	while (ended < partitions) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 10000);

		if (message == NULL)
			break;
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			ended++;
		else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			k_keep(message);
		rd_kafka_message_destroy(message);
	}
	CHECK_INT(ended, partitions);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

/* Whether, per key, the values seen first come in the order in which they were made. */
static inline bool k_in_order(void)
{
	for (int i = 0; i < k.n_seen; i++) {
		int parcel = -1, record = -1, best_parcel = -1, best_record = -1;

		if (k.seen[i].tombstone)
			continue;
		sscanf(k.seen[i].value, "%d.%d", &parcel, &record); /* NOLINT(cert-err34-c) */
		for (int j = 0; j < i; j++) {
			int p = -1, r = -1;

			if (strcmp(k.seen[j].key, k.seen[i].key) != 0 ||
			    k.seen[j].partition != k.seen[i].partition)
				continue;
			sscanf(k.seen[j].value, "%d.%d", &p, &r); /* NOLINT(cert-err34-c) */
			if (p > best_parcel || (p == best_parcel && r > best_record)) {
				best_parcel = p;
				best_record = r;
			}
			if (p == parcel && r == record)
				break;
		}
		if (best_parcel > parcel || (best_parcel == parcel && best_record > record)) {
			/* Fine only as a repetition. */
			bool before = false;

			for (int j = 0; j < i; j++)
				before = before || strcmp(k.seen[j].value, k.seen[i].value) == 0;
			if (!before) {
				fprintf(stderr, "%s came after %d.%d\n", k.seen[i].value,
					best_parcel, best_record);
				return false;
			}
		}
	}
	return true;
}

/* How often a value was seen. */
static inline int k_count(const char *value)
{
	int n = 0;

	for (int i = 0; i < k.n_seen; i++)
		n += !k.seen[i].tombstone && strcmp(k.seen[i].value, value) == 0;
	return n;
}

#endif
