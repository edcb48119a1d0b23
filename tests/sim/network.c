/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/network.h"

#include <string.h>

#include "base/time.h"

enum { ANSWER_MAX = 64 << 20, SKEW_ALLOWED_MS = 15 * MINUTE_MS, BLOAT_BYTES = 3 << 20 };

/*
 * One request under way. Two things happen to it, in any order: it arrives at the service (or never
 * does), and its sender learns an end (or gives up before). The flight is freed after both.
 */
struct flight {
	struct list link; /* of the world */
	struct world *world;
	struct world_event arrive, finish;
	struct io_http *http; /* NULL: nobody waits for it any more */
	enum io_service service;
	int64_t deadline_ms; /* when its sender gives up by itself */
	bool held;
	struct proc *proc; /* the sender, while http is there */
	unsigned life;
	uint64_t id;
	int64_t sent_ms;
	enum net_fault fault;
	struct str operation; /* static, after the last '.' of the target */
	struct str target;
	struct buf body;
	int64_t sign_wall_ms;
	unsigned credentials;
	/* The answer, once it was served. */
	bool served;
	int status;
	int64_t date_wall_ms;
	struct buf answer;
};

static const char *const fault_words[NET_N] = {
	[NET_NONE] = "none",
	[NET_THROTTLE] = "throttle",
	[NET_ERROR_500] = "error-500",
	[NET_ERROR_503] = "error-503",
	[NET_BREAK_BEFORE] = "break-before",
	[NET_BREAK_AFTER] = "break-after",
	[NET_TIMEOUT] = "timeout",
	[NET_LATE] = "late",
	[NET_BLOAT] = "bloat",
	[NET_AUTH] = "auth",
	[NET_HOLD] = "hold",
};

const char *net_fault_word(enum net_fault fault)
{
	return fault_words[fault];
}

enum net_fault net_fault_find(struct str word)
{
	for (enum net_fault fault = NET_NONE; fault < NET_N; fault++) {
		if (str_eq(word, str_of(fault_words[fault])))
			return fault;
	}
	return NET_N;
}

/* Frees a flight whose two ends are both behind it. */
static void flight_drop(struct flight *flight)
{
	if (flight->arrive.node.place != 0 || flight->http != NULL || flight->held)
		return;
	list_remove(&flight->link);
	buf_release(&flight->body);
	buf_release(&flight->answer);
	mem_free(flight);
}

/* What an observer sees of a flight. */
static struct world_call flight_call(const struct flight *flight)
{
	return (struct world_call){
		.proc = flight->http != NULL ? flight->proc : NULL,
		.life = flight->life,
		.id = flight->id,
		.sent_ms = flight->sent_ms,
		.operation = flight->operation,
		.body = buf_view(&flight->body),
		.status = flight->status,
		.answer = buf_view(&flight->answer),
	};
}

/* An error answer in the service's own form. */
static void answer_error(struct flight *flight, int status, const char *type, const char *message)
{
	flight->status = status;
	buf_fmt(&flight->answer,
		"{\"__type\":\"com.amazonaws.dynamodb.v20120810#%s\","
		"\"message\":\"%s\"}",
		type, message);
}

/* A throttling error, one of those that the operation knows. */
static void answer_throttle(struct flight *flight)
{
	static const char *const any[] = {"ThrottlingException", "RequestLimitExceeded",
					  "ProvisionedThroughputExceededException"};
	const char *type = any[rng_below(&flight->world->rng, ARRAY_N(any))];

	if (str_eq(flight->operation, STR("GetRecords")) && rng_chance(&flight->world->rng, 50))
		type = "LimitExceededException";
	answer_error(flight, 400, type, "Rate exceeded");
}

/* Whether the service lets the sender in; answers itself when it does not. */
static bool flight_authorised(struct flight *flight)
{
	struct world *world = flight->world;
	int64_t off_ms = flight->sign_wall_ms - world_wall_ms(world);

	if (off_ms > SKEW_ALLOWED_MS || off_ms < -SKEW_ALLOWED_MS) {
		world->hits_skew++;
		answer_error(flight, 400, "InvalidSignatureException",
			     off_ms < 0
				     ? "Signature expired: is now earlier than the service's time"
				     : "Signature not yet current: is still later than the "
				       "service's time");
		return false;
	}
	if (flight->credentials != world->credentials) {
		world->hits_credentials++;
		answer_error(flight, 400, "ExpiredTokenException",
			     "The security token included in the request is expired");
		return false;
	}
	return true;
}

