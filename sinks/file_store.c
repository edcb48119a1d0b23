/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file_store.h"

#include "base/time.h"
#include "sinks/file_store_state.h"

enum {
	REMEMBER_MS = 48 * HOUR_MS, /* shards; a stream keeps its records for half of that */
	NOTE_BYTES_MAX = 2048,
};

/* A group on its way through the store. */
struct pass {
	size_t walked; /* bytes of the group that were looked at */
	size_t durable;
	enum output_end end; /* why it failed */
	struct error why;
};

void store_note(struct store *store, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (store->notes.n + NOTE_BYTES_MAX < NOTES_BYTES_MAX) {
		buf_vfmt(&store->notes, fmt, ap);
		buf_c(&store->notes, '\n');
	}
	va_end(ap);
}

void store_log_notes(struct store *store, struct io *io, struct str sink)
{
	struct str rest = buf_view(&store->notes);

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n'), event = str_skip(line, 1), more;
		enum io_level level = IO_INFO;

		if (line.n > 0)
			level = line.p[0] == 'e' ? IO_ERROR : line.p[0] == 'w' ? IO_WARN : IO_INFO;
		more = str_skip(event, str_find(event, ' '));
		io_log(io, level, "%.*s sink=%.*s%.*s",
		       STR_ARG(str_head(event, str_find(event, ' '))), STR_ARG(sink),
		       STR_ARG(more));
	}
	buf_clear(&store->notes);
}

bool store_write_entries(struct store *store, struct str entries, struct error *err)
{
	if (!journal_append(&store->journal, entries, err)) {
		store->broken = true;
		return false;
	}
	pthread_mutex_lock(&store->lock);
	must(ledger_apply(&store->ledger, entries));
	pthread_mutex_unlock(&store->lock);
	return true;
}

void store_entry(const struct output *output, off_t length, struct ledger_file *entry)
{
	*entry = (struct ledger_file){
		.id = output->id,
		.ino = output->ino,
		.length = length,
		.opened_wall_ms = output->opened_wall_ms,
		.touched_wall_ms = output->touched_wall_ms,
		.suffix = output->suffix,
		.key = output->key,
	};
}

/* Forgets what is under way. */
static void drop_pending(struct store *store)
{
	list_each(link, &store->changed, spare)
		list_remove(link);
	list_each(link, &store->outputs, spare)
		CONTAINER_OF(link, struct output, link)->n = 0;
}

/* Appends what the shards with records in this frame have with it. */
static void put_shards(struct store *store, struct buf *out)
{
	list_each(link, &store->changed, spare) {
		const struct ledger_shard *shard = CONTAINER_OF(link, struct ledger_shard, changed);
		struct ledger_shard next = {
			.at = shard->next_at,
			.epoch = shard->next_epoch,
			.gaps = shard->next_gaps,
			.time_ms = shard->next_time_ms,
			.touched_wall_ms = store->wall_ms,
		};

		ledger_put_shard(out, str_make(shard->key, shard->key_n), &next);
	}
}

/* Makes everything durable that was walked over; false with pass->why. */
static bool flush(struct store *store, struct pass *pass)
{
	struct ledger_file entry;
	struct buf entries;
	bool ok = true;

	buf_init(&entries, ENTRIES_BYTES_MAX);
	buf_str(&entries, buf_view(&store->owed));
	list_each(link, &store->outputs, spare) {
		struct output *output = CONTAINER_OF(link, struct output, link);

		if (output->n == 0)
			continue;
		pass->end = output_write(output, store->pack, &pass->why);
		output->distrusted |= pass->end == OUTPUT_UNSYNCED;
		if (pass->end != OUTPUT_GOOD) {
			ok = false;
			goto out;
		}
		output->touched_wall_ms = store->wall_ms;
		store_entry(output, output->written, &entry);
		ledger_put_file(&entries, &entry);
	}
	put_shards(store, &entries);
	must(!entries.failed);
	if (entries.n > 0 && !store_write_entries(store, buf_view(&entries), &pass->why)) {
		pass->end = pass->why.code == ERROR_RETRY ? OUTPUT_FULL : OUTPUT_UNSYNCED;
		ok = false;
		goto out;
	}
	buf_clear(&store->owed);
	list_each(link, &store->outputs, spare) {
		struct output *output = CONTAINER_OF(link, struct output, link);

		if (output->n > 0)
			output->durable = output->written;
	}
	drop_pending(store);
	pass->durable = pass->walked;
out:
	buf_release(&entries);
	return ok;
}

/* The file that a record goes into; NULL with pass->why. */
static struct output *output_for(struct store *store, const struct delivery *delivery, size_t i,
				 struct pass *pass)
{
	struct output *output;

