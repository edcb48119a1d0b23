/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an item of the checkpoint table: lease rows, heartbeats, the list of workers, the registry.
 * Whatever is read can be relied upon: positions that compare, no more sinks than there can be, generations
 * that count from 1.
 */
#include "consumer/engine/heartbeat.h"
#include "consumer/engine/registry.h"
#include "consumer/engine/rowview.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Reads it as a lease row, as the engine does and as the verbs do. */
static void read_lease(struct arena *arena, struct str raw)
{
	static const struct row_sinks sinks = {{STR_INIT("a"), STR_INIT("b.2")}, 2};
	struct error err = {0};
	struct row_view view;
	struct row row;

	if (row_read(arena, raw, &sinks, &row, &err)) {
		must(row.key.n > 0);
		for (size_t i = 0; i < sinks.n; i++)
			must(position_cmp(&row.sinks[i], &row.checkpoint) >= 0);
	} else {
		must(err.code == ERROR_DATA);
	}
	if (!row_view_read(arena, raw, &view, &err))
		return;
	for (size_t i = 0; i < view.n_ahead; i++) {
		const struct row_ahead *ahead = &view.ahead[i];
		struct position at = row_view_position(&view, ahead->name, ahead->generation);

		must(position_cmp(&at, &view.row.checkpoint) >= 0);
	}
}

/* Reads it as the registry. */
static void read_registry(struct arena *arena, struct str raw)
{
	struct registry registry;
	struct error err = {0};

	if (!registry_read(arena, raw, &registry, &err)) {
		must(err.code == ERROR_DATA && registry.n_sinks == 0);
		return;
	}
	must(registry.n_sinks <= ROW_SINKS_MAX && registry.epoch >= 0);
	for (size_t i = 0; i < registry.n_sinks; i++) {
		must(registry.sinks[i].generation > 0);
		must(registry_find(&registry, registry.sinks[i].name) != NULL);
	}
}

/* Reads it as a worker's heartbeat, and as the list of workers. */
static void read_workers(struct arena *arena, struct str raw)
{
	struct heartbeat beat;
	struct roster roster;
	struct error err = {0};
	size_t bytes = 0;

	if (heartbeat_read(arena, raw, &beat, &err)) {
		must(beat.id.n > 0);
		for (size_t i = 0; i < beat.n_sinks; i++)
			bytes += beat.sinks[i].n;
		for (size_t i = 0; i < beat.n_gave; i++)
			bytes += beat.gave[i].n;
	}
	if (roster_read(arena, raw, &roster, &err)) {
		for (size_t i = 0; i < roster.n; i++)
			bytes += roster.ids[i].n;
	}
	must(bytes <= 2 * raw.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* An exact copy with its padding, so that a read too far is noticed. */
	char *copy = mem_alloc(n + MEM_PADDING);
	struct arena arena;

	mem_copy(copy, (const char *)data, n);
	arena_init(&arena);
	read_lease(&arena, str_make(copy, n));
	read_registry(&arena, str_make(copy, n));
	read_workers(&arena, str_make(copy, n));
	arena_release(&arena);
	mem_free(copy);
	return 0;
}
