/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file sink on real files, with system calls that fail on demand.
 */
#include "tests/unit/file_fixture.h"

static void records_are_acknowledged_only_once_synced(void)
{
	setup_open();
	fault.syncs = 0;
	fault.hold = true;
	submit(0, 0);
	submit(1, 1);
	CHECK_INT(f.done, 0);
	run_ms(60);
	CHECK_INT(f.done, 0);
	CHECK_STR(content(), "0.0\n0.1\n"); /* written, not synced: not acknowledged */
	fault.hold = false;
	run(2);
	CHECK_INT(fault.syncs, 4); /* each time the file's and the journal's */
	CHECK(f.parcels[0].result == DELIVERY_OK && f.parcels[0].acked == 2);
	CHECK(f.parcels[1].result == DELIVERY_OK && f.parcels[1].order == 2);
	CHECK_STR(content(), "0.0\n0.1\n1.0\n1.1\n");
	teardown();
}

static void what_waits_is_synced_as_one_group(void)
{
	setup_open();
	fault.syncs = 0;
	fault.hold = true;
	for (int i = 0; i < 40; i++)
		submit(i, i % 2);
	fault.hold = false;
	run(40);
	CHECK_INT(fault.syncs, 4); /* the first, and the 39 that came while it was away */
	for (int i = 0; i < 40; i++)
		CHECK(f.parcels[i].result == DELIVERY_OK && f.parcels[i].order == i + 1);
	teardown();
}

static void short_writes_are_carried_on(void)
{
	setup_open();
	fault.short_writes = 5;
	submit(0, 0);
	submit(1, 0);
	run(2);
	CHECK_INT(fault.short_writes, 0);
	CHECK_STR(content(), "0.0\n0.1\n1.0\n1.1\n");
	teardown();
}

/* One round in which a call fails, and one in which it works. */
static void fail_and_go_on(const char *words, enum delivery_result result)
{
	submit(1, 0);
	run(1);
	CHECK(f.parcels[1].result == result && f.parcels[1].acked == 0);
	CHECK(strstr(f.parcels[1].why.text, words) != NULL);
	CHECK(strstr(f.parcels[1].why.text, f.path) != NULL);
	CHECK_STR(content(), "0.0\n0.1\n");
	submit(2, 0);
	run(1);
	CHECK(f.parcels[2].result == DELIVERY_OK);
	CHECK_STR(content(), "0.0\n0.1\n2.0\n2.1\n");
}

static void a_failed_write_or_sync_is_not_acknowledged(void)
{
	const struct {
		atomic_int *call;
		int number;
		const char *words;
		enum delivery_result result;
	} cases[] = {
		{&fault.fail_write, ENOSPC, "no space left; nothing is lost", DELIVERY_RETRY},
		{&fault.fail_write, EDQUOT, "no space left; nothing is lost", DELIVERY_RETRY},
		{&fault.fail_write, EIO, "cannot write to", DELIVERY_RETRY},
		{&fault.fail_sync, EIO, "cannot sync", DELIVERY_FATAL},
		{&fault.fail_sync, ENOSPC, "no space left", DELIVERY_RETRY},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		setup_open();
		submit(0, 0);
		run(1);
		*cases[i].call = cases[i].number;
		fail_and_go_on(cases[i].words, cases[i].result);
		teardown();
	}
}

static void a_failed_truncate_on_a_full_disk_is_made_up_for(void)
{
	setup_open();
	submit(0, 0);
	run(1);
	fault.fail_write = ENOSPC;
	fault.fail_truncate = EIO;
	fail_and_go_on("no space left", DELIVERY_RETRY);
	teardown();
}

/* Whether a file in the folder has just this in it; removes it. */
static bool had(const char *path, const char *text)
{
	char got[256] = {0};
	FILE *in = fopen(path, "r");

	if (in == NULL)
		return false;
	got[fread(got, 1, sizeof(got) - 1, in)] = '\0';
	fclose(in);
	unlink(path);
	return strcmp(got, text) == 0;
}

