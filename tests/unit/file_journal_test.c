/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file sink's journal, and its many files: what a crash leaves, and what the next start makes of it.
 */
#include "tests/unit/file_fixture.h"

static void what_the_journal_does_not_have_is_cut_off(void)
{
	struct position at;
	FILE *out;

	setup_open();
	submit(0, 0);
	submit(1, 1);
	run(2);
	out = fopen(f.path, "a");
	must(out != NULL && fputs("9.0\n9.1\n", out) >= 0 && fclose(out) == 0);
	crash_and_open();
	CHECK_STR(content(), "0.0\n0.1\n1.0\n1.1\n");
	at = f.sink->type->position(f.sink, &sources[0]);
	CHECK_STR(position_text(&at), "1001");
	at = f.sink->type->position(f.sink, &sources[1]);
	CHECK_STR(position_text(&at), "1011");
	submit(2, 0);
	run(1);
	CHECK_STR(content(), "0.0\n0.1\n1.0\n1.1\n2.0\n2.1\n");
	at = f.sink->type->position(f.sink, &sources[0]);
	CHECK_STR(position_text(&at), "1021");
	teardown();
}

static void a_failed_journal_acknowledges_nothing(void)
{
	struct position at;

	setup_open();
	submit(0, 0);
	run(1);
	fault.fail_second_sync = EIO;
	submit(1, 0);
	run(1);
	CHECK(f.parcels[1].result == DELIVERY_FATAL && f.parcels[1].acked == 0);
	CHECK(strstr(f.parcels[1].why.text, "journal") != NULL);
	CHECK_STR(content(), "0.0\n0.1\n");
	at = f.sink->type->position(f.sink, &sources[0]);
	CHECK_STR(position_text(&at), "1001");
	crash_and_open();
	at = f.sink->type->position(f.sink, &sources[0]);
	CHECK_STR(position_text(&at), "1001");
	submit(2, 0);
	run(1);
	CHECK_STR(content(), "0.0\n0.1\n2.0\n2.1\n");
	teardown();
}

static void gap_records_and_dead_letters_leave_the_position(void)
{
	struct gap gap = {.reason = GAP_TRIMMED, .after = position_after(STR("1001"))};
	struct position at;
	struct parcel *parcel;

	setup_open();
	submit(0, 0);
	run(1);
	for (int i = 1; i < 3; i++) {
		parcel = parcel_of(i, 0);
		parcel->delivery.n = 1;
		parcel->delivery.bytes = str_make(parcel->text, 4);
		parcel->events[0] = (struct event){.op = EVENT_GAP, .gap = &gap};
		f.sink->type->submit(f.sink, &parcel->delivery);
		run(1);
		CHECK(parcel->result == DELIVERY_OK);
		crash_and_open();
	}
	parcel = parcel_of(5, 0);
	parcel->delivery.letter = true;
	f.sink->type->submit(f.sink, &parcel->delivery);
	run(1);
	CHECK_STR(content(), "0.0\n0.1\n1.0\n5.0\n5.1\n"); /* the gap once */
	at = f.sink->type->position(f.sink, &sources[0]);
	CHECK_STR(position_text(&at), "1001");
	teardown();
}

static void a_damaged_journal_is_refused(void)
{
	struct error err;
	FILE *out;

	setup_open();
	submit(0, 0);
	run(1);
	submit(1, 0);
	run(1);
	f.sink->type->close(f.sink);
	out = fopen(f.journal, "r+");
	must(out != NULL && fseek(out, 60, SEEK_SET) == 0 && fputs("#", out) >= 0);
	fclose(out);
	f.sink = open_sink(f.path, "0640", &err);
	CHECK(f.sink == NULL);
	CHECK(strstr(err.text, f.journal) != NULL && strstr(err.text, "cannot be used") != NULL);
	teardown();
}

/* Opens a sink with these options, whose path is below the folder. */
static void open_with(const char *below, struct file_test_options options)
{
	static char path[128];
	struct sink_env env = {.io = f.io, .name = STR("lake")};
	struct error err;

	snprintf(path, sizeof(path), "%s/%s", f.dir, below);
	options.path = path;
	options.mode = "0640";
	f.sink = sink_file.open(&env, &options, &err);
	must(f.sink != NULL);
}

