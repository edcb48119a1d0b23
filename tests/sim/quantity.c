/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/quantity.h"

#include "tests/sim/network.h"
#include "tests/sim/oracle.h"

/* Distinct changes that a sink has durably. */
static bool delivered(struct cluster *cluster, struct str arg, int64_t *out)
{
	const struct target *target = cluster_find_sink(cluster, arg);

	if (target == NULL)
		return false;
	*out = (int64_t)(cluster->ledger.accepted[target->number] -
			 cluster->ledger.doubled[target->number]);
	return true;
}

/* Changes that a sink got more than once. */
static bool doubled(struct cluster *cluster, struct str arg, int64_t *out)
{
	const struct target *target = cluster_find_sink(cluster, arg);

	if (target == NULL)
		return false;
	*out = (int64_t)cluster->ledger.doubled[target->number];
	return true;
}

/* Distinct changes of a sink that are in its dead letters. */
static bool letters(struct cluster *cluster, struct str arg, int64_t *out)
{
	const struct target *target = cluster_find_sink(cluster, arg);

	if (target == NULL)
		return false;
	*out = (int64_t)(cluster->ledger.letters[target->number] -
			 cluster->ledger.letters_doubled[target->number]);
	return true;
}

/* How old the oldest change is that a sink lacks, in milliseconds. */
static bool behind(struct cluster *cluster, struct str arg, int64_t *out)
{
	const struct target *target = cluster_find_sink(cluster, arg);
	struct ledger_shard *shard;
	size_t at = 0;

	if (target == NULL)
		return false;
	*out = 0;
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		size_t front = ledger_front(&cluster->ledger, shard, target->number);
		int64_t age_ms;

		if (front == shard->n_writes)
			continue;
		age_ms = world_wall_ms(&cluster->world) -
			 cluster->ledger.writes[shard->writes[front]].w->wall_ms;
		if (age_ms > *out)
			*out = age_ms;
	}
	return true;
}

/* The longest that a change took to its sink, in milliseconds. */
static bool slowest(struct cluster *cluster, struct str arg, int64_t *out)
{
	const struct target *target = cluster_find_sink(cluster, arg);

	if (target == NULL)
		return false;
	*out = cluster->ledger.slowest_ms[target->number];
	return true;
}

/* Gap records that a sink got. */
static bool gaps(struct cluster *cluster, struct str arg, int64_t *out)
{
	const struct target *target = cluster_find_sink(cluster, arg);
	const struct ledger_shard *shard;
	size_t at = 0;

	if (target == NULL)
		return false;
	*out = 0;
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL)
		*out += shard->taken[target->number].gaps;
	return true;
}

/* Changes written to a table. */
static bool written(struct cluster *cluster, struct str arg, int64_t *out)
{
	size_t i = cluster_find_table(cluster, arg);

	if (i == cluster->n_tables)
		return false;
	*out = (int64_t)cluster->tables[i]->n_writes;
	return true;
}

/* Log lines of one event. */
static bool logged(struct cluster *cluster, struct str arg, int64_t *out)
{
	*out = (int64_t)cluster_count(cluster, arg);
	return true;
}

/* The worst of a table's figure over all running workers. */
static bool table_figure(struct cluster *cluster, struct str arg, bool headroom, int64_t *out)
{
	size_t table = cluster_find_table(cluster, arg);

	if (table == cluster->n_tables)
		return false;
	*out = headroom ? INT64_MAX : 0;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		struct engine_table_stats stats;

		if (cluster->workers[i].engine == NULL)
			continue;
		engine_table_stats(cluster->workers[i].engine, table, &stats);
		if (headroom && stats.headroom_ms < *out)
			*out = stats.headroom_ms;
		if (!headroom && stats.lag_ms > *out)
			*out = stats.lag_ms;
	}
	return true;
}

/* GetRecords that the running workers have counted for a table. */
static bool reads(struct cluster *cluster, struct str arg, int64_t *out)
{
	size_t table = cluster_find_table(cluster, arg);

	if (table == cluster->n_tables)
		return false;
	*out = 0;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		struct engine_table_stats stats;

		if (cluster->workers[i].engine == NULL)
			continue;
		engine_table_stats(cluster->workers[i].engine, table, &stats);
		*out += (int64_t)stats.reads;
	}
	return true;
}

/* A table's lag in milliseconds. */
static bool lag(struct cluster *cluster, struct str arg, int64_t *out)
{
	return table_figure(cluster, arg, false, out);
}

/* A table's headroom in milliseconds. */
static bool headroom(struct cluster *cluster, struct str arg, int64_t *out)
{
	return table_figure(cluster, arg, true, out);
}

