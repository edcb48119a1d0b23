/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_conf.h"
#include "sinks/kafka/kafka_error.h"
#include "sinks/kafka/kafka_login.h"
#include "sinks/kafka/kafka_sink.h"

enum {
	ALONE_MS = 5 * 60 * 1000,
	UNKNOWN_TOPIC_RETRY_MS = 2000,
	WORDS_MAX = 400,
	CERTIFICATE_WORDS_MAX = 160,
	SYSLOG_WARNING = 4,
};

/* The bytes of a record's value, as they were handed over. */
static size_t value_bytes(const struct parcel *parcel, size_t i)
{
	return delivery_record(parcel->delivery, i).n - 1;
}

/* Whether a failed record was not in a batch with others, and so is to blame itself. */
static bool was_alone(const struct kafka *kafka, const struct parcel *parcel, size_t i)
{
	return kafka->alone || parcel->slots[i].sent == 0 ||
	       value_bytes(parcel, i) >= (size_t)kafka->options->batch_bytes;
}

void kafka_event_judge(void *arg, const struct parcel *parcel, size_t i,
		       enum delivery_result *result, struct error *why)
{
	struct kafka *kafka = arg;
	const struct slot *slot = &parcel->slots[i];
	rd_kafka_resp_err_t code = slot->err;
	enum kafka_blame blame;
	char topic[KAFKA_TOPIC_NAME_MAX + 1];

	if (slot->err == SLOT_LOCAL) {
		*result = parcel->lane->result;
		*why = parcel->lane->why;
		return;
	}
	blame = kafka_error_blame(code);
	if (blame == KAFKA_BLAME_NOBODY) {
		must(kafka->stop.on);
		*result = kafka->stop.result;
		*why = kafka->stop.why;
		return;
	}
	snprintf(topic, sizeof(topic), "%.*s",
		 STR_ARG(kafka_form_topic(&kafka->form, parcel->delivery, i)));
	kafka_error_record(code, topic, kafka->options, why);
	*result = DELIVERY_RETRY;
	if (blame == KAFKA_BLAME_PERSON)
		*result = DELIVERY_FATAL;
	else if (blame == KAFKA_BLAME_TOPIC)
		parcel->delivery->retry_after_ms = UNKNOWN_TOPIC_RETRY_MS;
	else if (blame == KAFKA_BLAME_BATCH && was_alone(kafka, parcel, i))
		*result = DELIVERY_REJECT;
	else if (blame == KAFKA_BLAME_BATCH)
		error_set(why, ERROR_RETRY,
			  "the brokers refused a batch of records for the topic %s (%s); they are "
			  "sent one by one for a while, to learn which is to blame",
			  topic, rd_kafka_err2str(code));
}

/* A record failed: what that means for the producer. */
static void take_failure(struct kafka *kafka, const struct slot *slot, rd_kafka_resp_err_t code)
{
	struct error why;

	switch (kafka_error_blame(code)) {
	case KAFKA_BLAME_NOBODY:
	case KAFKA_BLAME_TOPIC: /* none behind it got through: its topic has no partitions */
	case KAFKA_BLAME_PERSON:
		return;
	case KAFKA_BLAME_BATCH:
		if (!was_alone(kafka, slot->parcel, kafka_slot_index(slot)))
			kafka->alone_until_ms = io_now_ms(kafka->env->io) + ALONE_MS;
		break;
	case KAFKA_BLAME_WORLD:
		break;
	}
	error_set(&why, ERROR_RETRY,
		  "another record was refused (%s), so the producer is made anew",
		  rd_kafka_err2str(code));
	kafka_stop(kafka, DELIVERY_RETRY, &why);
}

/* Takes a delivery report's messages. */
static void take_reports(struct kafka *kafka, rd_kafka_event_t *event)
{
	int64_t now_ms = io_now_ms(kafka->env->io);
	const rd_kafka_message_t *message;

	while ((message = rd_kafka_event_message_next(event)) != NULL) {
		struct slot *slot = message->_private;

		if (slot == NULL) { /* a heartbeat: the next one follows */
			if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
				io_log(kafka->env->io, IO_WARN,
				       "kafka.heartbeat_failed sink=%.*s error=\"%s\"",
				       STR_ARG(kafka->env->name), rd_kafka_err2str(message->err));
			continue;
		}
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			kafka->barred = false;
			kafka->trouble.code = ERROR_NONE;
		} else {
			take_failure(kafka, slot, message->err);
		}
		kafka_slot_reported(&kafka->lanes, slot, message->err, now_ms);
	}
}

