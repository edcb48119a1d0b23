/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/forward.h"

#include "consumer/aws/streams.h"
#include "consumer/change/scan.h"

enum {
	PAGES_MAX = 1000000,
	EMPTY_PAGES =
		3, /* in a row, at the tip: the service may answer with nothing although more follows */
	EMPTY_PAUSE_MS = 100,
	EXPIRED_MAX = 100,
};

/* What an answer means for the reading. */
enum step { STEP_ON, STEP_OVER, STEP_EXPIRED, STEP_ERROR };

/* A refusal of the service: the end of the reading, or an error. */
static enum step judge_refusal(const struct question *question, struct visit *visit,
			       struct forward *forward)
{
	if (visit->asker.signo != 0)
		return STEP_ERROR;
	if (question->error.kind == API_EXPIRED_ITERATOR) {
		visit->why = (struct error){0};
		return STEP_EXPIRED;
	}
	if (question->error.kind == API_TRIMMED) {
		forward->end = FORWARD_TRIMMED;
	} else if (question->error.kind == API_NOT_FOUND) {
		forward->end = FORWARD_GONE;
	} else {
		error_prefix(&visit->why, "shard %.*s", STR_ARG(forward->shard));
		return STEP_ERROR;
	}
	visit->why = (struct error){0};
	return STEP_OVER;
}

/* Gets an iterator behind what was read, raw. */
static enum step get_iterator(struct visit *visit, struct forward *forward, struct buf *iterator)
{
	const struct position *at = &forward->before;
	struct question question;
	enum step step = STEP_ON;
	struct str raw;

	question_init(&question, IO_STREAMS, STREAMS_ITERATOR);
	if (at->kind == POSITION_START)
		streams_iterator_request(&question.body, forward->stream_arn, forward->shard,
					 ITERATOR_TRIM_HORIZON, STR_NONE);
	else
		streams_iterator_request(&question.body, forward->stream_arn, forward->shard,
					 ITERATOR_AFTER, position_text(at));
	if (!visit_ask(visit, &question))
		step = judge_refusal(&question, visit, forward);
	else if (!streams_iterator_read(buf_view(&question.answer), &raw, &visit->why))
		step = STEP_ERROR;
	else
		buf_str(iterator, raw);
	question_release(&question);
	return step;
}

/* Looks through the records of a page. */
static enum step look(struct forward *forward, const struct page *page)
{
	for (size_t i = 0; i < page->n; i++) {
		const struct event *event = &page->events[i];

		forward->wall_ms = event->time_ms;
		if (event->time_ms >= forward->since_wall_ms) {
			forward->end = FORWARD_FOUND;
			return STEP_OVER;
		}
		forward->before = position_after(event->seqno);
		forward->records++;
	}
	forward->end = page->next_iterator.n == 0 ? FORWARD_SHARD_END : FORWARD_TIP;
	return page->next_iterator.n == 0 ? STEP_OVER : STEP_ON;
}

/* Reads one page; the iterator becomes the next one. `*empty_out`: there was nothing on it. */
static enum step read_page(struct visit *visit, struct forward *forward, struct buf *iterator,
			   bool *empty_out)
{
	struct question question;
	enum step step;
	struct arena arena;
	struct page page;

	arena_init(&arena);
	question_init(&question, IO_STREAMS, STREAMS_RECORDS);
	streams_records_request(&question.body, buf_view(iterator), forward->limit);
	if (!visit_ask(visit, &question)) {
		step = judge_refusal(&question, visit, forward);
	} else if (!scan_page(&arena, buf_view(&question.answer), &page, &visit->why)) {
		step = STEP_ERROR;
	} else {
		*empty_out = page.n == 0;
		step = look(forward, &page);
		buf_clear(iterator);
		buf_str(iterator, page.next_iterator);
	}
	question_release(&question);
	arena_release(&arena);
	return step;
}

/* Reads page after page with `iterator`, as long as it can be used. */
static enum step read_pages(struct visit *visit, struct forward *forward, struct buf *iterator)
{
	unsigned empty_n = 0;

	for (unsigned i = 0; i < PAGES_MAX; i++) {
		bool empty = false;
		enum step step = read_page(visit, forward, iterator, &empty);

		if (step != STEP_ON)
			return step;
		if (forward->paged != NULL && !forward->paged(forward->arg, forward))
			return STEP_ERROR;
		empty_n = empty ? empty_n + 1 : 0;
		if (empty_n == EMPTY_PAGES)
			return STEP_OVER;
		if (empty && !visit_sleep(visit, EMPTY_PAUSE_MS))
			return STEP_ERROR;
	}
	error_set(&visit->why, ERROR_DATA, "shard %.*s has no end", STR_ARG(forward->shard));
	return STEP_ERROR;
}

bool forward_find(struct visit *visit, struct forward *forward)
{
	enum step step = STEP_EXPIRED;
	struct buf iterator;

	must(forward->from.kind != POSITION_END);
	forward->before = forward->from;
	buf_init(&iterator, 1 << 20);
	for (unsigned i = 0; i < EXPIRED_MAX && step == STEP_EXPIRED; i++) {
		buf_clear(&iterator);
		step = get_iterator(visit, forward, &iterator);
		if (step == STEP_ON)
			step = read_pages(visit, forward, &iterator);
	}
	if (step == STEP_EXPIRED)
		error_set(&visit->why, ERROR_RETRY, "shard %.*s: iterators expire at once",
			  STR_ARG(forward->shard));
	buf_release(&iterator);
	return step == STEP_OVER;
}
