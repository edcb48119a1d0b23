/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/file_store_state.h"

/* Copies what the ledger knows into an output. */
static void take_entry(struct output *output, const struct ledger_file *entry)
{
	output->opened_wall_ms = entry->opened_wall_ms;
	output->touched_wall_ms = entry->touched_wall_ms;
}

/*
 * Takes an open file back to its durable length. One that is shorter was cut by somebody: it is used as
 * it is. False with `err` when the disk does not let us.
 */
static bool cut_to(struct store *store, struct output *output, int64_t length, struct error *err)
{
	if (output->durable > length) {
		if (ftruncate(output->fd, length) != 0)
			return error_set(err, ERROR_IO, "cannot truncate %s: %s", output->path,
					 error_errno(errno));
		store_note(store, "wfile.unfinished_end_removed path=\"%s\" bytes=%lld",
			   output->path, (long long)(output->durable - length));
		output->durable = output->written = length;
	} else if (output->durable < length) {
		store_note(store,
			   "efile.cut_by_someone path=\"%s\" bytes=%lld error=\"records that were "
			   "acknowledged are no longer there\"",
			   output->path, (long long)(length - output->durable));
	}
	return true;
}

/* Whether a file was given its final name before a crash. */
static bool was_finished(const struct output *output, const struct ledger_file *entry)
{
	struct stat st;

	return stat(output->final_path, &st) == 0 && st.st_ino == entry->ino;
}

/*
 * Takes up a file that was open: goes on with it, or finishes it when it was cut. What was only about to
 * be created is removed. Says by *keep_out whether it is one of the store's again.
 */
static bool take_up(struct store *store, struct output *output, const struct ledger_file *entry,
		    bool *keep_out, struct error *err)
{
	*keep_out = false;
	if (!output_open(output, 0, 0, false, err)) {
		if (access(output->path, F_OK) == 0)
			return false;
		if (entry->length > 0 && !was_finished(output, entry))
			store_note(store, "wfile.vanished path=\"%s\"", output->path);
		return true;
	}
	if (entry->ino != 0 && entry->ino != output->ino) {
		store_note(store, "wfile.not_ours path=\"%s\"", output->path);
		return true;
	}
	if (entry->length == 0) {
		if (unlink(output->path) != 0)
			return error_set(err, ERROR_IO, "cannot remove %s: %s", output->path,
					 error_errno(errno));
		return true;
	}
	*keep_out = cut_to(store, output, entry->length, err);
	output->distrusted = output->durable < entry->length;
	return *keep_out;
}

/* Takes up all files that were open and have a final name to come. */
static bool take_up_all(struct store *store, struct error *err)
{
	list_each(link, &store->ledger.files, spare) {
		const struct ledger_file *entry = CONTAINER_OF(link, struct ledger_file, link);
		struct output *output;
		bool keep;

		if (entry->suffix[0] == '\0') {
			if (store->rolls)
				ledger_put_drop(&store->owed, entry->id);
			continue;
		}
		output = output_new(entry->id, entry->key, entry->suffix,
				    place_path(&store->place, entry->key, entry->suffix, true),
				    place_path(&store->place, entry->key, entry->suffix, false));
		take_entry(output, entry);
		if (!take_up(store, output, entry, &keep, err)) {
			output_free(output);
			return false;
		}
		if (!keep) {
			ledger_put_drop(&store->owed, entry->id);
			output_free(output);
			continue;
		}
		if (map_get(&store->by_key, str_of(output->key)) != NULL || !store->rolls)
			roll_finish(store, output);
		else
			roll_add(store, output);
	}
	roll_finish_due(store, false);
	return true;
}

/* The ledger's entry of the one file that keeps its name, or NULL. */
static const struct ledger_file *plain_entry(const struct store *store, const char *key)
{
	list_each(link, &store->ledger.files, spare) {
		const struct ledger_file *file = CONTAINER_OF(link, struct ledger_file, link);

		if (file->suffix[0] == '\0' && str_eq(str_of(file->key), str_of(key)))
			return file;
	}
	return NULL;
}

/* Takes a file that the journal does not know as it is, with whole records. */
static bool adopt(struct store *store, struct output *output, struct error *err)
{
	int64_t cut;

	if (output->durable == 0)
		return true;
	if (store->pack != NULL)
		return error_set(err, ERROR_CONFIG,
				 "%s is there already, and the journal %s does not know it: move "
				 "it away, so that a new one is begun",
				 output->path, store->journal.path);
	store_note(store, "wfile.not_in_journal path=\"%s\" bytes=%lld journal=\"%s\"",
		   output->path, (long long)output->durable, store->journal.path);
	if (!output_repair(output, &cut, err))
		return false;
	if (cut > 0)
		store_note(store, "wfile.torn_line_removed path=\"%s\" bytes=%lld", output->path,
			   (long long)cut);
	return true;
}