/* Blows an answer up with blanks before its last brace. */
static void answer_bloat(struct buf *answer, size_t n)
{
	char blanks[4096];

	if (answer->n == 0 || answer->p[answer->n - 1] != '}')
		return;
	for (size_t i = 0; i < sizeof(blanks); i++)
		blanks[i] = ' ';
	buf_truncate(answer, answer->n - 1);
	for (; n > 0; n -= n < sizeof(blanks) ? n : sizeof(blanks))
		buf_add(answer, blanks, n < sizeof(blanks) ? n : sizeof(blanks));
	buf_c(answer, '}');
}

/* How often `word` stands in `text`. */
static size_t count_of(struct str text, const char *word)
{
	size_t n = 0;
	const char *p = text.p, *end = text.p + text.n;

	while (p != NULL && (p = memmem(p, (size_t)(end - p), word, strlen(word))) != NULL) {
		p += strlen(word);
		n++;
	}
	return n;
}

/* What all tables' capacity was used so far, by whomever: the workers read no other table's items. */
static struct service_capacity used_so_far(const struct service *service)
{
	struct service_capacity sum = {.table = STR_NONE}, one;
	size_t at = 0;

	while (service_capacity_next(service, &at, &one)) {
		sum.read_half_units += one.read_half_units;
		sum.write_half_units += one.write_half_units;
	}
	return sum;
}

/* Notes what was used since then. */
static void count_usage(struct world *world, const struct service_capacity *then)
{
	struct service_capacity used = used_so_far(world->service);
	int64_t second = world->now_ms / SECOND_MS;
	struct net_usage *usage = &world->usage[second % WORLD_USAGE_S];

	if (usage->second != second)
		*usage = (struct net_usage){.second = second};
	usage->read += used.read_half_units - then->read_half_units;
	usage->written += used.write_half_units - then->write_half_units;
}

struct net_usage network_usage(const struct world *world, int64_t seconds)
{
	int64_t now = world->now_ms / SECOND_MS;
	struct net_usage sum = {.second = now};

	for (size_t i = 0; i < WORLD_USAGE_S; i++) {
		const struct net_usage *usage = &world->usage[i];

		if (usage->second >= now || usage->second < now - seconds)
			continue;
		sum.read += usage->read;
		sum.written += usage->written;
	}
	return sum;
}

/* The service carries the request out. */
static void serve(struct flight *flight)
{
	struct world *world = flight->world;
	struct service_capacity then = used_so_far(world->service);
	struct world_call call;

	flight->status = service_call(world->service, flight->target, buf_view(&flight->body),
				      world_wall_ms(world), &flight->answer);
	if (flight->service == IO_TABLES)
		count_usage(world, &then);
	call = flight_call(flight);
	if (world->watch.served != NULL)
		world->watch.served(world->watch.arg, &call);
	if (!str_eq(flight->operation, STR("GetRecords")) || flight->status != 200)
		return;
	if (world->bloat_bytes != 0)
		answer_bloat(&flight->answer,
			     world->bloat_bytes *
				     count_of(buf_view(&flight->answer), "\"eventID\""));
	if (flight->fault == NET_BLOAT)
		answer_bloat(&flight->answer, BLOAT_BYTES);
	if ((int64_t)flight->answer.n > world->max_answer_bytes)
		world->max_answer_bytes = (int64_t)flight->answer.n;
}

/* The request reaches the service. */
static void flight_arrive(struct world_event *event)
{
	struct flight *flight = CONTAINER_OF(event, struct flight, arrive);

	flight->served = true;
	flight->date_wall_ms = world_wall_ms(flight->world) / 1000 * 1000;
	switch (flight->fault) {
	case NET_THROTTLE:
		answer_throttle(flight);
		break;
	case NET_ERROR_500:
		answer_error(flight, 500, "InternalServerError", "Internal server error");
		break;
	case NET_ERROR_503:
		flight->status = 503;
		buf_str(&flight->answer, STR("<html><body>503 Service Unavailable</body></html>"));
		break;
	case NET_AUTH:
		answer_error(flight, 400, "AccessDeniedException",
			     "User is not authorized to perform this action");
		break;
	case NET_NONE:
	case NET_BREAK_BEFORE:
	case NET_BREAK_AFTER:
	case NET_TIMEOUT:
	case NET_LATE:
	case NET_BLOAT:
	case NET_HOLD:
	case NET_N:
		if (flight_authorised(flight))
			serve(flight);
		break;
	}
	flight_drop(flight);
}

/* Hands the answer to the request, as far as the request lets it in. */
static void flight_answer(struct flight *flight, struct io_http *http)
{
	http->status = flight->status;
	http->date_wall_ms = flight->date_wall_ms;
	if (flight->answer.n > http->max_bytes ||
	    (http->admit != NULL && !http->admit(http, flight->answer.n))) {
		http->result = IO_TOO_BIG;
		error_set(&http->why, ERROR_RETRY, "the answer is too big");
		return;
	}
	http->result = IO_ANSWER;
	buf_release(&http->answer);
	buf_init(&http->answer, http->max_bytes);
	buf_str(&http->answer, buf_view(&flight->answer));
}

