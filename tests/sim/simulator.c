/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's command line:
 *
 *	simulator random [--first N] [--seeds M] [--eight|--many] [--plant WORD] [--jobs J] [--all] [--verbose]
 *	simulator scenario [--first N] [--seeds M] [--all] [--verbose] FILE...
 *	simulator selftest
 *
 * Runs happen in child processes, as many at a time as there are cores, and what they report lies in
 * shared memory: so an abort or an endless loop is reported with its seed and its last log lines like any
 * other failure. Each seed's run is the same whatever the number of jobs.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/randomrun.h"
#include "tests/sim/scenario.h"
#include "tests/sim/selftest.h"

enum { CPU_SECONDS_PER_RUN = 60, FAILURES_MAX = 3, FILE_MAX = 1 << 20, JOBS_MAX = 64 };
enum { RANDOM_SEEDS = 100 };

/* What a child writes and its parent reads. */
struct shared {
	struct world_trace trace;
	struct coverage coverage;
	uint64_t next; /* seed */
	unsigned failures;
};

/* What was asked for. */
struct job {
	struct shared *shared;
	uint64_t first, seeds, step; /* every step-th seed of them; no seeds: as the verb likes */
	uint64_t jobs;
	bool no_limit; /* on failures */
	enum plant plant;
	enum shape shape;
	char **files;
	int n_files;
};

/* Gives the process so much more CPU time, from now. */
static void limit_cpu(void)
{
	struct rusage usage;
	struct rlimit limit;

	getrusage(RUSAGE_SELF, &usage);
	getrlimit(RLIMIT_CPU, &limit);
	limit.rlim_cur =
		(rlim_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + CPU_SECONDS_PER_RUN);
	setrlimit(RLIMIT_CPU, &limit);
}

/* Says what failed, where, and how to see it again. */
static void report(const struct world_trace *trace, const char *what)
{
	world_trace_print(trace);
	fprintf(stderr, "FAILED invariant=%s seed=%llu step=%llu time_ms=%lld %s\n",
		trace->failed[0] != '\0' ? trace->failed : "crash", (unsigned long long)trace->seed,
		(unsigned long long)trace->step, (long long)trace->now_ms, what);
}

/* Runs `body` in a child; the signal that ended it, or 0. */
static int in_child(void (*body)(struct job *job), struct job *job)
{
	pid_t pid;
	int status = 0;

	fflush(stdout);
	fflush(stderr);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		body(job);
		fflush(stdout);
		exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	return WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Whether a job has seeds left, and has not failed too often. */
static bool goes_on(const struct job *job)
{
	return job->shared->next < job->first + job->seeds &&
	       (job->no_limit || job->shared->failures < FAILURES_MAX);
}

/* In the child: random runs from shared->next on. */
static void run_seeds(struct job *job)
{
	struct shared *shared = job->shared;

	while (goes_on(job)) {
		uint64_t seed = shared->next;

		limit_cpu();
		if (!random_run(seed, job->plant, job->shape, &shared->trace, &shared->coverage)) {
			shared->failures++;
			report(&shared->trace, "");
		}
		shared->next = seed + job->step;
	}
}

/* One of several jobs, in its own process: its share of the seeds. */
static void run_share(struct job *job)
{
	struct shared *shared = job->shared;

	while (goes_on(job)) {
		int died = in_child(run_seeds, job);

		if (died == 0)
			continue;
		shared->failures++;
		report(&shared->trace, died == SIGXCPU ? "endless" : "aborted");
		shared->next += job->step;
	}
}

/* Starts job number `i` of all; the process. */
static pid_t start_job(const struct job *all, uint64_t i)
{
	struct job job = *all;
	pid_t pid;

	job.shared = &all->shared[i];
	job.shared->next = all->first + i;
	job.shared->trace.verbose = all->shared->trace.verbose;
	job.step = all->jobs;
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		run_share(&job);
		fflush(stderr);
		_exit(0);
	}
	return pid;
}

/* simulator random */
static int main_random(struct job *job)
{
	struct coverage *coverage = mem_alloc(sizeof(*coverage));
	unsigned failures = 0;
	pid_t pids[JOBS_MAX];
	bool covered = true;

	if (job->seeds == 0)
		job->seeds = RANDOM_SEEDS;
	for (uint64_t i = 0; i < job->jobs; i++)
		pids[i] = start_job(job, i);
	for (uint64_t i = 0; i < job->jobs; i++) {
		int status = 0;

		must(waitpid(pids[i], &status, 0) == pids[i]);
		failures += job->shared[i].failures + (status != 0);
		coverage_add(coverage, &job->shared[i].coverage);
	}
	if (failures == 0) {
		size_t zeroes = coverage_print(coverage);

		covered = zeroes == 0 || job->seeds < 500 || job->shape == SHAPE_EIGHT;
		if (!covered)
			printf("not ok sim coverage: %zu things never happened\n", zeroes);
	}
	printf("%s sim random seeds %llu to %llu\n", failures == 0 ? "ok" : "not ok",
	       (unsigned long long)job->first, (unsigned long long)(job->first + job->seeds - 1));
	mem_free(coverage);
	return failures != 0 || !covered;
}

