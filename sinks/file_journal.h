/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a file sink: its ledger on the disk, in a file beside the data.
 *
 * The journal begins with a line that says what it is. Then come frames: a line "= NUMBER BYTES CRC",
 * where frames are numbered from 1, and so many bytes of ledger entries, whose CRC-32 in hexadecimal
 * covers number and bytes too. A frame counts as a whole or not at all; a crash can leave a torn one at the
 * end. When it has grown long it is replaced by a new one, by rename. It is locked while it is open.
 *
 * The functions belong to one thread at a time.
 */
#ifndef SINKS_FILE_JOURNAL_H
#define SINKS_FILE_JOURNAL_H

#include "base/err.h"
#include "sinks/file_ledger.h"

struct journal {
	char *path;
	unsigned mode; /* of a new file */
	int fd; /* -1: closed after an error */
	int64_t size; /* up to here it is durable and whole */
	int64_t replaced_size; /* what it had when it was last made anew */
	uint64_t frames; /* so many of them */
	bool suspect; /* what is behind `size`, or which of two files has the name, is not known */
};

/*
 * Reads a journal's bytes into an empty ledger. `*good_out` is where the last whole frame ends, and
 * `*frames_out` its number. False with `err` when it is none, or damaged elsewhere than at its end.
 */
bool journal_scan(struct str bytes, struct ledger *ledger, int64_t *good_out, uint64_t *frames_out,
		  struct error *err);

/*
 * Opens, locks and reads the journal, and takes a torn end off. One that is not there is not made:
 * `*exists_out` is false then. The journal keeps a copy of `path`, and is to be closed even when this fails.
 */
bool journal_open(struct journal *journal, const char *path, unsigned mode, struct ledger *ledger,
		  bool *exists_out, struct error *err);

/* Makes entries durable as one frame. When this fails, journal_mend must work before the next. */
bool journal_append(struct journal *journal, struct str entries, struct error *err);

/* Puts a new journal with these entries alone in the place of the old one. */
bool journal_replace(struct journal *journal, const struct ledger *ledger, struct error *err);

/* After a failure: makes sure that the journal on the disk says what `ledger` does. */
bool journal_mend(struct journal *journal, const struct ledger *ledger, struct error *err);

/* Whether it is long enough to be replaced. */
bool journal_is_long(const struct journal *journal);

/* Closes the file, which unlocks it, and frees. */
void journal_close(struct journal *journal);

/* Makes the names in the directory of `path` durable. */
bool journal_sync_directory(const char *path, struct error *err);

#endif
