/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole configurations: what a good one becomes, and, for each tests/golden/config/NAME.yaml, that the
 * complaints are those of NAME.txt. UPDATE_GOLDEN=1 writes the .txt files anew; look at the diff then.
 */
#include "config/config.h"

#include <dirent.h>
#include <stdlib.h>

#include "consumer/engine/io.h"
#include "tests/check.h"
#include "tests/sample_sinks.h"

static const char folder[] = "tests/golden/config";

/* Parses `text`; complaints go to `out`, which the caller releases. */
static struct config *parse(const char *file, struct str text, struct buf *out)
{
	buf_init(out, 1 << 20);
	return config_parse(str_of(file), text, &sample_known, out);
}

/* Parses a text that must be good. */
static struct config *parse_good(const char *text)
{
	struct buf out;
	struct config *config = parse("good", str_of(text), &out);

	CHECK_STR(buf_view(&out), "");
	CHECK(config != NULL);
	buf_release(&out);
	return config;
}

static void the_smallest_configuration_has_all_defaults(void)
{
	struct config *c = parse_good("application: audit\ntables: [{name: orders}]\n"
				      "sinks: {out: {type: stdout}}\n");
	struct sample_form *form;

	if (c == NULL)
		return;
	CHECK_STR(str_of(c->application), "audit");
	CHECK_STR(str_of(c->checkpoint.table), "ddbtap-audit");
	CHECK(c->region == NULL && c->endpoint == NULL && c->endpoint_streams == NULL);
	CHECK(c->aws_profile == NULL && c->ca_file == NULL && c->worker.id == NULL);
	CHECK_INT(c->checkpoint.interval_ms, 1000);
	CHECK_INT(c->worker.lease_ms, 10000);
	CHECK_INT(c->worker.heartbeat_ms, 3000);
	CHECK_INT(c->engine.budget_bytes, 256 << 20);
	CHECK_INT(c->engine.window_bytes, 8 << 20);
	CHECK_INT(c->engine.detach_after_ms, 5000);
	CHECK_INT(c->engine.poll_floor_ms, 250);
	CHECK_INT(c->engine.max_latency_ms, 1000);
	CHECK_INT(c->engine.max_reads_per_month, 0);
	CHECK_INT(c->engine.discovery_ms, 60000);
	CHECK_INT(c->engine.request_timeout_ms, 10000);
	CHECK_INT(c->engine.drain_timeout_ms, 10000);
	CHECK_INT(c->engine.stalled_after_ms, 300000);
	CHECK(c->http.listen == NULL);
	CHECK_INT(c->log.level, IO_INFO);
	CHECK_INT(c->n_tables, 1);
	CHECK(c->tables[0].profile == NULL && c->tables[0].role == NULL);
	CHECK_INT(c->tables[0].start, CONFIG_TRIM_HORIZON);
	CHECK_INT(c->tables[0].on_gap, CONFIG_GAP_SKIP);
	CHECK_INT(c->n_sinks, 1);
	CHECK_STR(str_of(c->sinks[0].name), "out");
	CHECK(c->sinks[0].type == &sample_stdout);
	CHECK_INT(c->sinks[0].tables.n, 0);
	CHECK(c->sinks[0].format == &sample_plain);
	form = c->sinks[0].format_options;
	CHECK(form->numbers == 0 && form->raw == 0 && form->undecodable == 0);
	CHECK(form->mask && !form->summary);
	CHECK(c->sinks[0].dead_letter == -1 && !c->sinks[0].letters_only);
	CHECK(c->sinks[0].max_attempts == 0 && c->sinks[0].max_age_ms == 0);
	CHECK(config_sink_takes(&c->sinks[0], STR("orders")));
	config_free(c);
}

/* Every option of the program with a value that is not its default. */
static const char full[] =
	"application: dns-audit\n"
	"region: eu-west-1\n"
	"endpoint: http://127.0.0.1:8000\n"
	"endpoint_streams: http://[::1]:8001/\n"
	"aws_profile: prod\n"
	"ca_file: /etc/ca.pem\n"
	"checkpoint: {table: other, interval: 2s}\n"
	"worker: {id: w-1, lease: 20s, heartbeat: 5s}\n"
	"engine: {budget: 64MiB, window: 1MiB, detach_after: 1s, poll_floor: 100ms,\n"
	"  max_latency: 3s, max_reads_per_month: 5000000, discovery: 5m, request_timeout: 4s,\n"
	"  drain_timeout: 0s, stalled_after: 90s}\n"
	"http: {listen: '[::1]:9464'}\n"
	"log: {level: debug}\n"
	"tables:\n"
	"- {name: recordChange, profile: vinyldns, role: record_set_change, start: latest}\n"
	"- {name: plain, on_gap: fail, start: '2026-11-29T10:00:00.5+01:00',\n"
	"  start_after: {shardId-00000001550840986131-382ec8f8: 300000000000000499659,\n"
	"    shardId-1: '0123456789012345678901234567890123456789'}}\n"
	"sinks:\n"
	"  audit: {type: file, path: '/${HOME}', sync: false, tables: [recordChange],\n"
	"    numbers: json, raw: always, undecodable: raw, mask: false, summary: true,\n"
	"    format: plain, headers: {X-A: 1, X-B: 'b: c'},\n"
	"    dead_letter: letters, max_attempts: 7, max_age: 1h}\n"
	"  screen: {type: stdout, format: bare, dead_letter: both}\n"
	"  letters: {type: file, path: /l}\n"
	"  both: {type: file, path: /b, tables: [plain]}\n";

