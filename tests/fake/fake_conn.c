/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_conn.h"

#include <string.h>
#include <sys/epoll.h>

enum {
	READ_BYTES = 16 * 1024, /* room for a request without a body to speak of */
	READ_MAX_BYTES = 64 * 1024, /* room made at once, while less than that has come */
	KEEP_BYTES = 256 * 1024, /* an idle connection gives more than this back */
	JOIN_BYTES = 4096, /* bodies up to this are sent with the head in one piece */
	TURNS_MAX = 64, /* requests of one connection before the others have a turn */
	IDLE_MS = 5 * 60 * 1000,
	LINGER_MS = 2000,
	LINGER_MAX_BYTES = 64 * 1024 * 1024,
};

enum conn_state {
	CONN_READING,
	CONN_WAITING, /* a planned delay, before the request is carried out */
	CONN_WRITING,
	CONN_LINGERING, /* all is written; discards what still comes, lest an RST overtake it */
};

struct fake_conn {
	enum fake_watch watch; /* the first member, see fake_conn.h */
	struct fake_loop *loop;
	struct list member;
	struct heap_node timer;
	struct fake_link link;
	enum conn_state state;
	uint32_t watched; /* what epoll was told */
	bool yielded; /* the timer is there to go on, not to give up */

	struct buf in;
	size_t in_at; /* bytes of `in` that were dealt with */
	size_t need_n; /* bytes of the request from in_at on, 0: its head is not complete */
	size_t looked_n; /* see fake_request_parse */

	struct fake_plan plan;
	struct fake_reply reply;
	struct buf head; /* with the body behind it, if that is short */
	size_t out_at, out_n;
	uint64_t lingered_bytes;
};

/* What a step of a connection ends with. */
enum step {
	STEP_ON, /* take the next step */
	STEP_WAIT, /* an event or a timer goes on */
	STEP_GONE, /* the connection was freed */
};

/* Ends and frees the connection. */
static enum step conn_close(struct fake_conn *conn, bool reset)
{
	heap_remove(&conn->loop->timers, &conn->timer);
	list_remove(&conn->member);
	fake_link_close(&conn->link, reset);
	buf_release(&conn->in);
	buf_release(&conn->head);
	fake_reply_release(&conn->reply);
	conn->loop->fake->open_connections--;
	mem_free(conn);
	return STEP_GONE;
}

/* Waits for events (0: for none but errors) or until `wait_ms` have passed. */
static enum step conn_wait(struct fake_conn *conn, uint32_t events, int64_t wait_ms)
{
	struct epoll_event event = {.events = events, .data.ptr = conn};

	heap_set(&conn->loop->timers, &conn->timer, fake_clock_mono() + wait_ms);
	if (conn->watched != events)
		must(epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_MOD, conn->link.fd, &event) == 0);
	conn->watched = events;
	return STEP_WAIT;
}

/* What came of the request so far. */
static struct str conn_view(const struct fake_conn *conn)
{
	return str_skip(buf_view(&conn->in), conn->in_at);
}

/* Reads some more of the request. */
static enum step conn_fill(struct fake_conn *conn)
{
	struct buf *in = &conn->in;
	size_t have = in->n - conn->in_at, most = have > READ_MAX_BYTES ? have : READ_MAX_BYTES;
	size_t room = conn->need_n > have + READ_BYTES ? conn->need_n - have : READ_BYTES;
	char *to;
	ssize_t n;

	if (conn->in_at > 0) {
		memmove(in->p, in->p + conn->in_at, have);
		buf_truncate(in, have);
		conn->in_at = 0;
	}
	if (room > most)
		room = most; /* memory is given for bytes that came, not for bytes announced */
	to = buf_reserve(in, room);
	must(to != NULL);
	n = fake_link_read(&conn->link, to, room);
	if (n == FAKE_LINK_AGAIN)
		return conn_wait(conn, conn->link.wants, IDLE_MS);
	if (n == FAKE_LINK_END)
		return conn_close(conn, false);
	in->n += (size_t)n;
	return STEP_ON;
}

/* Marks the request as dealt with. */
static void conn_consume(struct fake_conn *conn)
{
	conn->in_at += conn->need_n;
	conn->need_n = 0;
	conn->looked_n = 0;
	if (conn->in_at < conn->in.n)
		return;
	conn->in_at = 0;
	buf_clear(&conn->in);
	if (conn->in.cap > KEEP_BYTES)
		buf_release(&conn->in);
}

/* Begins to write the reply. */
static enum step conn_start_writing(struct fake_conn *conn)
{
	struct fake *fake = conn->loop->fake;
	struct buf *body = &conn->reply.body;
	size_t head_n;