/* Opens a sink on compressed files by table and hour. */
static void open_rolling(int64_t rotate_bytes, int64_t files_max)
{
	open_with("{table}/{hour}.jsonl.zst",
		  (struct file_test_options){
			  .compress = 2, .rotate_bytes = rotate_bytes, .files_max = files_max});
}

/* What a shell command prints in the folder. */
static struct str shell(const char *command)
{
	static char line[256], got[4096];
	FILE *in;
	size_t n;

	snprintf(line, sizeof(line), "cd %s && %s", f.dir, command);
	in = popen(line, "r");
	n = in == NULL ? 0 : fread(got, 1, sizeof(got), in);
	if (in != NULL)
		pclose(in);
	return str_make(got, n);
}

/* Submits delivery `i`, whose second record is an hour later. */
static void submit_two_hours(int i)
{
	struct parcel *parcel = parcel_of(i, 0);

	parcel->events[1].time_ms += 3600 * 1000;
	f.sink->type->submit(f.sink, &parcel->delivery);
	run(1);
	CHECK(parcel->result == DELIVERY_OK);
}

static void records_go_to_files_by_hour_that_zstd_reads(void)
{
	struct position at;

	setup();
	open_rolling(0, 0);
	submit_two_hours(0);
	submit_two_hours(1);
	CHECK_STR(shell("ls t; ls -A t | wc -l"), "2\n"); /* hidden while they are open */
	f.sink->type->close(f.sink);
	open_rolling(0, 0); /* goes on with what was open */
	submit_two_hours(2);
	at = f.sink->type->position(f.sink, &sources[0]);
	CHECK_STR(position_text(&at), "1021");
	f.sink->type->reopen(f.sink);
	run_ms(60);
	CHECK_STR(shell("ls -A t | grep -c '^0[34]-.*[.]jsonl[.]zst$'"), "2\n");
	CHECK_STR(shell("zstd -dcq t/03-*.zst"), "0.0\n1.0\n2.0\n");
	CHECK_STR(shell("zstd -dcq t/04-*.zst"), "0.1\n1.1\n2.1\n");
	shell("rm -r t .lake.journal");
	teardown();
}

static void large_files_are_finished_and_few_are_open(void)
{
	setup();
	open_rolling(1, 1);
	submit_two_hours(0);
	submit_two_hours(1);
	CHECK_STR(shell("ls t | wc -l; ls -A t | grep -c open"), "4\n0\n");
	CHECK_STR(shell("for file in t/03-*.zst; do zstd -dcq $file; done"), "0.0\n1.0\n");
	shell("rm -r t .lake.journal");
	teardown();
}

static void what_a_crash_leaves_in_open_files_is_cut_off(void)
{
	setup();
	open_rolling(0, 0);
	submit_two_hours(0);
	f.sink->type->close(f.sink);
	shell("for file in t/.*.open; do echo torn >>$file; done");
	open_rolling(0, 0);
	submit_two_hours(1);
	f.sink->type->reopen(f.sink);
	run_ms(60);
	CHECK_STR(shell("zstd -dcq t/03-*.zst"), "0.0\n1.0\n");
	shell("rm -r t .lake.journal");
	teardown();
}

static void gzip_reads_what_is_finished_and_what_is_open(void)
{
	setup();
	open_with("{table}.jsonl.gz", (struct file_test_options){.compress = 1});
	for (int i = 0; i < 2; i++) {
		submit(i, 0);
		run(1);
	}
	CHECK_STR(shell("cat .t-*.open | gzip -dc"), "0.0\n0.1\n1.0\n1.1\n");
	f.sink->type->close(f.sink);
	shell("echo torn >>$(ls .t-*.open)");
	open_with("{table}.jsonl.gz", (struct file_test_options){.compress = 1});
	submit(2, 0);
	run(1);
	f.sink->type->reopen(f.sink);
	run_ms(60);
	CHECK_STR(shell("gzip -t t-*.gz 2>&1 && zcat t-*.gz"), "0.0\n0.1\n1.0\n1.1\n2.0\n2.1\n");
	shell("rm t-* .lake.journal");
	teardown();
}