/* Counts a table's shards: all, those that a row says are finished, those with a row. */
static bool count_shards(struct cluster *cluster, struct str arg, bool row, bool end, int64_t *out)
{
	const struct ledger_shard *shard;
	size_t at = 0;

	if (cluster_find_table(cluster, arg) == cluster->n_tables)
		return false;
	ledger_refresh(&cluster->ledger);
	*out = 0;
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		const struct watched_row *watched = shard->row;

		if (!str_eq(arg, str_of(shard->table->name)))
			continue;
		if (!row)
			*out += 1;
		else if (watched != NULL && end)
			*out += !watched->exists ||
				str_eq(str_of(watched->checkpoint), STR("SHARD_END"));
		else if (watched != NULL)
			*out += watched->exists;
	}
	return true;
}

/* A table's shards so far. */
static bool shards(struct cluster *cluster, struct str arg, int64_t *out)
{
	return count_shards(cluster, arg, false, false, out);
}

/* A table's lease rows. */
static bool rows(struct cluster *cluster, struct str arg, int64_t *out)
{
	return count_shards(cluster, arg, true, false, out);
}

/* A table's shards that are finished for all sinks, by their row. */
static bool ended(struct cluster *cluster, struct str arg, int64_t *out)
{
	return count_shards(cluster, arg, true, true, out);
}

/* A worker's engine figures. */
static bool worker_stats(struct cluster *cluster, struct str arg, struct engine_stats *stats)
{
	for (size_t i = 0; i < cluster->n_workers; i++) {
		const struct worker *worker = &cluster->workers[i];

		if (!str_eq(arg, str_of(worker->id)))
			continue;
		*stats = (struct engine_stats){0};
		if (worker->engine != NULL)
			engine_stats(worker->engine, stats);
		return true;
	}
	return false;
}

/* Shards that a worker owns. */
static bool owned(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = stats.shards_owned;
	return true;
}

/* Cursors that a worker detached; those that came back. */
static bool detached(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = (int64_t)stats.detaches;
	return true;
}

/* Detached cursors of a worker that went back to the lead. */
static bool rejoined(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = (int64_t)stats.rejoins;
	return true;
}

/* The most bytes of the budget that a worker used at once. */
static bool budget(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = stats.budget_peak_bytes;
	return true;
}

/* The most bytes in one window of a worker. */
static bool window(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = stats.window_peak_bytes;
	return true;
}

/* Dead letters that a worker knows to be durable. */
static bool buried(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = (int64_t)stats.dead_letters;
	return true;
}

/* The most readers that one shard of a worker had. */
static bool readers(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = stats.readers_peak;
	return true;
}

/* 1 when a worker says that every sink has everything. */
static bool caught_up(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct engine_stats stats;

	if (!worker_stats(cluster, arg, &stats))
		return false;
	*out = stats.caught_up;
	return true;
}

/* Reasons of one worker: those about `subject`, a table or a sink, with the word. */
struct reasons {
	struct str subject, word; /* empty: any */
	int64_t n;
};

/* Counts one reason. */
static void count_reason(void *arg, const struct engine_reason *reason)
{
	struct reasons *reasons = arg;

	reasons->n += (reasons->word.n == 0 ||
		       str_eq(reasons->word, str_of(engine_ill_word(reason->ill)))) &&
		      (reasons->subject.n == 0 || str_eq(reasons->subject, reason->table) ||
		       str_eq(reasons->subject, reason->sink));
}

/* 1 when a worker is ready: it runs, and there is no reason why it should not be. */
static bool ready(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct reasons reasons = {0};

	*out = 0;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		struct worker *worker = &cluster->workers[i];

		if (!str_eq(arg, str_of(worker->id)))
			continue;
		if (worker->engine != NULL)
			engine_health(worker->engine, count_reason, &reasons);
		*out = worker->engine != NULL && reasons.n == 0;
		return true;
	}
	return false;
}

/* How often all workers give the word as a reason for a table or a sink: "ill users/alarm", "ill -/paused". */
static bool ill(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct reasons reasons = {.word = arg};
	enum engine_ill known = 0;

	reasons.subject = str_cut(&reasons.word, '/');
	while (known < ENGINE_ILLS && !str_eq(reasons.word, str_of(engine_ill_word(known))))
		known++;
	if (known == ENGINE_ILLS)
		return false;
	if (str_eq(reasons.subject, STR("-")))
		reasons.subject = STR_NONE;
	else if (cluster_find_table(cluster, reasons.subject) == cluster->n_tables &&
		 cluster_find_sink(cluster, reasons.subject) == NULL)
		return false;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (cluster->workers[i].engine != NULL)
			engine_health(cluster->workers[i].engine, count_reason, &reasons);
	}
	*out = reasons.n;
	return true;
}

/* 1 while a worker's engine is there. */
static bool running(struct cluster *cluster, struct str arg, int64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (str_eq(arg, str_of(cluster->workers[i].id))) {
			*out = cluster->workers[i].engine != NULL;
			return true;
		}
	}
	return false;
}

