/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_producer.h"

#include <stdatomic.h>
#include <time.h>

struct kafka_producer {
	struct io *io;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	void (*turn)(void *arg);
	void *arg;
	struct io_post post;
	atomic_bool posted; /* the post is on its way, and may not be posted again */
	bool buried; /* the post, when it comes, frees */
};

struct kafka_burial {
	struct kafka_burial *next;
	pthread_t thread;
};

/* On the loop's thread: there are events. */
static void on_post(struct io_post *post)
{
	struct kafka_producer *producer = CONTAINER_OF(post, struct kafka_producer, post);

	if (producer->buried) {
		mem_free(producer);
		return;
	}
	/* Before the queue is looked at: what comes in from now on posts again. */
	atomic_store(&producer->posted, false);
	producer->turn(producer->arg);
}

/* On a thread of librdkafka's: the queue is not empty any more. */
static void on_event(rd_kafka_t *rk, void *arg)
{
	(void)rk;
	kafka_producer_wake(arg);
}

struct kafka_producer *kafka_producer_new(struct io *io, rd_kafka_conf_t *conf,
					  void (*turn)(void *arg), void *arg, struct error *err)
{
	struct kafka_producer *producer;
	char why[300];
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));

	if (rk == NULL) {
		rd_kafka_conf_destroy(conf);
		error_set(err, ERROR_CONFIG, "librdkafka cannot work as configured: %s", why);
		return NULL;
	}
	producer = mem_alloc(sizeof(*producer));
	producer->io = io;
	producer->rk = rk;
	producer->turn = turn;
	producer->arg = arg;
	producer->post.run = on_post;
	producer->queue = rd_kafka_queue_get_main(rk);
	rd_kafka_set_log_queue(rk, NULL);
	rd_kafka_queue_cb_event_enable(producer->queue, on_event, producer);
	/* What came before that. */
	kafka_producer_wake(producer);
	return producer;
}

rd_kafka_t *kafka_producer_handle(const struct kafka_producer *producer)
{
	return producer->rk;
}

rd_kafka_queue_t *kafka_producer_queue(const struct kafka_producer *producer)
{
	return producer->queue;
}

rd_kafka_event_t *kafka_producer_event(struct kafka_producer *producer, int wait_ms)
{
	return rd_kafka_queue_poll(producer->queue, wait_ms);
}

void kafka_producer_wake(struct kafka_producer *producer)
{
	if (!atomic_exchange(&producer->posted, true))
		io_post(producer->io, &producer->post);
}

/* The thread on which a producer goes. */
static void *destroy(void *rk)
{
	rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

void kafka_producer_bury(struct kafka_producer *producer, struct kafka_grave *grave)
{
	struct kafka_burial *burial = mem_alloc(sizeof(*burial));

	/* When this returns, on_event is not running and does not run again. */
	rd_kafka_queue_cb_event_enable(producer->queue, NULL, NULL);
	rd_kafka_queue_destroy(producer->queue);
	burial->next = grave->burials;
	grave->burials = burial;
	must(pthread_create(&burial->thread, NULL, destroy, producer->rk) == 0);
	producer->buried = true;
	if (!atomic_load(&producer->posted))
		mem_free(producer);
}

void kafka_grave_tend(struct kafka_grave *grave, int64_t patience_ms)
{
	struct kafka_burial **at = &grave->burials;
	struct timespec until;

	must(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_sec += patience_ms / 1000;
	while (*at != NULL) {
		struct kafka_burial *burial = *at;
		bool gone = patience_ms > 0
				    ? pthread_timedjoin_np(burial->thread, NULL, &until) == 0
				    : pthread_tryjoin_np(burial->thread, NULL) == 0;

		if (!gone && patience_ms == 0) {
			at = &burial->next;
			continue;
		}
		if (!gone)
			pthread_detach(burial->thread);
		*at = burial->next;
		mem_free(burial);
	}
}