/* Waits until the folder has a finished file, for two seconds at most. */
static bool has_finished(void)
{
	for (int i = 0; i < 100; i++) {
		if (str_eq(shell("ls | wc -l"), STR("1\n")))
			return true;
		run_ms(20);
	}
	return false;
}

static void old_and_idle_files_are_finished_by_the_timer(void)
{
	const struct {
		const char *below;
		struct file_test_options options;
	} cases[] = {
		{"all.jsonl", {.rotate_ms = 200}},
		{"{table}.jsonl", {.finish_ms = 200}},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		setup();
		open_with(cases[i].below, cases[i].options);
		submit(0, 0);
		run(1);
		CHECK_STR(shell("ls | wc -l"), "0\n"); /* it is neither yet */
		CHECK(has_finished());
		CHECK_STR(shell("cat *.jsonl"), "0.0\n0.1\n");
		shell("rm *.jsonl .*.journal");
		teardown();
	}
}

static void files_in_use_are_rotated_by_age_and_not_as_idle(void)
{
	setup();
	open_with("{table}.jsonl", (struct file_test_options){.rotate_ms = 400, .finish_ms = 200});
	for (int i = 0; i < 30; i++) {
		submit(i, 0);
		run(1);
		run_ms(20);
	}
	/* 600 ms or more, however slow the machine; files that rested would have been finished one by one. */
	CHECK_STR(shell("n=$(ls | wc -l); [ $n -ge 1 ] && [ $n -lt 15 ] && echo fine"), "fine\n");
	CHECK_STR(shell("cat *.jsonl .*.open 2>/dev/null >all; sort -u all | wc -l; wc -l <all; rm "
			"all"),
		  "60\n60\n");
	shell("rm -f *.jsonl .*.open .lake.journal");
	teardown();
}

static void a_finished_file_is_its_readers(void)
{
	setup();
	open_with("{table}.jsonl", (struct file_test_options){.files_max = 1});
	submit(0, 0);
	run(1);
	CHECK_STR(shell("grep -c '^d[[:space:]]' .lake.journal"), "0\n");
	f.sink->type->reopen(f.sink);
	run_ms(60);
	/* It may be taken away now: the next start would not miss it. */
	CHECK_STR(shell("ls | wc -l; tail -n 1 .lake.journal"), "1\nd\t1\n");
	shell("rm t-* .lake.journal");
	teardown();
}

static void a_journal_that_has_grown_is_replaced(void)
{
	enum { STREAM_BYTES = 6000, FRAMES = 60 };
	char stream[STREAM_BYTES];
	struct source source = sources[0];
	struct position at;
	struct stat st;
	int64_t longest = 0;

	setup_open();
	submit(0, 1);
	run(1);
	memset(stream, 's', sizeof(stream));
	source.stream_arn = str_make(stream, sizeof(stream));
	for (int i = 1; i <= FRAMES; i++) {
		struct parcel *parcel = parcel_of(i, 0);

		parcel->delivery.source = &source;
		f.sink->type->submit(f.sink, &parcel->delivery);
		run(1);
		CHECK(parcel->result == DELIVERY_OK);
		must(stat(f.journal, &st) == 0);
		longest = st.st_size > longest ? st.st_size : longest;
	}
	CHECK(longest > 240 * 1024 && longest < 280 * 1024);
	CHECK(st.st_size < 128 * 1024); /* it is short again, and grows */
	crash_and_open();
	at = f.sink->type->position(f.sink, &source);
	CHECK_STR(position_text(&at), "1601");
	at = f.sink->type->position(f.sink, &sources[1]);
	CHECK_STR(position_text(&at), "1001");
	CHECK_STR(shell("wc -l <out.jsonl; ls -A | wc -l"), "122\n2\n");
	teardown();
}

