/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_topics.h"

enum { CREATE_TIMEOUT_MS = 15 * 1000, CREATE_AGAIN_MS = 5 * 1000 };

bool kafka_topic_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return name.n > 0 && name.n <= KAFKA_TOPIC_NAME_MAX && !str_eq(name, STR(".")) &&
	       !str_eq(name, STR(".."));
}

void kafka_topics_init(struct kafka_topics *topics, rd_kafka_t *rk, rd_kafka_queue_t *queue,
		       const struct kafka_options *options)
{
	*topics = (struct kafka_topics){.rk = rk, .queue = queue, .options = options};
	map_init(&topics->by_name);
}

void kafka_topics_release(struct kafka_topics *topics)
{
	struct kafka_topic *topic;
	size_t at = 0;

	while ((topic = map_next(&topics->by_name, &at)) != NULL) {
		map_remove(&topics->by_name, str_of(topic->name));
		rd_kafka_topic_destroy(topic->rkt);
		mem_free(topic);
	}
	map_release(&topics->by_name);
}

/* Asks for the topic to be created; the answer comes as an event. */
static void create(struct kafka_topics *topics, struct kafka_topic *topic)
{
	const struct kafka_options *options = topics->options;
	rd_kafka_AdminOptions_t *how =
		rd_kafka_AdminOptions_new(topics->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	char why[200];
	rd_kafka_NewTopic_t *wanted =
		rd_kafka_NewTopic_new(topic->name, (int)options->topic_partitions,
				      (int)options->topic_replication, why, sizeof(why));

	must(wanted != NULL && how != NULL);
	rd_kafka_NewTopic_set_config(wanted, "cleanup.policy",
				     kafka_cleanup_words[options->topic_cleanup]);
	rd_kafka_AdminOptions_set_request_timeout(how, CREATE_TIMEOUT_MS, why, sizeof(why));
	rd_kafka_AdminOptions_set_operation_timeout(how, CREATE_TIMEOUT_MS, why, sizeof(why));
	rd_kafka_AdminOptions_set_opaque(how, topic);
	topic->state = KAFKA_TOPIC_CREATING;
	rd_kafka_CreateTopics(topics->rk, &wanted, 1, how, topics->queue);
	rd_kafka_NewTopic_destroy(wanted);
	rd_kafka_AdminOptions_destroy(how);
}

struct kafka_topic *kafka_topics_get(struct kafka_topics *topics, struct str name, int64_t now_ms,
				     struct error *err)
{
	struct kafka_topic *topic = map_get(&topics->by_name, name);

	if (topic != NULL) {
		if (topic->state == KAFKA_TOPIC_FAILED &&
		    now_ms - topic->failed_ms >= CREATE_AGAIN_MS)
			create(topics, topic);
		return topic;
	}
	if (!kafka_topic_valid(name)) {
		error_set(err, ERROR_CONFIG, "\"%.*s\" cannot be the name of a topic",
			  STR_ARG(name));
		return NULL;
	}
	if (map_n(&topics->by_name) >= KAFKA_TOPICS_MAX) {
		error_set(err, ERROR_CONFIG,
			  "the template of option topic makes more than %d topics",
			  KAFKA_TOPICS_MAX);
		return NULL;
	}
	topic = mem_alloc(sizeof(*topic) + name.n + 1);
	mem_copy(topic->name, name.p, name.n);
	topic->rkt = rd_kafka_topic_new(topics->rk, topic->name, NULL);
	if (topic->rkt == NULL) {
		error_set(err, ERROR_CONFIG, "librdkafka does not take the topic %s: %s",
			  topic->name, rd_kafka_err2str(rd_kafka_last_error()));
		mem_free(topic);
		return NULL;
	}
	map_put(&topics->by_name, str_of(topic->name), topic);
	if (topics->options->create_topics)
		create(topics, topic);
	return topic;
}

void kafka_topics_ask(struct kafka_topics *topics, struct kafka_topic *topic)
{
	const struct rd_kafka_metadata *metadata;

	/* Without time to wait the question goes out, and librdkafka itself takes the answer. */
	if (rd_kafka_metadata(topics->rk, 0, topic->rkt, &metadata, 0) ==
	    RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(metadata);
}

/* Notes why a topic could not be created, as one sentence. */
static void note_failure(struct kafka_topic *topic, rd_kafka_resp_err_t code, const char *words)
{
	bool barred = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		      code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;

	topic->state = KAFKA_TOPIC_FAILED;
	error_set(
		&topic->why, barred ? ERROR_AUTH : ERROR_RETRY,
		"the topic %s could not be created: %s%s", topic->name,
		words == NULL ? rd_kafka_err2str(code) : words,
		barred ? "; allow it to this user, or create the topic and set create_topics: false"
		       : "");
}

void kafka_topics_created(rd_kafka_event_t *event, int64_t now_ms)
{
	const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
	struct kafka_topic *topic = rd_kafka_event_opaque(event);
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const char *words = rd_kafka_event_error_string(event);
	const rd_kafka_topic_result_t **answers;
	size_t n = 0;

	answers = rd_kafka_CreateTopics_result_topics(result, &n);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && n > 0) {
		code = rd_kafka_topic_result_error(answers[0]);
		words = rd_kafka_topic_result_error_string(answers[0]);
	}
	topic->state = KAFKA_TOPIC_READY;
	topic->failed_ms = now_ms;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		note_failure(topic, code, words);
}
