/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of a file sink that is being written: what it is called, how much of it is durable, and what is
 * to be written next. The functions belong to the writer's thread.
 */
#ifndef SINKS_FILE_OUTPUT_H
#define SINKS_FILE_OUTPUT_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "sinks/file_pack.h"

struct output {
	struct list link; /* the least recently written first */
	uint64_t id; /* in the ledger */
	char *key; /* its place, as the path has it, from the fixed directory on */
	char *suffix; /* what its final name has besides */
	char *path; /* what it is called while it is open */
	char *final_path; /* what it will be called; NULL: this stays */
	int fd;
	uint64_t ino;
	off_t durable; /* on the disk and in the journal */
	off_t written; /* where it will end when what is under way is durable */
	int64_t opened_wall_ms, touched_wall_ms;
	struct iovec *parts; /* to be written, of deliveries */
	size_t n, cap;
	bool moved; /* its name was taken away; it is still there */
	bool distrusted; /* a sync failed: nothing more goes into it if it can be helped */
};

/* How a write ended. */
enum output_end {
	OUTPUT_GOOD,
	OUTPUT_FULL, /* no space */
	OUTPUT_BROKEN, /* an I/O error in the write */
	OUTPUT_UNSYNCED, /* the sync failed: what reached the disk is not known */
	OUTPUT_TOUCHED, /* somebody else wrote into it */
	OUTPUT_GONE, /* somebody else deleted or cut it */
};

/* An output that is not open; takes `path` and `final_path` over, copies the rest. */
struct output *output_new(uint64_t id, const char *key, const char *suffix, char *path,
			  char *final_path);

/* Closes and frees. */
void output_free(struct output *output);

/* Opens the file with more `flags`; `lock`: and locks it against other processes. Sets ino, and `durable`
   to its length. */
bool output_open(struct output *output, int flags, mode_t mode, bool lock, struct error *err);

/* Adds bytes to what is to be written; they must stay until then. */
void output_add(struct output *output, struct str bytes);

/* Writes what was added, packed if `pack`, and syncs it; unless OUTPUT_GOOD, `err` says what is wrong. */
enum output_end output_write(struct output *output, struct pack *pack, struct error *err);

/* Forgets what was added and takes the file back to `durable`; false with `err`. */
bool output_back(struct output *output, struct error *err);

/* After an error of the disk: opens the same file anew and takes it back; false with `err`. */
bool output_mend(struct output *output, bool lock, struct error *err);

/* Takes a torn last line off; `*cut_out` is its length. */
bool output_repair(struct output *output, int64_t *cut_out, struct error *err);

/* Gives the file its final name, durably; false with `err`. */
bool output_rename(struct output *output, struct error *err);

#endif