static void doubled_braces_are_braces_in_directories_too(void)
{
	setup();
	shell("mkdir '{a}' 'b}'");
	open_with("{{a}}/x.jsonl", (struct file_test_options){0});
	submit(0, 0);
	run(1);
	f.sink->type->close(f.sink);
	open_with("b}}/{table}.jsonl", (struct file_test_options){0});
	submit(1, 0);
	run(1);
	CHECK_STR(shell("cat '{a}/x.jsonl'; ls -A '{a}' 'b}' | grep -c journal"), "0.0\n0.1\n2\n");
	CHECK_STR(shell("cat 'b}'/.t-*.open; rm -r '{a}' 'b}'"), "1.0\n1.1\n");
	teardown();
}

static void a_path_that_becomes_too_long_is_an_error(void)
{
	static char name[1100]; /* more than a table's, so that few make it */
	struct source source = sources[0];
	struct parcel *parcel;

	setup();
	memset(name, 'n', sizeof(name));
	source.table = str_make(name, sizeof(name));
	open_with("{table}{table}{table}{table}", (struct file_test_options){0});
	parcel = parcel_of(0, 0);
	parcel->delivery.source = &source;
	f.sink->type->submit(f.sink, &parcel->delivery);
	run(1);
	CHECK(parcel->result == DELIVERY_RETRY && parcel->acked == 0);
	CHECK(strstr(parcel->why.text, "would be longer than 4096 bytes") != NULL);
	shell("rm .lake.journal");
	teardown();
}

static void options_that_do_nothing_are_refused(void)
{
	const struct {
		struct file_test_options options;
		const char *option;
	} cases[] = {
		{{.path = "/a/b.jsonl"}, NULL},
		{{.path = "/a/b.zst"}, "path"},
		{{.path = "/a/b.jsonl", .compress = 1}, "path"},
		{{.path = "/a/b.gz", .compress = 1}, NULL},
		{{.path = "/a/b.jsonl", .finish_ms = 1000}, "finish_after"},
		{{.path = "/a/b.jsonl", .files_max = 3}, "open_files"},
		{{.path = "/a/{date}.jsonl", .files_max = 3, .finish_ms = 1000}, NULL},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct option_fault odd = {0};
		bool fine = sink_file.check(&cases[i].options, NULL, &odd);

		CHECK(fine == (cases[i].option == NULL));
		CHECK(fine || strcmp(odd.option, cases[i].option) == 0);
	}
	CHECK(sink_file.options[0].check(STR("/a/{table}/../x")) != NULL);
	CHECK(sink_file.options[0].check(STR("/a/..")) != NULL);
	CHECK(sink_file.options[0].check(STR("/a/../x")) == NULL);
	CHECK(sink_file.options[0].check(STR("/a/{key}")) != NULL);
	CHECK(sink_file.options[0].check(STR("/a/{table}/")) != NULL);
	CHECK(sink_file.options[0].check(STR("/a/{table}/x")) == NULL);
}

int main(void)
{
	CHECK_RUN(what_the_journal_does_not_have_is_cut_off);
	CHECK_RUN(a_failed_journal_acknowledges_nothing);
	CHECK_RUN(gap_records_and_dead_letters_leave_the_position);
	CHECK_RUN(a_damaged_journal_is_refused);
	CHECK_RUN(records_go_to_files_by_hour_that_zstd_reads);
	CHECK_RUN(large_files_are_finished_and_few_are_open);
	CHECK_RUN(what_a_crash_leaves_in_open_files_is_cut_off);
	CHECK_RUN(gzip_reads_what_is_finished_and_what_is_open);
	CHECK_RUN(old_and_idle_files_are_finished_by_the_timer);
	CHECK_RUN(files_in_use_are_rotated_by_age_and_not_as_idle);
	CHECK_RUN(a_finished_file_is_its_readers);
	CHECK_RUN(a_journal_that_has_grown_is_replaced);
	CHECK_RUN(doubled_braces_are_braces_in_directories_too);
	CHECK_RUN(a_path_that_becomes_too_long_is_an_error);
	CHECK_RUN(options_that_do_nothing_are_refused);
	return check_end();
}