/* The partition that keeps the process from the service at the moment, or NULL. */
static const struct net_partition *partition_of(const struct world *world, const struct proc *proc,
						enum io_service service)
{
	for (size_t i = 0; i < world->n_partitions; i++) {
		const struct net_partition *partition = &world->partitions[i];

		if (partition->services[service] && partition->until_ms > world->now_ms &&
		    str_eq(str_of(partition->worker), str_of(proc->name)))
			return partition;
	}
	return NULL;
}

/* An answer that comes while its receiver is cut off; true when it is to be waited for in vain. */
static bool answer_cut(struct flight *flight)
{
	struct world *world = flight->world;
	const struct net_partition *partition = partition_of(world, flight->proc, flight->service);

	if (partition == NULL || flight->fault == NET_TIMEOUT || flight->fault == NET_LATE ||
	    flight->fault == NET_HOLD)
		return false;
	world->hits_answer_cut++;
	flight->fault = partition->silent ? NET_TIMEOUT : NET_BREAK_AFTER;
	if (!partition->silent || flight->deadline_ms <= world->now_ms)
		return false;
	world_set(world, &flight->finish, flight->deadline_ms);
	return true;
}

/* The sender learns how its request ended. */
static void flight_finish(struct world_event *event)
{
	struct flight *flight = CONTAINER_OF(event, struct flight, finish);
	struct world *world = flight->world;
	struct io_http *http = flight->http;
	struct world_call call = flight_call(flight);
	bool broken;

	if (answer_cut(flight))
		return;
	broken = flight->fault == NET_BREAK_BEFORE || flight->fault == NET_BREAK_AFTER;

	flight->http = NULL;
	flight->proc->n_http--;
	http->slot = NULL;
	if (broken) {
		http->result = IO_BROKEN;
		error_set(&http->why, ERROR_RETRY, "the connection was reset");
	} else if (!flight->served || flight->fault == NET_LATE || flight->fault == NET_HOLD ||
		   flight->fault == NET_TIMEOUT) {
		http->result = IO_TIMED_OUT;
		error_set(&http->why, ERROR_RETRY, "no answer in time");
	} else {
		flight_answer(flight, http);
	}
	if (world->watch.ended != NULL)
		world->watch.ended(world->watch.arg, &call,
				   http->result == IO_ANSWER && http->status == 200);
	flight_drop(flight);
	http->done(http);
}

/* The fault that this request meets: by a partition, by the rules, else by the mix. */
static enum net_fault pick_fault(struct world *world, const struct proc *proc,
				 enum io_service service, struct str operation)
{
	const struct net_partition *partition = partition_of(world, proc, service);
	const unsigned *mix = world->mix[service];

	if (partition != NULL) {
		world->hits_cut[service]++;
		return partition->silent ? NET_TIMEOUT : NET_BREAK_BEFORE;
	}
	for (size_t i = 0; i < world->n_rules; i++) {
		struct net_rule *rule = &world->rules[i];

		if (rule->count == 0 ||
		    (rule->operation[0] != '\0' && !str_eq(operation, str_of(rule->operation))) ||
		    (rule->worker[0] != '\0' && !str_eq(str_of(proc->name), str_of(rule->worker))))
			continue;
		if (rule->skip > 0) {
			rule->skip--;
			continue;
		}
		rule->count--;
		return rule->fault;
	}
	for (enum net_fault fault = NET_THROTTLE; fault < NET_N; fault++) {
		if (mix[fault] != 0 && rng_below(&world->rng, 1000) < mix[fault])
			return fault;
	}
	return NET_NONE;
}

/* A normal latency, now and then a long one. */
static int64_t latency_ms(struct world *world)
{
	if (world->latency_max_ms > 10 && rng_below(&world->rng, 200) == 0)
		return world_between(world, 100, 700);
	return world_between(world, world->latency_min_ms, world->latency_max_ms);
}