	if (!store->rolls)
		return list_first(&store->outputs, struct output, link);
	buf_clear(&store->key);
	place_put_key(&store->place, delivery->source, &delivery->events[i], &store->key);
	output = map_get(&store->by_key, buf_view(&store->key));
	if (output == NULL && map_n(&store->by_key) >= store->options.files_max) {
		/* What is under way may be in the file that has to go. */
		if (!flush(store, pass))
			return NULL;
		roll_finish(store, list_first(&store->outputs, struct output, link));
	}
	if (output == NULL)
		output = roll_new(store, &delivery->events[i], &pass->why);
	if (output == NULL) {
		pass->end = pass->why.code == ERROR_RETRY ? OUTPUT_FULL : OUTPUT_BROKEN;
		return NULL;
	}
	list_remove(&output->link);
	list_add(&store->outputs, &output->link);
	return output;
}

/* Where the run of records ends that begins with record `from` and goes into the same file. */
static size_t run_end(const struct store *store, const struct delivery *delivery, size_t from)
{
	size_t to = from + 1;

	if (!store->place.timed)
		return delivery->n;
	while (to < delivery->n &&
	       delivery->events[to].time_ms / HOUR_MS == delivery->events[from].time_ms / HOUR_MS)
		to++;
	return to;
}

/* Remembers that the next frame has the delivery's shard up to record `last`. False when that is a gap
   record that is there already. */
static bool note_shard(struct store *store, const struct delivery *delivery, size_t last)
{
	const struct event *event = &delivery->events[last];
	struct ledger_shard *shard;

	if (delivery->letter)
		return true;
	pthread_mutex_lock(&store->lock);
	shard = ledger_shard(&store->ledger, delivery->source);
	pthread_mutex_unlock(&store->lock);
	if (list_empty(&shard->changed)) {
		shard->next_at = shard->at;
		shard->next_epoch = shard->epoch;
		shard->next_gaps = shard->gaps;
		shard->next_time_ms = shard->time_ms;
		list_add(&store->changed, &shard->changed);
	}
	/* What was handed over before a seek says nothing of where the replay is. */
	if (delivery->source->epoch < shard->next_epoch)
		return true;
	if (delivery->source->epoch > shard->next_epoch) {
		shard->next_epoch = delivery->source->epoch;
		shard->next_at = position_start();
		shard->next_gaps = 0;
	}
	if (event->op != EVENT_GAP) {
		shard->next_at = position_after(event->seqno);
		shard->next_gaps = 0;
		shard->next_time_ms = event->time_ms;
		return true;
	}
	if (position_cmp(&event->gap->after, &shard->next_at) > 0 &&
	    event->gap->after.kind == POSITION_AFTER) {
		shard->next_at = event->gap->after;
		shard->next_gaps = 0;
	}
	if ((shard->next_gaps & ledger_gap_bit(event->gap)) != 0)
		return false;
	shard->next_gaps |= ledger_gap_bit(event->gap);
	return true;
}

/* The bytes of the records from `from` up to `to`. */
static struct str bytes_of(const struct delivery *delivery, size_t from, size_t to)
{
	size_t at = from == 0 ? 0 : delivery->ends[from - 1] - delivery->base;

	return str_make(delivery->bytes.p + at, delivery->ends[to - 1] - delivery->base - at);
}

/* Gives the records of a delivery to their files; false with pass->why. */
static bool walk(struct store *store, const struct delivery *delivery, struct pass *pass)
{
	for (size_t from = 0, to; from < delivery->n; from = to) {
		struct output *output;
		struct str bytes;

		to = run_end(store, delivery, from);
		output = output_for(store, delivery, from, pass);
		if (output == NULL)
			return false;
		bytes = bytes_of(delivery, from, to);
		if (note_shard(store, delivery, to - 1))
			output_add(output, bytes);
		pass->walked += bytes.n;
	}
	return true;
}

/* What the engine is told of a failure. */
static enum delivery_result result_of(enum output_end end)
{
	switch (end) {
	case OUTPUT_GOOD:
	case OUTPUT_FULL:
	case OUTPUT_BROKEN:
	case OUTPUT_TOUCHED:
		return DELIVERY_RETRY;
	case OUTPUT_UNSYNCED:
	case OUTPUT_GONE:
		return DELIVERY_FATAL;
	}
	return DELIVERY_FATAL;
}

/* A group failed: takes everything back to what is durable, and says so. */
static void give_up(struct store *store, struct pass *pass, struct lines_group *group)
{
	struct error why;

	group->result = result_of(pass->end);
	group->why = pass->why;
	group->durable_bytes = pass->durable;
	drop_pending(store);
	/* A full disk leaves the open files sound; anything else does not. */
	store->broken |= pass->end != OUTPUT_FULL;
	list_each(link, &store->outputs, spare) {
		if (!store->broken && !output_back(CONTAINER_OF(link, struct output, link), &why))
			store->broken = true;
	}
	if (!store->broken || recover_again(store, &why))
		return;
	if (why.code != ERROR_RETRY)
		group->result = DELIVERY_FATAL;
	if (pass->end != OUTPUT_GONE)
		error_set(&group->why, ERROR_IO, "%.190s; and then: %.190s", pass->why.text,
			  why.text);
}