/* 1 when everything is delivered and written down; `arg` is ignored. */
static bool settled(struct cluster *cluster, struct str arg, int64_t *out)
{
	(void)arg;
	*out = oracle_settled(cluster);
	return true;
}

/* 1 when a table's state is the word: "state t/failed". */
static bool state(struct cluster *cluster, struct str arg, int64_t *out)
{
	struct str word = arg, name = str_cut(&word, '/');
	size_t table = cluster_find_table(cluster, name);

	if (table == cluster->n_tables)
		return false;
	*out = 0;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		struct engine_table_stats stats;

		if (cluster->workers[i].engine == NULL)
			continue;
		engine_table_stats(cluster->workers[i].engine, table, &stats);
		*out += str_eq(word, str_of(stats.state));
	}
	return true;
}

/* 1 when a worker stopped by itself with the code: "stopped w/not-found". */
static bool stopped(struct cluster *cluster, struct str arg, int64_t *out)
{
	static const struct {
		const char *word;
		enum error_code code;
	} codes[] = {
		{"none", ERROR_NONE},	  {"retry", ERROR_RETRY},	  {"auth", ERROR_AUTH},
		{"config", ERROR_CONFIG}, {"not-found", ERROR_NOT_FOUND}, {"fenced", ERROR_FENCED},
		{"data", ERROR_DATA}};
	struct str word = arg, id = str_cut(&word, '/');

	for (size_t i = 0; i < cluster->n_workers; i++) {
		const struct worker *worker = &cluster->workers[i];

		if (!str_eq(id, str_of(worker->id)))
			continue;
		*out = 0;
		for (size_t k = 0; k < ARRAY_N(codes); k++)
			*out += worker->end == END_STOPPED && codes[k].code == worker->why.code &&
				str_eq(word, str_of(codes[k].word));
		return true;
	}
	return false;
}

/* Conditional writes of lease rows that failed so far, deletes apart; `arg` is ignored. */
static bool refused(struct cluster *cluster, struct str arg, int64_t *out)
{
	(void)arg;
	*out = (int64_t)cluster->rows.refusals;
	return true;
}

/* Deliveries so far that did not count: of another generation or replay; `arg` is ignored. */
static bool strays(struct cluster *cluster, struct str arg, int64_t *out)
{
	(void)arg;
	*out = (int64_t)cluster->ledger.strays;
	return true;
}

/* Leases that were taken from another incarnation so far; `arg` is ignored. */
static bool takeovers(struct cluster *cluster, struct str arg, int64_t *out)
{
	(void)arg;
	*out = (int64_t)cluster->lives.takeovers;
	return true;
}

/* Units of the checkpoint table's read capacity that were used in the last `arg` seconds, rounded up. */
static bool read_units(struct cluster *cluster, struct str arg, int64_t *out)
{
	if (!str_to_i64(arg, out) || *out <= 0 || *out >= WORLD_USAGE_S)
		return false;
	*out = (int64_t)(network_usage(&cluster->world, *out).read + 1) / 2;
	return true;
}

/* The same of its write capacity. */
static bool write_units(struct cluster *cluster, struct str arg, int64_t *out)
{
	if (!str_to_i64(arg, out) || *out <= 0 || *out >= WORLD_USAGE_S)
		return false;
	*out = (int64_t)(network_usage(&cluster->world, *out).written + 1) / 2;
	return true;
}

static const struct quantity quantities[] = {
	{"refused", "nothing", refused},
	{"takeovers", "nothing", takeovers},
	{"strays", "nothing", strays},
	{"read-units", "number of seconds", read_units},
	{"write-units", "number of seconds", write_units},
	{"delivered", "sink", delivered},
	{"doubled", "sink", doubled},
	{"gaps", "sink", gaps},
	{"letters", "sink", letters},
	{"behind", "sink", behind},
	{"slowest", "sink", slowest},
	{"written", "table", written},
	{"reads", "table", reads},
	{"log", "event", logged},
	{"requests", "operation", logged},
	{"lag", "table", lag},
	{"headroom", "table", headroom},
	{"shards", "table", shards},
	{"rows", "table", rows},
	{"ended", "table", ended},
	{"owned", "worker", owned},
	{"detached", "worker", detached},
	{"rejoined", "worker", rejoined},
	{"readers", "worker", readers},
	{"budget-peak", "worker", budget},
	{"window-peak", "worker", window},
	{"dead-letters", "worker", buried},
	{"caught-up", "worker", caught_up},
	{"running", "worker", running},
	{"ready", "worker", ready},
	{"ill", "table or sink/reason", ill},
	{"settled", "nothing", settled},
	{"state", "table/state", state},
	{"stopped", "worker/code", stopped},
};

const struct quantity *quantity_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_N(quantities); i++) {
		if (str_eq(name, str_of(quantities[i].name)))
			return &quantities[i];
	}
	return NULL;
}
