/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: YAML in, one plain struct out, or every error at once.
 *
 * Each error has file:line:column, the source line, a caret and, for an unknown word, the nearest known
 * one. Nothing here looks at the network, the environment or other files.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/option.h"
#include "proto/profile.h"

struct format_type;
struct sink_type;

enum { CONFIG_SINKS_MAX = 16, CONFIG_TABLES_MAX = 1000, CONFIG_FILE_MAX = 1 << 20 };

enum config_start { CONFIG_TRIM_HORIZON, CONFIG_LATEST, CONFIG_TIME };
enum config_leases { CONFIG_NATIVE, CONFIG_KCL };
enum config_gap { CONFIG_GAP_FAIL, CONFIG_GAP_SKIP };

/* The sink types and event formats that exist; the first format is the default. */
struct config_known {
	const struct sink_type *const *sinks;
	size_t n_sinks;
	const struct format_type *const *formats;
	size_t n_formats;
};

struct config_table {
	char *name;
	const struct profile *profile; /* NULL: plain */
	const struct profile_role *role; /* set exactly when profile is */
	char *profile_name, *role_name; /* as written */
	char *start_text; /* as written */
	enum config_start start;
	int64_t start_wall_ms; /* CONFIG_TIME */
	struct pairs start_after; /* sequence numbers by shard id */
	int on_gap; /* enum config_gap */
};

struct config_sink {
	char *name;
	const struct sink_type *type;
	void *options; /* the type's own struct */
	struct texts tables; /* empty: all */
	const struct format_type *format;
	void *format_options; /* the format's own struct */
	/* What becomes of records that the sink refuses. */
	char *dead_letter_name; /* as written; NULL: they block */
	int dead_letter; /* index of the sink that gets them, -1: none */
	int64_t max_attempts, max_age_ms; /* 0: no limit */
	bool letters_only; /* gets others' dead letters and no table */
};

struct config {
	char *application;
	char *region; /* NULL: from the environment or the AWS profile */
	char *endpoint; /* NULL: AWS's own */
	char *endpoint_streams; /* NULL: as endpoint */
	char *aws_profile; /* NULL: AWS_PROFILE or "default" */
	char *ca_file; /* NULL: the system's */
	struct {
		char *table; /* never NULL once loaded: ddbtap-<application> by default */
		char *own_table; /* the same, or with CONFIG_KCL <table>-ddbtap */
		int leases; /* enum config_leases */
		int64_t interval_ms;
	} checkpoint;
	struct {
		char *id; /* NULL: made from the host's name */
		int64_t lease_ms, heartbeat_ms;
		int64_t max_leases;
	} worker;
	struct {
		int64_t budget_bytes, window_bytes;
		int64_t detach_after_ms;
		int64_t poll_floor_ms, max_latency_ms;
		int64_t max_reads_per_month; /* 0: no limit */
		int64_t discovery_ms;
		int64_t request_timeout_ms, drain_timeout_ms;
		int64_t stalled_after_ms;
	} engine;
	struct {
		char *listen; /* NULL: nowhere */
	} http;
	struct {
		int level; /* enum io_level */
	} log;
	struct config_table *tables;
	size_t n_tables;
	struct config_sink *sinks;
	size_t n_sinks;
	struct arena arena; /* all of the above lives in it */
};

/*
 * Reads `text`, called `file` in messages. On errors returns NULL and appends all of them, ready to print,
 * to `out`. Freed with config_free (NULL is fine).
 */
struct config *config_parse(struct str file, struct str text, const struct config_known *known,
			    struct buf *out);

/* Frees a configuration; NULL is allowed. */
void config_free(struct config *config);

/* Appends the reference of all options, as Markdown, from the option tables. */
void config_reference(const struct config_known *known, struct buf *out);

/* Appends the short list of all options for --help, from the same tables. */
void config_help(const struct config_known *known, struct buf *out);

/* Whether a sink gets the changes of the table called `table`. */
bool config_sink_takes(const struct config_sink *sink, struct str table);

#endif