/* What there is to do besides: files to be finished, a journal that has grown long. */
static void keep_house(struct store *store)
{
	struct error why;

	if (store->rolls)
		roll_finish_due(store, false);
	/* Who reads finished files may take them away: the journal lets go of them at once. */
	if (store->owed.n > 0) {
		if (!store_write_entries(store, buf_view(&store->owed), &why)) {
			store_note(store, "wfile.finish_not_noted error=\"%s\"", why.text);
			return;
		}
		buf_clear(&store->owed);
	}
	if (!journal_is_long(&store->journal))
		return;
	pthread_mutex_lock(&store->lock);
	ledger_forget(&store->ledger, store->wall_ms - REMEMBER_MS);
	pthread_mutex_unlock(&store->lock);
	/* The old one still says it all, unless it is not known which of the two has the name. */
	if (!journal_replace(&store->journal, &store->ledger, &why)) {
		store->broken |= store->journal.suspect;
		store_note(store, "wfile.journal_not_shortened error=\"%s\"", why.text);
	}
}

/* Does what SIGHUP asks for, and mends what is broken; false with `err`. */
static bool make_ready(struct store *store, struct error *err)
{
	bool reopen = atomic_exchange(&store->reopen, false);

	if (reopen && !recover_reopen(store, err)) {
		store->reopen = true;
		return false;
	}
	return !store->broken || recover_again(store, err);
}

void store_commit(void *arg, struct lines_group *group)
{
	struct store *store = arg;
	struct pass pass = {.end = OUTPUT_GOOD};
	bool ok = true;

	store->wall_ms = group->wall_ms;
	group->result = DELIVERY_OK;
	group->durable_bytes = group->total_bytes;
	if (!make_ready(store, &pass.why)) {
		if (group->n == 0)
			return;
		group->durable_bytes = 0;
		group->why = pass.why;
		group->result = pass.why.code == ERROR_RETRY ? DELIVERY_RETRY : DELIVERY_FATAL;
		return;
	}
	list_each(link, group->deliveries, spare) {
		if (ok)
			ok = walk(store, CONTAINER_OF(link, struct delivery, link), &pass);
	}
	if (!ok || (group->n > 0 && !flush(store, &pass)))
		give_up(store, &pass, group);
	else
		keep_house(store);
}

struct position store_position(struct store *store, const struct source *source)
{
	struct position at = position_start();
	const struct ledger_shard *shard;

	pthread_mutex_lock(&store->lock);
	shard = ledger_find(&store->ledger, source);
	if (shard != NULL && shard->epoch == source->epoch)
		at = shard->at;
	pthread_mutex_unlock(&store->lock);
	return at;
}

void store_ask_reopen(struct store *store)
{
	store->reopen = true;
}

bool store_rolls(const struct store *store)
{
	return store->rolls;
}

struct store *store_new(const struct store_options *options, struct str sink, int64_t wall_ms,
			struct error *err)
{
	struct store *store = mem_alloc(sizeof(*store));
	bool exists, ok;
	char *path;

	store->options = *options;
	store->wall_ms = wall_ms;
	must(pthread_mutex_init(&store->lock, NULL) == 0);
	ledger_init(&store->ledger);
	list_init(&store->outputs);
	list_init(&store->changed);
	map_init(&store->by_key);
	buf_init(&store->owed, ENTRIES_BYTES_MAX);
	buf_init(&store->key, KEY_BYTES_MAX);
	buf_init(&store->notes, NOTES_BYTES_MAX);
	place_init(&store->place, options->path, options->pack);
	store->rolls = store->place.varies || options->rotate_bytes > 0 || options->rotate_ms > 0;
	if (options->pack != PACK_NONE)
		store->pack = pack_new(options->pack);
	path = place_journal(&store->place, sink);
	ok = journal_open(&store->journal, path, options->mode, &store->ledger, &exists, err) &&
	     recover_first(store, exists, err);
	mem_free(path);
	if (ok)
		return store;
	store_free(store);
	return NULL;
}

void store_free(struct store *store)
{
	while (!list_empty(&store->outputs))
		output_free(list_first(&store->outputs, struct output, link));
	journal_close(&store->journal);
	list_each(link, &store->changed, spare)
		list_remove(link);
	ledger_release(&store->ledger);
	map_release(&store->by_key);
	place_release(&store->place);
	pack_free(store->pack);
	buf_release(&store->owed);
	buf_release(&store->key);
	buf_release(&store->notes);
	pthread_mutex_destroy(&store->lock);
	mem_free(store);
}