static void a_moved_file_is_written_on_until_it_is_opened_anew(void)
{
	char moved[128];

	setup_open();
	snprintf(moved, sizeof(moved), "%s.1", f.path);
	submit(0, 0);
	run(1);
	must(rename(f.path, moved) == 0);
	submit(1, 0);
	run(1);
	CHECK(f.parcels[1].result == DELIVERY_OK);
	f.sink->type->reopen(f.sink);
	submit(2, 0);
	submit(3, 0);
	run(2);
	CHECK(f.parcels[2].result == DELIVERY_OK && f.parcels[3].result == DELIVERY_OK);
	f.sink->type->reopen(f.sink); /* nothing was moved: nothing happens */
	submit(4, 0);
	run(1);
	CHECK(had(moved, "0.0\n0.1\n1.0\n1.1\n2.0\n2.1\n") || str_starts(content(), STR("2.0\n")));
	CHECK(str_ends(content(), STR("3.0\n3.1\n4.0\n4.1\n")));
	unlink(moved);
	teardown();
}

static void a_deleted_or_cut_file_is_fatal_until_it_is_opened_anew(void)
{
	for (int deleted = 0; deleted < 2; deleted++) {
		setup_open();
		submit(0, 0);
		run(1);
		must(deleted ? unlink(f.path) == 0 : truncate(f.path, 2) == 0);
		for (int i = 1; i < 3; i++) {
			submit(i, 0);
			run(1);
			CHECK(f.parcels[i].result == DELIVERY_FATAL && f.parcels[i].acked == 0);
			CHECK(strstr(f.parcels[i].why.text, "deleted, replaced or cut") != NULL);
		}
		f.sink->type->reopen(f.sink);
		run_ms(50);
		submit(3, 0);
		run(1);
		CHECK(f.parcels[3].result == DELIVERY_OK);
		CHECK(str_ends(content(), STR("3.0\n3.1\n")));
		teardown();
	}
}

static void what_was_held_behind_a_failure_comes_back_in_order(void)
{
	setup_open();
	fault.hold = true;
	fault.fail_sync = EIO;
	submit(0, 0); /* goes to the writer and will fail */
	for (int i = 1; i < 6; i++)
		submit(i, i % 2);
	/* The engine may hand the failed records in again at once: they come after what is held. */
	parcel_of(10, 0);
	f.parcels[0].resubmit_as = &f.parcels[10];
	fault.hold = false;
	run(7);
	for (int i = 0; i < 6; i++) {
		CHECK_INT(f.parcels[i].done, 1);
		CHECK_INT(f.parcels[i].order, i + 1);
		CHECK(f.parcels[i].result == (i == 0 ? DELIVERY_FATAL : DELIVERY_RETRY));
		CHECK_INT(f.parcels[i].acked, 0);
	}
	CHECK(f.parcels[10].result == DELIVERY_OK && f.parcels[10].order == 7);
	CHECK_STR(content(), "10.0\n10.1\n");
	teardown();
}

static void a_torn_last_line_is_taken_off(void)
{
	const struct {
		const char *before, *after;
	} cases[] = {
		{"", ""},	 {"a\nb\n", "a\nb\n"}, {"a\nb\n{\"half", "a\nb\n"},
		{"{\"half", ""}, {"\n", "\n"},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		char want[64];
		struct error err;

		setup();
		put_file(cases[i].before);
		f.sink = open_sink(f.path, "0640", &err);
		must(f.sink != NULL);
		CHECK_STR(content(), cases[i].after);
		submit(0, 0);
		run(1);
		snprintf(want, sizeof(want), "%s0.0\n0.1\n", cases[i].after);
		CHECK_STR(content(), want);
		teardown();
	}
}

