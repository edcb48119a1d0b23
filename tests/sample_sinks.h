/* SPDX-License-Identifier: Apache-2.0 */
/* Two sink types with an option of each kind, for tests of the configuration; they cannot be opened. */
#ifndef TESTS_SAMPLE_SINKS_H
#define TESTS_SAMPLE_SINKS_H

#include "config/option.h"
#include "consumer/engine/sink.h"

struct sample_options {
	char *path;
	bool sync;
	int codec;
	int64_t flush_ms, rotate_bytes, retries;
	struct texts labels;
};

static const char *const sample_codecs[] = {"none", "gzip", NULL};

/* Says what a path must be, or NULL. */
static inline const char *sample_path(struct str text)
{
	return str_starts(text, STR("/")) ? NULL : "an absolute path";
}

static const struct option_spec sample_specs[] = {
	{"path", OPTION_TEXT, offsetof(struct sample_options, path), .required = true,
	 .check = sample_path, .help = "Where to write."},
	{"sync", OPTION_BOOL, offsetof(struct sample_options, sync), .fallback = "true",
	 .help = "Whether to wait for the disk."},
	{"codec", OPTION_WORD, offsetof(struct sample_options, codec), .fallback = "none",
	 .words = sample_codecs, .help = "How to compress."},
	{"flush", OPTION_DURATION, offsetof(struct sample_options, flush_ms), .fallback = "1s",
	 .min = 10, .max = 60000, .help = "How often to flush."},
	{"rotate", OPTION_BYTES, offsetof(struct sample_options, rotate_bytes), .fallback = "64MiB",
	 .min = 4096, .max = (int64_t)1 << 40, .help = "When to begin a new file."},
	{"retries", OPTION_COUNT, offsetof(struct sample_options, retries), .fallback = "5",
	 .min = 0, .max = 100, .help = "How often to try."},
	{"labels", OPTION_TEXTS, offsetof(struct sample_options, labels),
	 .help = "What to call it."},
};

static const struct sink_type sample_file = {
	.name = "file",
	.help = "writes lines to a file",
	.options = sample_specs,
	.n_options = ARRAY_N(sample_specs),
	.options_bytes = sizeof(struct sample_options),
};

static const struct sink_type sample_stdout = {
	.name = "stdout",
	.help = "writes lines to standard output",
};

static const struct sink_type *const sample_sinks[] = {&sample_file, &sample_stdout};

#endif