	buf_clear(&conn->head);
	fake_reply_head(&conn->reply, fake_clock_http(&fake->clock), &fake->ids, &conn->head);
	head_n = conn->head.n;
	conn->out_at = 0;
	conn->out_n = head_n + body->n;
	if (conn->plan.kind == FAKE_FAULT_TRUNCATE)
		conn->out_n = head_n + body->n / 2;
	if (body->n <= JOIN_BYTES) {
		buf_str(&conn->head, buf_view(body));
		buf_clear(body);
	}
	conn->state = CONN_WRITING;
	return STEP_ON;
}

/* Carries the request out and begins to answer it, as planned. */
static enum step conn_answer(struct fake_conn *conn, const struct fake_request *request)
{
	enum fake_fault_kind kind = conn->plan.kind;
	struct str body = str_head(str_skip(conn_view(conn), request->head_n), request->body_n);

	if (kind == FAKE_FAULT_RESET)
		return conn_close(conn, true);
	fake_reply_clear(&conn->reply);
	conn->reply.keep_alive = request->keep_alive && kind != FAKE_FAULT_TRUNCATE;
	fake_answer(conn->loop->fake, request, body, &conn->plan, &conn->reply);
	conn_consume(conn);
	if (kind == FAKE_FAULT_RESET_AFTER)
		return conn_close(conn, true);
	return conn_start_writing(conn);
}

/* Begins with a request that is here whole: decides what goes wrong with it. */
static enum step conn_begin(struct fake_conn *conn, const struct fake_request *request)
{
	struct str operation = fake_operation(request);

	conn->plan = (struct fake_plan){.kind = FAKE_FAULT_NONE};
	if (operation.n > 0)
		fake_faults_plan(&conn->loop->fake->faults, operation, &conn->plan);
	if (conn->plan.delay_ms == 0)
		return conn_answer(conn, request);
	conn->state = CONN_WAITING;
	return conn_wait(conn, 0, conn->plan.delay_ms);
}

/* Answers a request that was refused for its form; what follows it has no meaning. */
static enum step conn_refuse(struct fake_conn *conn, unsigned status)
{
	fake_reply_clear(&conn->reply);
	conn->reply.status = status;
	conn->reply.content_type = STR("text/plain");
	conn->plan = (struct fake_plan){.kind = FAKE_FAULT_NONE};
	return conn_start_writing(conn);
}

/* Tells the client to go on and send the body. */
static bool conn_continue(struct fake_conn *conn)
{
	struct str words = STR("HTTP/1.1 100 Continue\r\n\r\n");

	return fake_link_write(&conn->link, words, STR_NONE) == (ssize_t)words.n;
}

/* A step of reading: parses what is here, and reads on if the request is not whole. */
static enum step conn_read(struct fake_conn *conn)
{
	struct str view = conn_view(conn);
	struct fake_request request;

	if (view.n == 0 || view.n < conn->need_n)
		return conn_fill(conn);
	switch (fake_request_parse(&request, view, &conn->looked_n)) {
	case FAKE_PARSE_MORE:
		break;
	case FAKE_PARSE_REFUSED:
		return conn_refuse(conn, request.refusal);
	case FAKE_PARSE_HEAD:
		conn->need_n = request.head_n + request.body_n;
		if (view.n >= conn->need_n)
			return conn_begin(conn, &request);
		if (request.expects_continue && !conn_continue(conn))
			return conn_close(conn, false);
		break;
	}
	return conn_fill(conn);
}

/* Goes on with a request after its planned delay; its bytes have not moved, but are parsed anew. */
static enum step conn_end_delay(struct fake_conn *conn)
{
	struct fake_request request;

	must(fake_request_parse(&request, conn_view(conn), &conn->looked_n) == FAKE_PARSE_HEAD);
	return conn_answer(conn, &request);
}

/* Ends an answer: on to the next request, or to the end of the connection. */
static enum step conn_end_writing(struct fake_conn *conn)
{
	bool keep_alive = conn->reply.keep_alive;

	fake_reply_clear(&conn->reply);
	if (!keep_alive) {
		fake_link_finish(&conn->link);
		conn->state = CONN_LINGERING;
		return STEP_ON;
	}
	conn->state = CONN_READING;
	/* An attempt to read that finds nothing costs as much as the whole answer. */
	if (conn->in.n == 0 && conn->link.ssl == NULL)
		return conn_wait(conn, EPOLLIN, IDLE_MS);
	return STEP_ON;
}