static void a_long_torn_line_is_found_from_behind(void)
{
	struct error err;
	FILE *out;

	setup();
	out = fopen(f.path, "w");
	must(out != NULL);
	fputs("first\n", out);
	for (int i = 0; i < 200 * 1024; i++)
		fputc('x', out);
	fclose(out);
	f.sink = open_sink(f.path, "0640", &err);
	must(f.sink != NULL);
	CHECK_STR(content(), "first\n");
	teardown();
}

static void a_file_without_lines_is_not_ours(void)
{
	struct error err;

	setup();
	put_file("x");
	must(truncate(f.path, 80 << 20) == 0);
	CHECK(open_sink(f.path, "0640", &err) == NULL);
	CHECK(strstr(err.text, "does not look like a file of records") != NULL);
	teardown();
}

static void a_new_file_is_durable_in_its_folder(void)
{
	struct error err;

	setup_open();
	CHECK_INT(fault.name_syncs, 1);
	f.sink->type->close(f.sink);
	f.sink = open_sink(f.path, "0640", &err);
	CHECK_INT(fault.name_syncs, 1); /* only when it is new */
	teardown();
}

static void one_path_has_one_writer(void)
{
	struct error err;
	struct stat st;

	setup_open();
	must(stat(f.path, &st) == 0);
	CHECK_INT(st.st_mode & 07777, 0640);
	CHECK(open_sink(f.path, "0640", &err) == NULL);
	CHECK(strstr(err.text, f.journal) != NULL && strstr(err.text, "another process") != NULL);
	f.sink->type->close(f.sink);
	f.sink = open_sink(f.path, "0640", &err); /* closing unlocks */
	CHECK(f.sink != NULL);
	teardown();
}

/* What the sink's option table says against a mode; NULL: nothing. */
static const char *mode_complaint(const char *mode)
{
	for (size_t i = 0; i < sink_file.n_options; i++) {
		if (strcmp(sink_file.options[i].name, "mode") == 0)
			return sink_file.options[i].check(str_of(mode));
	}
	return "there is no such option";
}

static void unusable_options_are_refused_with_a_sentence(void)
{
	struct error err;

	setup();
	CHECK(open_sink("/no/such/folder/x", "0640", &err) == NULL);
	CHECK(strstr(err.text, "/no/such/folder/x: No such file or directory") != NULL);
	CHECK(open_sink(f.dir, "0640", &err) == NULL);
	CHECK(strstr(err.text, f.dir) != NULL);
	CHECK(open_sink("/dev/null", "0640", &err) == NULL);
	CHECK(strstr(err.text, "not a regular file") != NULL);
	CHECK(mode_complaint("0640") == NULL);
	CHECK(mode_complaint("rw-r") != NULL && strstr(mode_complaint("rw-r"), "octal") != NULL);
	CHECK(mode_complaint("0440") != NULL);
	CHECK(mode_complaint("") != NULL);
	CHECK(mode_complaint("010000") != NULL);
	CHECK(access(f.path, F_OK) != 0);
	teardown();
}

static void closing_forgets_what_is_held(void)
{
	setup_open();
	fault.hold = true;
	for (int i = 0; i < 10; i++)
		submit(i, 0);
	usleep(20 * 1000);
	fault.hold = false;
	f.sink->type->close(f.sink);
	f.sink = NULL;
	run_ms(20);
	CHECK_INT(f.done, 0);
	teardown();
	setup_open(); /* and with the post of a group still in the loop's inbox at its end */
	submit(0, 0);
	usleep(50 * 1000);
	f.sink->type->close(f.sink);
	f.sink = NULL;
	CHECK_INT(f.done, 0);
	teardown();
	CHECK_INT(f.done, 0);
}

static struct io_timer closer;

static void on_close_now(struct io_timer *timer)
{
	(void)timer;
	f.sink->type->close(f.sink);
	f.sink = NULL;
	loop_stop(f.loop);
}

