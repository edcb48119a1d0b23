/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/ask.h"

enum { REQUEST_MAX = 1 << 20 };

/* One try of a question. */
struct attempt {
	struct asker *asker;
	struct question *question;
	struct call *call; /* NULL once it is over */
	enum call_outcome outcome;
	int64_t delay_ms; /* before the next one */
	unsigned number;
	struct error why;
};

/* A signal: whatever is waited for, it is over. */
static void on_signal(void *arg, int signo)
{
	struct asker *asker = arg;

	asker->signo = signo;
	loop_stop(asker->loop);
}

void asker_init(struct asker *asker, struct loop *loop, int64_t timeout_ms)
{
	*asker = (struct asker){.loop = loop};
	caller_init(&asker->caller, loop_io(loop), timeout_ms);
	loop_on_signal(loop, on_signal, asker);
}

void question_init(struct question *question, enum io_service service, struct str target)
{
	*question = (struct question){.service = service, .target = target};
	buf_init(&question->body, REQUEST_MAX);
	buf_init(&question->answer, 0);
}

void question_release(struct question *question)
{
	buf_release(&question->body);
	buf_release(&question->answer);
}

/* Whether a signal came; says so in `err`. */
static bool interrupted(const struct asker *asker, struct error *err)
{
	if (asker->signo != 0)
		error_set(err, ERROR_RETRY, "interrupted by signal %d", asker->signo);
	return asker->signo != 0;
}

/* A try has been answered, or not. */
static void answered(struct call *call)
{
	struct attempt *attempt = call->owner;
	struct question *question = attempt->question;

	attempt->call = NULL;
	attempt->outcome = call->outcome;
	question->error = call->error;
	if (call->outcome == CALL_OK) {
		buf_release(&question->answer);
		question->answer = call->http.answer;
		buf_init(&call->http.answer, 0);
	} else {
		call_error(call, &attempt->why);
		attempt->delay_ms = call_delay_ms(call, attempt->number);
		question->doubtful = question->doubtful || call->outcome == CALL_TRANSIENT;
	}
	loop_stop(attempt->asker->loop);
}

/* Sends the request once, and waits for what comes of it. */
static void try_once(struct attempt *attempt)
{
	struct question *question = attempt->question;

	attempt->call = caller_call(&attempt->asker->caller, question->service, question->target,
				    answered, attempt);
	buf_str(&attempt->call->http.body, buf_view(&question->body));
	call_start(attempt->call);
	loop_run(attempt->asker->loop);
	call_cancel(&attempt->call);
}

bool asker_ask(struct asker *asker, struct question *question, struct error *err)
{
	struct attempt attempt = {.asker = asker, .question = question};

	for (attempt.number = 1; !interrupted(asker, err); attempt.number++) {
		try_once(&attempt);
		if (interrupted(asker, err))
			return false;
		if (attempt.outcome == CALL_OK)
			return true;
		if (attempt.outcome == CALL_ERROR || attempt.outcome == CALL_REFUSED ||
		    attempt.outcome == CALL_TOO_BIG || attempt.number == ASK_ATTEMPTS) {
			*err = attempt.why;
			return false;
		}
		if (!asker_sleep(asker, attempt.delay_ms, err))
			return false;
	}
	return false;
}

/* What ends a sleep. */
struct alarm {
	struct io_timer timer;
	struct loop *loop;
};

/* The time is over. */
static void ring(struct io_timer *timer)
{
	loop_stop(CONTAINER_OF(timer, struct alarm, timer)->loop);
}

bool asker_sleep(struct asker *asker, int64_t ms, struct error *err)
{
	struct io *io = loop_io(asker->loop);
	struct alarm alarm = {.timer.fire = ring, .loop = asker->loop};

	if (interrupted(asker, err))
		return false;
	io_timer_set(io, &alarm.timer, io_now_ms(io) + ms);
	loop_run(asker->loop);
	io_timer_cancel(io, &alarm.timer);
	return !interrupted(asker, err);
}