/* Reads a whole file; false when that fails. */
static bool read_file(const char *path, struct buf *buf)
{
	FILE *file = fopen(path, "re");
	char chunk[4096];
	size_t n;

	if (file == NULL)
		return false;
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_add(buf, chunk, n);
	fclose(file);
	return !buf->failed;
}

/* In the child: one scenario file, with each seed. */
static void run_scenario(struct job *job)
{
	struct shared *shared = job->shared;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (!read_file(job->files[0], &text)) {
		fprintf(stderr, "%s cannot be read\n", job->files[0]);
		shared->failures++;
		job->seeds = 0;
	}
	for (uint64_t i = 0; i < job->seeds && (job->no_limit || shared->failures == 0); i++) {
		limit_cpu();
		if (!scenario_run(job->files[0], buf_view(&text), job->first + i, &shared->trace)) {
			shared->failures++;
			report(&shared->trace, job->files[0]);
		}
	}
	buf_release(&text);
}

/* simulator scenario */
static int main_scenario(struct job *job)
{
	unsigned failures = 0;

	if (job->seeds == 0)
		job->seeds = 1;
	for (; job->n_files > 0; job->files++, job->n_files--) {
		int died;

		job->shared->failures = 0;
		died = in_child(run_scenario, job);
		if (died != 0)
			report(&job->shared->trace, died == SIGXCPU ? "endless" : "aborted");
		died = died != 0 || job->shared->failures != 0;
		printf("%s scenario %s\n", died ? "not ok" : "ok", job->files[0]);
		failures += died != 0;
	}
	return failures != 0;
}

/* In the child: the self test. */
static void run_selftest(struct job *job)
{
	job->shared->failures += !selftest_run(&job->shared->trace);
}

/* simulator selftest */
static int main_selftest(struct job *job)
{
	int died = in_child(run_selftest, job);

	if (died != 0) {
		report(&job->shared->trace, "in the self test");
		printf("not ok sim selftest\n");
	}
	return died != 0 || job->shared->failures != 0;
}

/* Prints how it is called. */
static int usage(void)
{
	fprintf(stderr,
		"usage: simulator random [--first N] [--seeds M] [--eight|--many] "
		"[--plant WORD] [--jobs J] [--all] [--verbose]\n"
		"       simulator scenario [--first N] [--seeds M] [--all] [--verbose] FILE...\n"
		"       simulator selftest\n");
	return 64;
}

/* Reads the options after the verb; false when they make no sense. */
static bool parse(struct job *job, int argc, char **argv)
{
	int i = 2;

	for (; i < argc && argv[i][0] == '-'; i++) {
		struct str option = str_of(argv[i]);

		if (str_eq(option, STR("--verbose"))) {
			job->shared->trace.verbose = true;
			continue;
		}
		if (str_eq(option, STR("--eight")) || str_eq(option, STR("--many"))) {
			job->shape = str_eq(option, STR("--many")) ? SHAPE_MANY : SHAPE_EIGHT;
			continue;
		}
		if (str_eq(option, STR("--all"))) {
			job->no_limit = true;
			continue;
		}
		if (++i == argc)
			return false;
		if (str_eq(option, STR("--plant"))) {
			job->plant = plant_find(str_of(argv[i]));
			if (job->plant == PLANT_N)
				return false;
		} else if (str_eq(option, STR("--first"))) {
			if (!str_to_u64(str_of(argv[i]), &job->first))
				return false;
		} else if (str_eq(option, STR("--jobs"))) {
			if (!str_to_u64(str_of(argv[i]), &job->jobs) || job->jobs == 0 ||
			    job->jobs > JOBS_MAX)
				return false;
		} else if (!str_eq(option, STR("--seeds")) ||
			   !str_to_u64(str_of(argv[i]), &job->seeds)) {
			return false;
		}
	}
	job->files = argv + i;
	job->n_files = argc - i;
	return true;
}

int main(int argc, char **argv)
{
	struct shared *shared = mmap(NULL, JOBS_MAX * sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct job job = {.shared = shared, .first = 1};
	struct str verb = argc > 1 ? str_of(argv[1]) : STR_NONE;

	must(shared != MAP_FAILED);
	job.jobs = cores < 1 ? 1 : cores > JOBS_MAX ? JOBS_MAX : (uint64_t)cores;
	if (!parse(&job, argc, argv))
		return usage();
	if (str_eq(verb, STR("random")) && job.n_files == 0)
		return main_random(&job);
	if (str_eq(verb, STR("scenario")) && job.n_files > 0)
		return main_scenario(&job);
	if (str_eq(verb, STR("selftest")) && job.n_files == 0)
		return main_selftest(&job);
	return usage();
}
