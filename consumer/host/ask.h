/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests without an engine, for verbs: one at a time, each awaited. Trouble that may pass is
 * tried again, by the rules of consumer/engine/call.h and retry.h; after ASK_ATTEMPTS it is an
 * error. SIGTERM, SIGINT and SIGHUP end the waiting.
 *
 *	question_init(&question, IO_TABLES, TABLES_SCAN);
 *	tables_scan_request(&question.body, ...);
 *	if (asker_ask(&asker, &question, &err))
 *		... buf_view(&question.answer) ...
 *	question_release(&question);
 *
 * The loop must run nothing else meanwhile.
 */
#ifndef HOST_ASK_H
#define HOST_ASK_H

#include "consumer/engine/call.h"
#include "consumer/host/loop.h"

/* As the start of a run has it. */
enum { ASK_ATTEMPTS = 6 };

struct asker {
	struct loop *loop;
	struct caller caller;
	int signo; /* the signal that ended the waiting; from then on nothing is asked any more */
};

/* One request and its answer. */
struct question {
	enum io_service service;
	struct str target;
	struct buf body; /* the caller appends the request */
	struct buf answer; /* when it was answered well */
	struct api_error error; /* API_OK, or what the service said at last */
	/*
	 * An earlier try of the same request may have been carried out: a condition that fails may
	 * be that one's doing.
	 */
	bool doubtful;
};

/*
 * Prepares to ask by way of `loop`, which outlives the asker; `timeout_ms` is for one try of one
 * request.
 */
void asker_init(struct asker *asker, struct loop *loop, int64_t timeout_ms);

/* A question for `target`, of static storage, without its body. */
void question_init(struct question *question, enum io_service service, struct str target);

/* Frees request and answer. */
void question_release(struct question *question);

/*
 * Sends the request and waits for the answer. False with `err`, a sentence that names the
 * operation: the service said no (error.kind says what), credentials are missing, nothing could be
 * reached, or a signal came.
 */
bool asker_ask(struct asker *asker, struct question *question, struct error *err) MUST_CHECK;

/* Waits; false with `err` when a signal came. */
bool asker_sleep(struct asker *asker, int64_t ms, struct error *err) MUST_CHECK;

#endif
