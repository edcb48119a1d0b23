/* SPDX-License-Identifier: Apache-2.0 */
/* Two sink types with an option of each kind, and two formats, for tests of the configuration; none can be
   opened. */
#ifndef TESTS_SAMPLE_SINKS_H
#define TESTS_SAMPLE_SINKS_H

#include "config/config.h"
#include "consumer/engine/sink.h"

struct sample_options {
	char *path;
	bool sync;
	int codec;
	int64_t flush_ms, rotate_bytes, retries;
	struct texts labels;
	struct pairs headers;
	int64_t extra;
};

static const char *const sample_codecs[] = {"none", "gzip", NULL};

/* Says what a path must be, or NULL. */
static inline const char *sample_path(struct str text)
{
	return str_starts(text, STR("/")) ? NULL : "an absolute path";
}

/* Says what a header's name must be, or NULL. */
static inline const char *sample_header(struct str text)
{
	return str_starts(text, STR("X-")) ? NULL : "a name that begins with X-";
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
	{"extra", OPTION_COUNT, offsetof(struct sample_options, extra), .fallback = "1", .min = 1,
	 .max = 9, .help = "How often to wait.", .needs = "sync"},
	{"headers", OPTION_PAIRS, offsetof(struct sample_options, headers),
	 .check_name = sample_header, .help = "What to write first."},
};

/* Refuses retries that nothing is flushed for. */
static inline bool sample_check(const void *options_p, const struct format_type *format,
				struct option_fault *fault)
{
	const struct sample_options *options = options_p;

	if (options->retries > 0 || !options->sync || str_eq(str_of(format->name), STR("bare")))
		return true;
	fault->option = "retries";
	return error_set(&fault->why, ERROR_CONFIG, "sync without retries makes no sense");
}

static const struct sink_type sample_file = {
	.name = "file",
	.help = "writes lines to a file",
	.options = sample_specs,
	.n_options = ARRAY_N(sample_specs),
	.options_bytes = sizeof(struct sample_options),
	.check = sample_check,
};

static const struct sink_type sample_stdout = {
	.name = "stdout",
	.help = "writes lines to standard output",
};

static const struct sink_type *const sample_sinks[] = {&sample_file, &sample_stdout};

struct sample_form {
	bool mask, summary;
	int numbers, raw, undecodable;
};

static const char *const sample_numbers[] = {"string", "json", NULL};
static const char *const sample_raw[] = {"undecodable", "always", NULL};
static const char *const sample_undecodable[] = {"safe", "raw", NULL};

static const struct option_spec sample_form_specs[] = {
	{"mask", OPTION_BOOL, offsetof(struct sample_form, mask), .fallback = "true",
	 .help = "Whether secrets are shown as ***."},
	{"numbers", OPTION_WORD, offsetof(struct sample_form, numbers), .fallback = "string",
	 .words = sample_numbers, .help = "How numbers are written."},
	{"raw", OPTION_WORD, offsetof(struct sample_form, raw), .fallback = "undecodable",
	 .words = sample_raw, .help = "When bytes are shown."},
	{"undecodable", OPTION_WORD, offsetof(struct sample_form, undecodable), .fallback = "safe",
	 .words = sample_undecodable, .help = "What is shown of the undecodable."},
	{"summary", OPTION_BOOL, offsetof(struct sample_form, summary), .fallback = "false",
	 .help = "Whether to tell it in words."},
};

/* Whether secrets go out in clear. */
static inline bool sample_shows_secrets(const void *options)
{
	return !((const struct sample_form *)options)->mask;
}

static const struct format_type sample_plain = {
	.name = "plain",
	.help = "one line per change",
	.options = sample_form_specs,
	.n_options = ARRAY_N(sample_form_specs),
	.options_bytes = sizeof(struct sample_form),
	.shows_secrets = sample_shows_secrets,
};

static const struct format_type sample_bare = {
	.name = "bare",
	.help = "nothing but the key",
	.shows_secrets = sample_shows_secrets,
};

static const struct format_type *const sample_formats[] = {&sample_plain, &sample_bare};

static const struct config_known sample_known = {
	.sinks = sample_sinks,
	.n_sinks = ARRAY_N(sample_sinks),
	.formats = sample_formats,
	.n_formats = ARRAY_N(sample_formats),
};

#endif