static void closing_at_once_after_a_submit_works(void)
{
	for (int round = 0; round < 50; round++) {
		setup_open();
		closer = (struct io_timer){.fire = on_close_now};
		io_timer_set(f.io, &closer, io_now_ms(f.io));
		for (int i = 0; i < 5; i++)
			submit(i, 0);
		f.wanted = 1000;
		loop_run(f.loop);
		teardown();
	}
}

/* Fills a tiny disk until nothing fits, makes room, and goes on. Runs in a mount namespace of its own. */
static void fill_tiny_disk(void)
{
	char filler[96], block[4096] = "x";
	int fd, i;

	setup();
	must(unshare(CLONE_NEWNS) == 0);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	must(mount("tmpfs", f.dir, "tmpfs", 0, "size=64k") == 0);
	f.sink = open_sink(f.path, "0640", &(struct error){0});
	must(f.sink != NULL);
	submit(0, 0);
	run(1);
	snprintf(filler, sizeof(filler), "%s/filler", f.dir);
	fd = open(filler, O_CREAT | O_WRONLY, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	/* The page that the first record is in still has room. */
	for (i = 1; i < 50; i++) {
		struct parcel *parcel = parcel_of(i, 0);

		parcel->delivery.bytes = str_make(block, sizeof(block) - 1);
		memset(block, 'y', sizeof(block));
		block[sizeof(block) - 2] = '\n';
		parcel->ends[0] = 100 + sizeof(block) - 1;
		parcel->delivery.n = 1;
		f.sink->type->submit(f.sink, &parcel->delivery);
		run(1);
		if (parcel->result != DELIVERY_OK)
			break;
	}
	CHECK(f.parcels[i].result == DELIVERY_RETRY && f.parcels[i].acked == 0);
	CHECK(strstr(f.parcels[i].why.text, "no space left") != NULL);
	CHECK(str_ends(content(), STR("\n")));
	must(unlink(filler) == 0);
	submit(60, 0);
	run(1);
	CHECK(f.parcels[60].result == DELIVERY_OK);
	CHECK(str_starts(content(), STR("0.0\n0.1\n")));
	CHECK(str_ends(content(), STR("\n60.0\n60.1\n")));
	f.sink->type->close(f.sink);
	f.sink = NULL;
	unlink(f.path);
	must(umount(f.dir) == 0);
	teardown();
}

static void a_full_disk_is_waited_out(void)
{
	int status = -1;
	pid_t pid;

	if (!CHECK(geteuid() == 0)) {
		fprintf(stderr, "this test mounts a small tmpfs: run it as root\n");
		return;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fill_tiny_disk();
		_exit(check_failures_in_test == 0 ? 0 : 1);
	}
	must(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

int main(void)
{
	CHECK_RUN(records_are_acknowledged_only_once_synced);
	CHECK_RUN(what_waits_is_synced_as_one_group);
	CHECK_RUN(short_writes_are_carried_on);
	CHECK_RUN(a_failed_write_or_sync_is_not_acknowledged);
	CHECK_RUN(a_failed_truncate_on_a_full_disk_is_made_up_for);
	CHECK_RUN(a_moved_file_is_written_on_until_it_is_opened_anew);
	CHECK_RUN(a_deleted_or_cut_file_is_fatal_until_it_is_opened_anew);
	CHECK_RUN(what_was_held_behind_a_failure_comes_back_in_order);
	CHECK_RUN(a_torn_last_line_is_taken_off);
	CHECK_RUN(a_long_torn_line_is_found_from_behind);
	CHECK_RUN(a_file_without_lines_is_not_ours);
	CHECK_RUN(a_new_file_is_durable_in_its_folder);
	CHECK_RUN(one_path_has_one_writer);
	CHECK_RUN(unusable_options_are_refused_with_a_sentence);
	CHECK_RUN(closing_forgets_what_is_held);
	CHECK_RUN(closing_at_once_after_a_submit_works);
	CHECK_RUN(a_full_disk_is_waited_out);
	return check_end();
}