/* Opens the one file, creating it if need be, and has it agree with the ledger. */
static bool open_plain(struct store *store, struct output *output, const struct ledger_file *entry,
		       bool *created_out, struct error *err)
{
	struct error first;

	*created_out = output_open(output, O_CREAT | O_EXCL, store->options.mode, true, &first);
	/* It exists, or cannot be created: the second attempt knows. */
	if (!*created_out && !output_open(output, O_CREAT, store->options.mode, true, err))
		return false;
	if (entry != NULL && entry->ino == output->ino) {
		take_entry(output, entry);
		if (!cut_to(store, output, entry->length, err))
			return false;
	} else if (!adopt(store, output, err)) {
		return false;
	}
	if (!*created_out && fdatasync(output->fd) != 0)
		return error_set(err, ERROR_IO, "cannot sync %s: %s", output->path,
				 error_errno(errno));
	return true;
}

/* Writes down the file as it is now, if the ledger has it otherwise. */
static bool note_plain(struct store *store, const struct output *output, struct error *err)
{
	const struct ledger_file *entry = plain_entry(store, output->key);
	struct ledger_file now;
	struct buf entries;
	bool ok;

	if (entry != NULL && entry->ino == output->ino && entry->length == output->durable)
		return true;
	buf_init(&entries, ENTRIES_BYTES_MAX);
	store_entry(output, output->durable, &now);
	ledger_put_next(&entries, output->id < store->ledger.next_id ? store->ledger.next_id
								     : output->id + 1);
	ledger_put_file(&entries, &now);
	if (store->journal.fd < 0) /* the journal that is about to be made says it */
		ok = ledger_apply(&store->ledger, buf_view(&entries));
	else
		ok = store_write_entries(store, buf_view(&entries), err);
	buf_release(&entries);
	return ok;
}

/* Opens the one file that keeps its name; false with `err`. */
static bool plain(struct store *store, struct error *err)
{
	struct source nowhere = {0};
	struct event nothing = {0};
	const struct ledger_file *entry;
	struct output *output;
	bool created;

	buf_clear(&store->key);
	place_put_key(&store->place, &nowhere, &nothing, &store->key);
	buf_c(&store->key, '\0');
	must(!store->key.failed);
	entry = plain_entry(store, store->key.p);
	output = output_new(entry != NULL ? entry->id : store->ledger.next_id, store->key.p, "",
			    place_plain(&store->place, store->key.p), NULL);
	output->opened_wall_ms = output->touched_wall_ms = store->wall_ms;
	/* Without a journal, the directory is synced when that is made. */
	if (!open_plain(store, output, entry, &created, err) ||
	    (created && store->journal.fd >= 0 && !journal_sync_directory(output->path, err)) ||
	    !note_plain(store, output, err)) {
		output_free(output);
		return false;
	}
	list_add(&store->outputs, &output->link);
	return true;
}

bool recover_first(struct store *store, bool journal_exists, struct error *err)
{
	if (!take_up_all(store, err) || (!store->rolls && !plain(store, err)))
		return false;
	return journal_exists || journal_replace(&store->journal, &store->ledger, err);
}

bool recover_again(struct store *store, struct error *err)
{
	/* The journal first: it must never say more than the files hold. */
	if (!journal_mend(&store->journal, &store->ledger, err))
		return false;
	if (!store->rolls && list_empty(&store->outputs) && !plain(store, err))
		return false;
	list_each(link, &store->outputs, spare) {
		struct output *output = CONTAINER_OF(link, struct output, link);

		if (!output_mend(output, !store->rolls, err))
			return false;
	}
	store->broken = false;
	if (store->rolls)
		roll_finish_due(store, false);
	return true;
}

/* Whether the one file still has its name, and all that it should have. */
static bool is_in_place(const struct output *output)
{
	struct stat ours, named;

	return fstat(output->fd, &ours) == 0 && stat(output->path, &named) == 0 &&
	       ours.st_ino == named.st_ino && ours.st_dev == named.st_dev &&
	       ours.st_size >= output->durable;
}

/* Lets go of files that are no longer what they were. */
static void forget_lost(struct store *store)
{
	list_each(link, &store->outputs, spare) {
		struct output *output = CONTAINER_OF(link, struct output, link);
		struct stat st;

		if (fstat(output->fd, &st) == 0 && st.st_nlink > 0 && st.st_size >= output->durable)
			continue;
		store_note(store, "efile.lost path=\"%s\"", output->path);
		map_remove(&store->by_key, str_of(output->key));
		ledger_put_drop(&store->owed, output->id);
		output_free(output);
	}
}

bool recover_reopen(struct store *store, struct error *err)
{
	struct output *output;
	struct error why;

	if (store->rolls) {
		forget_lost(store);
		if (store->broken && !recover_again(store, err))
			return false;
		roll_finish_due(store, true);
		return true;
	}
	if (!list_empty(&store->outputs)) {
		output = list_first(&store->outputs, struct output, link);
		if (is_in_place(output))
			return true;
		/* What was written and not acknowledged does not stay in what was moved away. */
		if (store->broken && !output_back(output, &why))
			store_note(store, "wfile.not_cut error=\"%s\"", why.text);
		output_free(output);
	}
	if (store->broken && !journal_mend(&store->journal, &store->ledger, err))
		return false;
	if (!plain(store, err))
		return false;
	store->broken = false;
	store_note(store, "ifile.reopened path=\"%s\"",
		   list_first(&store->outputs, struct output, link)->path);
	return true;
}