/* The sinks of `full`. */
static void check_sinks(const struct config *c)
{
	const struct sample_options *own;
	const struct sample_form *form;

	own = c->sinks[0].options;
	CHECK_STR(str_of(own->path), "/${HOME}");
	CHECK(!own->sync);
	CHECK_INT(own->retries, 5);
	CHECK_INT(c->sinks[0].tables.n, 1);
	form = c->sinks[0].format_options;
	CHECK(c->sinks[0].format == &sample_plain);
	CHECK(form->numbers == 1 && form->raw == 1 && form->undecodable == 1);
	CHECK(!form->mask && form->summary);
	CHECK_INT(own->headers.n, 2);
	CHECK_STR(str_of(own->headers.list[0].name), "X-A");
	CHECK_STR(str_of(own->headers.list[0].value), "1");
	CHECK_STR(str_of(own->headers.list[1].name), "X-B");
	CHECK_INT(c->sinks[0].dead_letter, 2);
	CHECK_INT(c->sinks[0].max_attempts, 7);
	CHECK_INT(c->sinks[0].max_age_ms, 3600000);
	CHECK(c->sinks[1].format == &sample_bare);
	CHECK(config_sink_takes(&c->sinks[1], STR("plain")));
	CHECK(!config_sink_takes(&c->sinks[0], STR("plain")));
	CHECK(c->sinks[2].letters_only && !config_sink_takes(&c->sinks[2], STR("plain")));
	CHECK(!c->sinks[3].letters_only && config_sink_takes(&c->sinks[3], STR("plain")));
}

static void every_option_arrives(void)
{
	struct config *c = parse_good(full);

	if (c == NULL)
		return;
	CHECK_STR(str_of(c->region), "eu-west-1");
	CHECK_STR(str_of(c->endpoint), "http://127.0.0.1:8000");
	CHECK_STR(str_of(c->endpoint_streams), "http://[::1]:8001/");
	CHECK_STR(str_of(c->aws_profile), "prod");
	CHECK_STR(str_of(c->ca_file), "/etc/ca.pem");
	CHECK_STR(str_of(c->checkpoint.table), "other");
	CHECK_INT(c->checkpoint.interval_ms, 2000);
	CHECK_STR(str_of(c->worker.id), "w-1");
	CHECK_INT(c->worker.lease_ms, 20000);
	CHECK_INT(c->worker.heartbeat_ms, 5000);
	CHECK_INT(c->engine.budget_bytes, 64 << 20);
	CHECK_INT(c->engine.window_bytes, 1 << 20);
	CHECK_INT(c->engine.detach_after_ms, 1000);
	CHECK_INT(c->engine.poll_floor_ms, 100);
	CHECK_INT(c->engine.max_latency_ms, 3000);
	CHECK_INT(c->engine.max_reads_per_month, 5000000);
	CHECK_INT(c->engine.discovery_ms, 300000);
	CHECK_INT(c->engine.request_timeout_ms, 4000);
	CHECK_INT(c->engine.drain_timeout_ms, 0);
	CHECK_INT(c->engine.stalled_after_ms, 90000);
	CHECK_STR(str_of(c->http.listen), "[::1]:9464");
	CHECK_INT(c->log.level, IO_DEBUG);
	CHECK(c->tables[0].profile == profile_find(STR("vinyldns")));
	CHECK(c->tables[0].role == profile_role(c->tables[0].profile, STR("record_set_change")));
	CHECK_INT(c->tables[0].start, CONFIG_LATEST);
	CHECK_INT(c->tables[1].on_gap, CONFIG_GAP_FAIL);
	CHECK_INT(c->tables[1].start, CONFIG_TIME);
	CHECK_INT(c->tables[1].start_wall_ms, 1795942800500);
	CHECK_INT(c->tables[1].start_after.n, 2);
	CHECK_STR(str_of(c->tables[1].start_after.list[0].name),
		  "shardId-00000001550840986131-382ec8f8");
	CHECK_STR(str_of(c->tables[1].start_after.list[0].value), "300000000000000499659");
	check_sinks(c);
	config_free(c);
}