/* A step of writing: as much as the socket takes, or the next byte of a drip. */
static enum step conn_write(struct fake_conn *conn)
{
	struct str head = str_head(buf_view(&conn->head), conn->out_n);
	struct str body = str_head(buf_view(&conn->reply.body), conn->out_n - head.n);
	bool drips = conn->plan.kind == FAKE_FAULT_DRIP;
	ssize_t n;

	if (conn->out_at < head.n) {
		head = str_skip(head, conn->out_at);
	} else {
		body = str_skip(body, conn->out_at - head.n);
		head = STR_NONE;
	}
	if (drips) {
		head = str_head(head.n > 0 ? head : body, 1);
		body = STR_NONE;
	}
	n = fake_link_write(&conn->link, head, body);
	if (n == FAKE_LINK_AGAIN)
		return conn_wait(conn, conn->link.wants, IDLE_MS);
	if (n == FAKE_LINK_END)
		return conn_close(conn, false);
	conn->out_at += (size_t)n;
	must(conn->out_at <= conn->out_n);
	if (conn->out_at == conn->out_n)
		return conn_end_writing(conn);
	return drips ? conn_wait(conn, 0, conn->plan.drip_ms) : STEP_ON;
}

/* A step of the end: waits for the client to close, and discards what it still sends. */
static enum step conn_linger(struct fake_conn *conn)
{
	char rest[READ_BYTES];
	ssize_t n = fake_link_read(&conn->link, rest, sizeof(rest));

	if (n == FAKE_LINK_AGAIN)
		return conn_wait(conn, EPOLLIN, LINGER_MS);
	if (n > 0)
		conn->lingered_bytes += (uint64_t)n;
	if (n == FAKE_LINK_END || conn->lingered_bytes > LINGER_MAX_BYTES)
		return conn_close(conn, false);
	return STEP_ON;
}

/* Takes the step that the state asks for. */
static enum step conn_step(struct fake_conn *conn)
{
	switch (conn->state) {
	case CONN_READING:
		return conn_read(conn);
	case CONN_WAITING:
		return conn_end_delay(conn);
	case CONN_WRITING:
		return conn_write(conn);
	case CONN_LINGERING:
		return conn_linger(conn);
	}
	mem_bug("no such state", __FILE__, __LINE__);
}

/* Takes steps until there is something to wait for, or others should have a turn. */
static void conn_run(struct fake_conn *conn)
{
	enum step step = STEP_ON;

	conn->yielded = false;
	for (unsigned i = 0; i < 4 * TURNS_MAX && step == STEP_ON; i++)
		step = conn_step(conn);
	if (step != STEP_ON)
		return;
	conn->yielded = true;
	conn_wait(conn, 0, 0);
}

void fake_conn_open(struct fake_loop *loop, int fd, SSL_CTX *tls)
{
	struct fake_conn *conn = mem_alloc(sizeof(*conn));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	conn->watch = FAKE_WATCH_CONN;
	conn->loop = loop;
	conn->watched = EPOLLIN;
	list_init(&conn->member);
	list_add(&loop->conns, &conn->member);
	buf_init(&conn->in, FAKE_HEAD_MAX + FAKE_BODY_MAX + READ_MAX_BYTES);
	buf_init(&conn->head, FAKE_HEAD_MAX);
	fake_reply_init(&conn->reply);
	loop->fake->connections++;
	loop->fake->open_connections++;
	if (!fake_link_init(&conn->link, fd, tls) ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		conn_close(conn, true);
		return;
	}
	conn_run(conn);
}

void fake_conn_event(struct fake_conn *conn, uint32_t events)
{
	/* Nothing was waited for but the end of a delay or drip: the client is gone. */
	if (conn->watched == 0 && (events & (EPOLLERR | EPOLLHUP)) != 0)
		conn_close(conn, false);
	else
		conn_run(conn);
}

/* Whether a due timer means that the client took too long. */
static bool timed_out(const struct fake_conn *conn)
{
	return !conn->yielded && conn->watched != 0;
}

void fake_conn_run_timers(struct fake_loop *loop, int64_t now_ms)
{
	struct heap_node *node;

	/* A timer that is set again below is later than now, or a yield: one round has an end. */
	for (size_t left = loop->timers.n; left > 0; left--) {
		struct fake_conn *conn;

		node = heap_first(&loop->timers);
		if (node == NULL || node->key > now_ms)
			break;
		conn = CONTAINER_OF(node, struct fake_conn, timer);
		if (timed_out(conn))
			conn_close(conn, false);
		else
			conn_run(conn);
	}
}

void fake_conn_close_all(struct fake_loop *loop)
{
	while (!list_empty(&loop->conns))
		conn_close(list_first(&loop->conns, struct fake_conn, member), false);
}