/* The producer met an error after which it does nothing any more: it is made anew. */
static void take_fatal(struct kafka *kafka)
{
	char words[WORDS_MAX] = "";
	rd_kafka_t *rk = kafka_producer_handle(kafka->producer);
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk, words, sizeof(words));
	struct error why;
	struct buf clean;

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	buf_init(&clean, WORDS_MAX);
	kafka_error_words(words, &clean);
	io_log(kafka->env->io, IO_WARN, "kafka.fatal sink=%.*s code=%s error=\"%.*s\"",
	       STR_ARG(kafka->env->name), rd_kafka_err2name(code), STR_ARG(buf_view(&clean)));
	error_set(&why, ERROR_RETRY, "the producer met a fatal error and is made anew: %.*s",
		  STR_ARG(buf_view(&clean)));
	buf_release(&clean);
	kafka_stop(kafka, DELIVERY_RETRY, &why);
}

/* Takes an error that is not about a record. */
static void take_error(struct kafka *kafka, rd_kafka_event_t *event)
{
	const char *words = rd_kafka_event_error_string(event);
	rd_kafka_resp_err_t code = kafka_error_kind(rd_kafka_event_error(event), words);
	struct error why;

	if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event)) {
		take_fatal(kafka);
		return;
	}
	if (code == RD_KAFKA_RESP_ERR__SSL && kafka->certificate[0] != '\0')
		words = kafka->certificate;
	kafka_error_connection(code, words, rd_kafka_version(), kafka->options, &why);
	kafka->certificate[0] = '\0';
	io_log(kafka->env->io, IO_WARN, "kafka.trouble sink=%.*s code=%s error=\"%s\"",
	       STR_ARG(kafka->env->name), rd_kafka_err2name(code), why.text);
	/* This one says less than those before it. */
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && kafka->trouble.code != ERROR_NONE)
		return;
	if (kafka_error_bars(code))
		kafka->barred = true;
	else if (kafka->barred)
		return;
	kafka->trouble = why;
}

/* The end of a text that is too long. */
static const char *tail_of(const char *words)
{
	size_t n = strlen(words);

	return n < CERTIFICATE_WORDS_MAX ? words : words + n - CERTIFICATE_WORDS_MAX;
}

/* Hands a log line of librdkafka's on. */
static void take_log(struct kafka *kafka, rd_kafka_event_t *event)
{
	const char *facility, *words;
	enum io_level level;
	struct buf clean;
	int syslog_level;

	if (rd_kafka_event_log(event, &facility, &words, &syslog_level) != 0)
		return;
	/* The error that follows is less clear. */
	if (strcmp(facility, KAFKA_CERTIFICATE_LOG) == 0)
		snprintf(kafka->certificate, sizeof(kafka->certificate),
			 "certificate verify failed: %s", tail_of(words));
	/* What matters of it comes as an error event, too. */
	level = syslog_level <= SYSLOG_WARNING && strcmp(facility, "CONFWARN") != 0 ? IO_INFO
										    : IO_DEBUG;
	if (level < kafka->env->io->log_level)
		return;
	buf_init(&clean, WORDS_MAX);
	kafka_error_words(words, &clean);
	io_log(kafka->env->io, level, "kafka.says sink=%.*s about=%s text=\"%.*s\"",
	       STR_ARG(kafka->env->name), facility, STR_ARG(buf_view(&clean)));
	buf_release(&clean);
}

/* librdkafka wants a token to log in with. */
static void take_token_request(struct kafka *kafka)
{
	struct error why;

	if (kafka_login_renew(kafka_producer_handle(kafka->producer), kafka->env, kafka->options,
			      &why))
		return;
	kafka->trouble = why;
	kafka->barred = why.code != ERROR_RETRY;
}

void kafka_event_take(struct kafka *kafka, rd_kafka_event_t *event)
{
	struct kafka_lane *lane;
	size_t at = 0;

	switch (rd_kafka_event_type(event)) {
	case RD_KAFKA_EVENT_DR:
		take_reports(kafka, event);
		break;
	case RD_KAFKA_EVENT_ERROR:
		take_error(kafka, event);
		break;
	case RD_KAFKA_EVENT_LOG:
		take_log(kafka, event);
		break;
	case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
		take_token_request(kafka);
		break;
	case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
		kafka_topics_created(event, io_now_ms(kafka->env->io));
		while ((lane = map_next(&kafka->lanes.by_cursor, &at)) != NULL) {
			if (lane->waiting)
				kafka_lane_wake(&kafka->lanes, lane);
		}
		break;
	default:
		break;
	}
}