static void a_file_that_is_too_large_is_refused(void)
{
	struct buf text, out;
	struct config *c;

	buf_init(&text, CONFIG_FILE_MAX + 1);
	buf_str(&text, STR("application: audit\ntables: [{name: orders}]\n"
			   "sinks: {out: {type: stdout}}\n#"));
	while (text.n < CONFIG_FILE_MAX)
		buf_c(&text, 'x');
	c = parse("large", buf_view(&text), &out);
	CHECK(c != NULL);
	config_free(c);
	buf_release(&out);
	buf_c(&text, '\n');
	CHECK(parse("large", buf_view(&text), &out) == NULL);
	CHECK_STR(str_head(buf_view(&out), 50),
		  "large:1:1: error: the file is larger than 1 MiB\nap");
	buf_release(&out);
	buf_release(&text);
}

static void too_many_values_are_refused(void)
{
	struct buf text, out;

	buf_init(&text, CONFIG_FILE_MAX);
	buf_str(&text, STR("tables: ["));
	for (int i = 0; i < 60000; i++)
		buf_str(&text, STR("a,"));
	CHECK(parse("many", buf_view(&text), &out) == NULL);
	CHECK(str_starts(buf_view(&out), STR("many:1:100006: error: more than 50000 values\n")));
	buf_release(&out);
	buf_release(&text);
}

static void too_many_tables_are_refused(void)
{
	struct buf text, out;
	struct config *c;

	buf_init(&text, CONFIG_FILE_MAX);
	buf_str(&text, STR("application: x\nsinks: {out: {type: stdout}}\ntables:\n"));
	for (int i = 0; i < CONFIG_TABLES_MAX; i++)
		buf_fmt(&text, "- {name: table%d}\n", i);
	c = parse("many", buf_view(&text), &out);
	CHECK(c != NULL && c->n_tables == CONFIG_TABLES_MAX);
	config_free(c);
	buf_release(&out);
	buf_str(&text, STR("- {name: last}\n"));
	CHECK(parse("many", buf_view(&text), &out) == NULL);
	CHECK(str_starts(buf_view(&out),
			 STR("many:1004:3: error: 1001 tables are too many: there may be 1000\n")));
	buf_release(&out);
	buf_release(&text);
}

/* Reads a whole small file; the buffer is to be released. */
static struct str read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char chunk[4096];

	buf_init(out, 1 << 20);
	if (f == NULL)
		return STR_NONE;
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
		buf_add(out, chunk, n);
	fclose(f);
	return buf_view(out);
}

/* Compares the complaints about `name`.yaml with `name`.txt, or writes them there. */
static void check_golden(struct str name)
{
	char yaml[300], txt[300], file[300];
	struct buf text, want, out;
	FILE *f;

	snprintf(file, sizeof(file), "%.*s.yaml", STR_ARG(name));
	snprintf(yaml, sizeof(yaml), "%s/%.*s.yaml", folder, STR_ARG(name));
	snprintf(txt, sizeof(txt), "%s/%.*s.txt", folder, STR_ARG(name));
	read_file(yaml, &text);
	CHECK(parse(file, buf_view(&text), &out) == NULL);
	CHECK(!out.failed && out.n > 0);
	if (secure_getenv("UPDATE_GOLDEN") != NULL) {
		f = fopen(txt, "wb");
		if (CHECK(f != NULL)) {
			fwrite(out.p, 1, out.n, f);
			fclose(f);
		}
	}
	read_file(txt, &want);
	if (!CHECK(str_eq(buf_view(&out), buf_view(&want))))
		fprintf(stderr, "%s:\n--- got\n%.*s--- want\n%.*s", yaml, STR_ARG(buf_view(&out)),
			STR_ARG(buf_view(&want)));
	buf_release(&text);
	buf_release(&want);
	buf_release(&out);
}

/* Chooses the configurations of the folder. */
static int is_yaml(const struct dirent *entry)
{
	return str_ends(str_of(entry->d_name), STR(".yaml"));
}

static void complaints_are_those_of_the_golden_files(void)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_yaml, alphasort);

	CHECK(n >= 20);
	for (int i = 0; i < n; i++) {
		struct str name = str_of(entries[i]->d_name);

		check_golden(str_head(name, name.n - 5));
		free(entries[i]);
	}
	free(entries);
}

int main(void)
{
	CHECK_RUN(the_smallest_configuration_has_all_defaults);
	CHECK_RUN(every_option_arrives);
	CHECK_RUN(a_file_that_is_too_large_is_refused);
	CHECK_RUN(too_many_values_are_refused);
	CHECK_RUN(too_many_tables_are_refused);
	CHECK_RUN(complaints_are_those_of_the_golden_files);
	return check_end();
}
