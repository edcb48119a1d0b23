/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scenario_option.h"

/* The number of that name, of the engine, the service or the network; NULL: none. */
static int64_t *number_called(struct cluster *cluster, struct str name)
{
	struct engine_options *engine = &cluster->options;
	struct service_options *service = service_options(cluster->world.service);
	const struct {
		const char *name;
		int64_t *value;
	} all[] = {
		{"lease_ms", &engine->lease_ms},
		{"heartbeat_ms", &engine->heartbeat_ms},
		{"max_leases", &engine->max_leases},
		{"checkpoint_ms", &engine->checkpoint_ms},
		{"budget_bytes", &engine->budget_bytes},
		{"window_bytes", &engine->window_bytes},
		{"detach_after_ms", &engine->detach_after_ms},
		{"poll_floor_ms", &engine->poll_floor_ms},
		{"max_latency_ms", &engine->max_latency_ms},
		{"max_reads_per_month", &engine->max_reads_per_month},
		{"discovery_ms", &engine->discovery_ms},
		{"request_timeout_ms", &engine->request_timeout_ms},
		{"drain_timeout_ms", &engine->drain_timeout_ms},
		{"stalled_after_ms", &engine->stalled_after_ms},
		{"retention_ms", &service->retention_ms},
		{"shard_life_ms", &service->shard_life_ms},
		{"iterator_life_ms", &service->iterator_life_ms},
		{"latency_min_ms", &cluster->world.latency_min_ms},
		{"latency_max_ms", &cluster->world.latency_max_ms},
		{"late_max_ms", &cluster->world.late_max_ms},
	};

	for (size_t i = 0; i < ARRAY_N(all); i++) {
		if (str_eq(name, str_of(all[i].name)))
			return all[i].value;
	}
	return NULL;
}

/* The percentage of that name, of the service; NULL: none. */
static unsigned *percentage_called(struct cluster *cluster, struct str name)
{
	struct service_options *service = service_options(cluster->world.service);
	const struct {
		const char *name;
		unsigned *value;
	} all[] = {
		{"lie_open_parent", &service->lie_open_parent},
		{"lie_missing_child", &service->lie_missing_child},
		{"empty_page", &service->empty_page},
		{"short_page", &service->short_page},
		{"no_child_filter", &service->no_child_filter},
		{"partial_batch", &service->partial_batch},
	};

	for (size_t i = 0; i < ARRAY_N(all); i++) {
		if (str_eq(name, str_of(all[i].name)))
			return all[i].value;
	}
	return NULL;
}

bool scenario_option(struct cluster *cluster, struct str name, int64_t value)
{
	int64_t *number = number_called(cluster, name);
	unsigned *percentage = percentage_called(cluster, name);

	if (number != NULL)
		*number = value;
	else if (percentage != NULL)
		*percentage = (unsigned)value;
	else if (str_eq(name, STR("bloat_bytes")))
		cluster->world.bloat_bytes = (size_t)value;
	else if (str_eq(name, STR("until_caught_up")))
		cluster->options.until_caught_up = value != 0;
	else if (str_eq(name, STR("kcl")) && value != 0)
		cluster_kcl(cluster);
	else if (str_eq(name, STR("local")) && value != 0)
		cluster->options.region = STR("local");
	else if (str_eq(name, STR("isolation")))
		cluster->isolation = value != 0;
	else if (str_eq(name, STR("balanced")))
		cluster->fleet.balanced = value != 0;
	else if (str_eq(name, STR("frugal")))
		cluster->fleet.frugal = value != 0;
	else
		return false;
	return true;
}
