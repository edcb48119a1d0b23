/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/time.h"
#include "sinks/file_store_state.h"

enum { TRIES_MAX = 1000, SUFFIX_BYTES_MAX = 128 };

/* Appends digits, with zeros before them to the length of the longest sequence number. */
static void put_padded(struct buf *out, struct str digits)
{
	for (size_t n = digits.n; n < SEQNO_MAX; n++)
		buf_c(out, '0');
	buf_str(out, digits);
}

/*
 * Appends what distinguishes the file that begins with this record from others of its key: the sequence
 * number where all its records come from one shard, else the time and a number. `try`: how many such
 * names were found to be taken.
 */
static void put_suffix(const struct store *store, const struct event *event, unsigned try,
		       struct buf *out)
{
	if (!store->place.by_shard) {
		time_add_amz(out, store->wall_ms);
		buf_fmt(out, "-%06llu", (unsigned long long)store->ledger.next_id);
	} else if (event->op != EVENT_GAP) {
		put_padded(out, event->seqno);
	} else {
		put_padded(out, event->gap->after.kind == POSITION_AFTER
					? position_text(&event->gap->after)
					: STR(""));
		buf_str(out, STR("-gap"));
	}
	if (try > 0)
		buf_fmt(out, "-%u", try + 1);
	buf_c(out, '\0');
}

/* An output of the store's key whose names are free; NULL with `err`. */
static struct output *name_new(struct store *store, const struct event *event, struct error *err)
{
	struct output *output = NULL;
	struct buf suffix;

	buf_c(&store->key, '\0');
	if (store->key.failed) {
		error_set(err, ERROR_IO,
			  "the path of a file in %s would be longer than %d bytes: have fewer "
			  "values in path",
			  store->place.dir, KEY_BYTES_MAX);
		return NULL;
	}
	buf_init(&suffix, SUFFIX_BYTES_MAX);
	for (unsigned try = 0; output == NULL && try < TRIES_MAX; try++) {
		char *path, *final_path;

		buf_clear(&suffix);
		put_suffix(store, event, try, &suffix);
		must(!suffix.failed);
		path = place_path(&store->place, store->key.p, suffix.p, true);
		final_path = place_path(&store->place, store->key.p, suffix.p, false);
		if (access(path, F_OK) != 0 && access(final_path, F_OK) != 0) {
			output = output_new(store->ledger.next_id, store->key.p, suffix.p, path,
					    final_path);
			continue;
		}
		mem_free(path);
		mem_free(final_path);
	}
	if (output == NULL)
		error_set(err, ERROR_IO, "cannot find a name for a new file of %s%s",
			  store->place.dir, store->key.p);
	buf_release(&suffix);
	return output;
}

/*
 * Creates the file, and then has the journal say which it is: by its inode a start tells it from one that
 * another sink made by the same name. A crash between the two leaves an empty file.
 */
static bool create(struct store *store, struct output *output, struct error *err)
{
	struct ledger_file entry;
	struct buf entries;
	bool ok;

	if (!place_make_directories(&store->place, output->path, err) ||
	    !output_open(output, O_CREAT | O_EXCL, store->options.mode, false, err))
		return false;
	buf_init(&entries, ENTRIES_BYTES_MAX);
	output->opened_wall_ms = output->touched_wall_ms = store->wall_ms;
	store_entry(output, 0, &entry);
	ledger_put_next(&entries, output->id + 1);
	ledger_put_file(&entries, &entry);
	ok = store_write_entries(store, buf_view(&entries), err);
	buf_release(&entries);
	if (ok && journal_sync_directory(output->path, err))
		return true;
	unlink(output->path);
	if (ok)
		ledger_put_drop(&store->owed, output->id);
	return false;
}

struct output *roll_new(struct store *store, const struct event *event, struct error *err)
{
	struct output *output;

	output = name_new(store, event, err);
	if (output == NULL)
		return NULL;
	if (!create(store, output, err)) {
		output_free(output);
		return NULL;
	}
	roll_add(store, output);
	return output;
}

void roll_add(struct store *store, struct output *output)
{
	list_add(&store->outputs, &output->link);
	map_put(&store->by_key, str_of(output->key), output);
}

void roll_finish(struct store *store, struct output *output)
{
	struct error err;
	bool gone = true;

	map_remove(&store->by_key, str_of(output->key));
	if (output->durable == 0) {
		if (unlink(output->path) != 0)
			store_note(store, "wfile.not_removed path=\"%s\" error=\"%s\"",
				   output->path, error_errno(errno));
	} else if (output_rename(output, &err)) {
		store_note(store, "ifile.finished path=\"%s\" bytes=%lld", output->final_path,
			   (long long)output->durable);
	} else {
		/* What has a name still, keeps its entry: the next start looks at it again. */
		gone = err.code == ERROR_NOT_FOUND;
		store_note(store, "efile.not_finished error=\"%s\"", err.text);
	}
	if (gone)
		ledger_put_drop(&store->owed, output->id);
	output_free(output);
}

/* Whether a file is to be finished now. */
static bool is_due(const struct store *store, const struct output *output)
{
	const struct store_options *options = &store->options;

	return output->distrusted ||
	       (options->rotate_bytes > 0 && output->durable >= options->rotate_bytes) ||
	       (options->rotate_ms > 0 &&
		store->wall_ms - output->opened_wall_ms >= options->rotate_ms) ||
	       store->wall_ms - output->touched_wall_ms >= options->finish_ms;
}

void roll_finish_due(struct store *store, bool all)
{
	list_each(link, &store->outputs, spare) {
		struct output *output = CONTAINER_OF(link, struct output, link);

		if (all || is_due(store, output))
			roll_finish(store, output);
	}
}
