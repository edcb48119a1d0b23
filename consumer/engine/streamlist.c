/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/streamlist.h"

#include "consumer/aws/endpoint.h"
#include "consumer/aws/streams.h"

/* The label of the first stream that we know, which is the one that was read last. */
static struct str oldest_label(const struct table *table)
{
	return CONTAINER_OF(table->streams.next, struct stream, link)->label;
}

/* Takes in one page; returns the ARN to go on after, empty at the end. */
static struct str take_page(struct table *table, const struct stream_list *page)
{
	for (size_t i = 0; i < page->n; i++) {
		struct table_arn parts;

		if (table_arn_parse(page->arns[i], &parts) && parts.label.n > 0 &&
		    str_eq(parts.table, table->options->name) &&
		    str_cmp(parts.label, oldest_label(table)) > 0)
			discovery_add_stream(table, page->arns[i]);
	}
	return page->next_arn;
}

/* ListStreams has been answered. */
static void listed(struct call *call)
{
	struct table *table = call->owner;
	struct engine *engine = table->engine;
	struct stream_list page;
	struct error why = {0};
	struct arena arena;
	struct str next;

	table->list_call = NULL;
	if (call->outcome == CALL_THROTTLED || call->outcome == CALL_TRANSIENT) {
		io_timer_set(engine->io, &table->list_timer,
			     io_now_ms(engine->io) + call_delay_ms(call, ++table->list_attempts));
		return;
	}
	table->list_attempts = 0;
	arena_init(&arena);
	mem_free(table->list_after);
	table->list_after = NULL;
	if (call->outcome == CALL_OK &&
	    streams_list_read(&arena, buf_view(&call->http.answer), &page, &why)) {
		next = take_page(table, &page);
		table->streams_told |= next.n == 0;
		if (next.n > 0) {
			table->list_after = mem_dup(next.p, next.n);
			io_timer_set(engine->io, &table->list_timer, io_now_ms(engine->io));
		}
	} else {
		if (call->outcome != CALL_OK)
			call_error(call, &why);
		io_log(engine->io, IO_WARN, "streams.unlisted table=%.*s error=\"%s\"",
		       STR_ARG(table->options->name), why.text);
	}
	if (table->list_after == NULL) {
		table->streams_pending = false;
		discovery_streams_known(table);
	}
	arena_release(&arena);
}

/* Asks for the first or next page. */
static void ask(struct io_timer *timer)
{
	struct table *table = CONTAINER_OF(timer, struct table, list_timer);

	table->list_call = call_new(table->engine, IO_STREAMS, STREAMS_LIST, listed, table);
	streams_list_request(&table->list_call->http.body, table->options->name,
			     str_of(table->list_after));
	call_start(table->list_call);
}

void streamlist_start(struct table *table)
{
	struct io *io = table->engine->io;

	if (table->streams_pending)
		return;
	table->streams_pending = true;
	table->list_timer.fire = ask;
	io_timer_set(io, &table->list_timer, io_now_ms(io));
}

void streamlist_stop(struct table *table)
{
	call_cancel(&table->list_call);
	io_timer_cancel(table->engine->io, &table->list_timer);
	mem_free(table->list_after);
	table->list_after = NULL;
	table->streams_pending = false;
}