/* Decides when the flight arrives and when its sender learns an end. */
static void schedule(struct flight *flight, int64_t timeout_ms)
{
	struct world *world = flight->world;
	int64_t arrive_ms = world->now_ms + latency_ms(world);
	int64_t finish_ms = arrive_ms + latency_ms(world);
	int64_t deadline_ms = world->now_ms + timeout_ms;
	bool arrives = flight->fault != NET_BREAK_BEFORE && flight->fault != NET_TIMEOUT;

	flight->held = flight->fault == NET_HOLD;
	flight->deadline_ms = deadline_ms;
	if (flight->fault == NET_LATE)
		arrive_ms = deadline_ms + world_between(world, 1, world->late_max_ms);
	if (flight->fault == NET_TIMEOUT || finish_ms > deadline_ms || flight->fault == NET_LATE ||
	    flight->held)
		finish_ms = deadline_ms;
	if (arrives && !flight->held)
		world_set(world, &flight->arrive, arrive_ms);
	world_set(world, &flight->finish, finish_ms);
}

void network_send(struct proc *proc, struct io_http *http)
{
	struct world *world = proc->world;
	struct flight *flight = mem_alloc(sizeof(*flight));
	struct world_call call;

	must(http->slot == NULL && http->timeout_ms > 0);
	if (http->fresh_credentials)
		proc->credentials = world->credentials_new;
	list_init(&flight->link);
	list_add(&world->flights, &flight->link);
	flight->world = world;
	flight->http = http;
	flight->service = http->service;
	flight->proc = proc;
	flight->life = proc->life;
	flight->id = ++world->n_requests;
	flight->target = http->target;
	flight->operation = str_skip(http->target, str_find_last(http->target, '.') + 1);
	flight->sign_wall_ms = http->sign_wall_ms;
	flight->credentials = proc->credentials;
	flight->arrive.run = flight_arrive;
	flight->finish.run = flight_finish;
	flight->finish.proc = proc;
	buf_init(&flight->body, ANSWER_MAX);
	buf_str(&flight->body, buf_view(&http->body));
	buf_init(&flight->answer, ANSWER_MAX);
	http->slot = flight;
	flight->sent_ms = world->now_ms;
	http->sent_ms = io_now_ms(&proc->io);
	proc->n_http++;
	flight->fault = pick_fault(world, proc, flight->service, flight->operation);
	world->hits[flight->fault]++;
	if (flight->fault != NET_NONE)
		world->faulty_ms = world->now_ms;
	if (flight->fault != NET_NONE)
		world_note(world, proc->name, "fault %s %.*s", fault_words[flight->fault],
			   STR_ARG(flight->operation));
	schedule(flight, http->timeout_ms);
	call = flight_call(flight);
	if (world->watch.sent != NULL)
		world->watch.sent(world->watch.arg, &call);
}

void network_cancel(struct proc *proc, struct io_http *http)
{
	struct flight *flight = http->slot;
	struct world *world = proc->world;
	struct world_call call;

	if (flight == NULL)
		return;
	call = flight_call(flight);
	http->slot = NULL;
	flight->http = NULL;
	proc->n_http--;
	world_unset(world, &flight->finish);
	/* What was sent is sent; what still lay in the socket's buffer may go with it. */
	if (flight->fault != NET_LATE && !flight->held && rng_chance(&world->rng, 30))
		world_unset(world, &flight->arrive);
	if (world->watch.ended != NULL)
		world->watch.ended(world->watch.arg, &call, false);
	flight_drop(flight);
}

void network_cut(struct proc *proc)
{
	struct world *world = proc->world;

	list_each(it, &world->flights, spare) {
		struct flight *flight = CONTAINER_OF(it, struct flight, link);

		if (flight->http == NULL || flight->proc != proc)
			continue;
		if (flight->fault != NET_HOLD && flight->fault != NET_LATE)
			flight->fault = NET_BREAK_AFTER;
		world_set(world, &flight->finish, world->now_ms);
	}
}

size_t network_let_go(struct world *world, struct str operation)
{
	size_t n = 0;

	list_each(it, &world->flights, spare) {
		struct flight *flight = CONTAINER_OF(it, struct flight, link);

		if (!flight->held || (operation.n != 0 && !str_eq(flight->operation, operation)))
			continue;
		flight->held = false;
		world_set(world, &flight->arrive, world->now_ms);
		n++;
	}
	return n;
}

bool network_partition(struct world *world, const struct net_partition *partition)
{
	size_t n = 0;

	for (size_t i = 0; i < world->n_partitions; i++) {
		if (world->partitions[i].until_ms > world->now_ms)
			world->partitions[n++] = world->partitions[i];
	}
	world->n_partitions = n;
	if (n == WORLD_PARTITIONS)
		return false;
	world->partitions[world->n_partitions++] = *partition;
	return true;
}

void network_heal(struct world *world)
{
	world->n_partitions = 0;
}

void network_release(struct world *world)
{
	while (!list_empty(&world->flights)) {
		struct flight *flight = list_first(&world->flights, struct flight, link);

		must(flight->http == NULL);
		world_unset(world, &flight->arrive);
		flight->held = false;
		flight_drop(flight);
	}
}
