/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that anybody does who brings records to a place with the same library and the same
 * guarantee: the lines of a file, read whole beforehand, handed on in groups as ddbtap's sinks do.
 *
 *	sink_bench file LINES OUT            write, and fdatasync after each group
 *	sink_bench web LINES URL             libcurl: one POST of a JSON array per group, on one connection
 *	sink_bench kafka LINES BROKERS TOPIC librdkafka: one message per line, all acknowledged
 *	sink_bench drain BROKERS TOPIC       prints what is in a topic, by partition and offset
 *	sink_bench broker                    a broker in memory; prints its address; ends with its input
 *
 * The first three print the CPU time in microseconds of this thread and of all threads, counted from
 * when the lines are in memory.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum {
	LINES_MAX = 1 << 30,
	GROUP_BYTES = 1 << 20,
	GROUP_RECORDS = 100,
	WAIT_MS = 30000,
	QUIET_MS = 2000,
};

/* The lines still to be sent. */
struct lines {
	struct buf text;
	struct str rest;
	size_t n; /* handed out so far */
};

/* CPU time in microseconds: RUSAGE_THREAD or RUSAGE_SELF. */
static int64_t cpu_us(int who)
{
	struct rusage usage;

	must(getrusage(who, &usage) == 0);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* Reads the whole file. */
static void read_lines(struct lines *lines, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	must(fd >= 0);
	*lines = (struct lines){.n = 0};
	buf_init(&lines->text, LINES_MAX);
	while (n > 0) {
		char *to = buf_reserve(&lines->text, 1 << 20);

		must(to != NULL);
		n = read(fd, to, 1 << 20);
		must(n >= 0);
		lines->text.n += (size_t)n;
	}
	close(fd);
	lines->rest = buf_view(&lines->text);
}

/* Takes the next group of lines, at most `max` of them; false at the end. */
static bool next_group(struct lines *lines, size_t max, struct str *group_out)
{
	struct str rest = lines->rest;
	size_t taken = 0;

	for (size_t i = 0; i < max && taken < rest.n; i++) {
		size_t line = str_find(str_skip(rest, taken), '\n') + 1;

		if (taken > 0 && taken + line > GROUP_BYTES)
			break;
		taken += line;
		lines->n++;
	}
	*group_out = str_head(rest, taken);
	lines->rest = str_skip(rest, taken);
	return taken > 0;
}

/* Appends and syncs, group by group. */
static void to_file(struct lines *lines, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	struct str group;

	must(fd >= 0);
	while (next_group(lines, 1000, &group)) {
		must(write(fd, group.p, group.n) == (ssize_t)group.n);
		must(fdatasync(fd) == 0);
	}
	close(fd);
}

/* struct curl's write callback: the answer is of no interest. */
static size_t ignore(const char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

/* Posts JSON arrays. */
static void to_web(struct lines *lines, const char *url)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURL *curl = curl_easy_init();
	struct buf body;
	struct str group;
	long status;

	must(curl != NULL);
	headers = curl_slist_append(headers, "Expect:");
	buf_init(&body, 4 * GROUP_BYTES);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	while (next_group(lines, GROUP_RECORDS, &group)) {
		buf_clear(&body);
		buf_c(&body, '[');
		buf_str(&body, group);
		for (size_t i = 1; i < body.n; i++)
			body.p[i] = body.p[i] == '\n' ? ',' : body.p[i];
		body.p[body.n - 1] = ']';
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.n);
		must(curl_easy_perform(curl) == CURLE_OK);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		must(status / 100 == 2);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	buf_release(&body);
}

/* Sets one of librdkafka's options. */
static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[512];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
		fprintf(stderr, "%s\n", why);
		must(false);
	}
}

/* librdkafka's report on one message. */
static void reported(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
	size_t *acknowledged = arg;

	(void)rk;
	must(message->err == RD_KAFKA_RESP_ERR_NO_ERROR);
	++*acknowledged;
}

/* Produces one message per line, and waits until all are acknowledged. */
static void to_kafka(struct lines *lines, const char *brokers, const char *topic)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	size_t acknowledged = 0;
	struct str line;
	char why[512];
	rd_kafka_t *rk;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "enable.idempotence", "true");
	set(conf, "partitioner", "murmur2_random");
	set(conf, "socket.nagle.disable", "true");
	rd_kafka_conf_set_dr_msg_cb(conf, reported);
	rd_kafka_conf_set_opaque(conf, &acknowledged);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	must(rk != NULL);
	while (next_group(lines, 1, &line)) {
		struct str id = str_head(str_skip(line, 7), 32); /* {"id":"... */
		rd_kafka_resp_err_t err;

		while ((err = rd_kafka_producev(
				rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(id.p, id.n),
				RD_KAFKA_V_VALUE((void *)(uintptr_t)line.p, line.n - 1),
				RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(rk, 100);
		must(err == RD_KAFKA_RESP_ERR_NO_ERROR);
		rd_kafka_poll(rk, 0);
	}
	must(rd_kafka_flush(rk, WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR);
	must(acknowledged == lines->n);
	rd_kafka_destroy(rk);
}

/* Prints the values of all messages of a topic. */
static void drain(const char *brokers, const char *topic)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_message_t *message;
	char why[512];
	rd_kafka_t *rk;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "group.id", "drain");
	set(conf, "auto.offset.reset", "earliest");
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	must(rk != NULL);
	rd_kafka_poll_set_consumer(rk);
	for (int32_t i = 0; i < 4; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	must(rd_kafka_assign(rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR);
	while ((message = rd_kafka_consumer_poll(rk, QUIET_MS)) != NULL) {
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			printf("%.*s\n", (int)message->len, (const char *)message->payload);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

/* Runs a broker in memory until standard input ends. */
static void broker(void)
{
	char why[512], c;
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
	rd_kafka_mock_cluster_t *cluster;

	must(rk != NULL);
	cluster = rd_kafka_mock_cluster_new(rk, 1);
	must(cluster != NULL);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
}

int main(int argc, char **argv)
{
	struct str what = str_of(argc > 1 ? argv[1] : "");
	int64_t thread_us, all_us;
	struct lines lines;

	if (argc == 2 && str_eq(what, STR("broker"))) {
		broker();
		return 0;
	}
	if (argc == 4 && str_eq(what, STR("drain"))) {
		drain(argv[2], argv[3]);
		return 0;
	}
	if (argc < 4) {
		fprintf(stderr, "usage: sink_bench file|web|kafka|drain|broker ...\n");
		return 64;
	}
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	read_lines(&lines, argv[2]);
	thread_us = cpu_us(RUSAGE_THREAD);
	all_us = cpu_us(RUSAGE_SELF);
	if (str_eq(what, STR("file")))
		to_file(&lines, argv[3]);
	else if (str_eq(what, STR("web")))
		to_web(&lines, argv[3]);
	else if (argc == 5)
		to_kafka(&lines, argv[3], argv[4]);
	printf("%zu %" PRId64 " %" PRId64 "\n", lines.n, cpu_us(RUSAGE_THREAD) - thread_us,
	       cpu_us(RUSAGE_SELF) - all_us);
	buf_release(&lines.text);
	curl_global_cleanup();
	return 0;
}
