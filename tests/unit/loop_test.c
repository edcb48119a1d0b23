/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "consumer/host/loop.h"
#include "tests/check.h"

enum { GUARD_MS = 20 * 1000 };

/* A loop that nothing listens to, and a guard that ends a test that hangs. */
struct fixture {
	struct keys *keys;
	struct loop *loop;
	struct io *io;
	struct io_timer guard;
	bool hung;
};

static struct fixture f;

static void on_guard(struct io_timer *timer)
{
	(void)timer;
	f.hung = true;
	loop_stop(f.loop);
}

static void setup(void)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = "http://127.0.0.1:1",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
		.log_level = IO_INFO,
	};
	struct error err;

	memset(&f, 0, sizeof(f));
	f.keys = keys_new(&keys_options);
	options.keys = f.keys;
	f.loop = loop_new(&options, &err);
	must(f.loop != NULL);
	f.io = loop_io(f.loop);
	f.guard.fire = on_guard;
	io_timer_set(f.io, &f.guard, io_now_ms(f.io) + GUARD_MS);
}

static void teardown(void)
{
	CHECK(!f.hung);
	loop_free(f.loop);
	keys_free(f.keys);
}

/* Notes the order in which timers fired; stops the loop at the last. */
struct probe {
	struct io_timer timer;
	int id;
	bool stops;
	struct probe *cancels;
};

static int fired[16];
static size_t n_fired;

static void on_probe(struct io_timer *timer)
{
	struct probe *probe = CONTAINER_OF(timer, struct probe, timer);

	fired[n_fired++] = probe->id;
	if (probe->cancels != NULL)
		io_timer_cancel(f.io, &probe->cancels->timer);
	if (probe->stops)
		loop_stop(f.loop);
}

static void timers_fire_in_order_and_not_early(void)
{
	struct probe probe[6] = {{.id = 0}};
	int64_t start_ms;

	setup();
	n_fired = 0;
	start_ms = io_now_ms(f.io);
	for (int i = 0; i < 6; i++) {
		probe[i].id = i;
		probe[i].timer.fire = on_probe;
	}
	io_timer_set(f.io, &probe[0].timer, start_ms + 30);
	io_timer_set(f.io, &probe[1].timer, start_ms + 10);
	io_timer_set(f.io, &probe[2].timer, start_ms + 10);
	io_timer_set(f.io, &probe[3].timer, start_ms + 20);
	io_timer_set(f.io, &probe[4].timer, start_ms + 5);
	io_timer_set(f.io, &probe[5].timer, start_ms + 60);
	io_timer_set(f.io, &probe[4].timer, start_ms + 40); /* moved */
	io_timer_cancel(f.io, &probe[3].timer);
	probe[1].cancels = &probe[2]; /* which is due in the same turn */
	probe[5].stops = true;
	loop_run(f.loop);
	CHECK(io_now_ms(f.io) - start_ms >= 60);
	CHECK_INT(n_fired, 4);
	CHECK(fired[0] == 1 && fired[1] == 0 && fired[2] == 4 && fired[3] == 5);
	io_timer_cancel(f.io, &probe[3].timer); /* not set: nothing happens */
	teardown();
}

/* A timer that sets itself for a time gone by, over and over. */
static struct io_timer eager;
static int eager_n;

static void on_eager(struct io_timer *timer)
{
	eager_n++;
	io_timer_set(f.io, timer, io_now_ms(f.io) - 1000);
}

static void on_post_stop(struct io_post *post)
{
	(void)post;
	loop_stop(f.loop);
}

static void on_post_post_stop(struct io_post *post)
{
	post->run = on_post_stop;
	io_post(f.io, post);
}

static void an_eager_timer_starves_nobody(void)
{
	struct io_post post = {.run = on_post_post_stop};

	setup();
	memset(&eager, 0, sizeof(eager));
	eager.fire = on_eager;
	eager_n = 0;
	io_timer_set(f.io, &eager, io_now_ms(f.io));
	io_post(f.io, &post);
	loop_run(f.loop);
	CHECK(eager_n >= 1 && eager_n <= 10);
	teardown();
}

enum { THREADS = 4, POSTS = 2000 };

struct numbered {
	struct io_post post;
	int thread, number;
};

static struct numbered posts[THREADS][POSTS];
static int next_number[THREADS];
static int posts_run;
static pthread_t loop_thread;
static bool order_ok, thread_ok;

static void on_numbered(struct io_post *post)
{
	struct numbered *numbered = CONTAINER_OF(post, struct numbered, post);

	order_ok = order_ok && next_number[numbered->thread]++ == numbered->number;
	thread_ok = thread_ok && pthread_equal(pthread_self(), loop_thread);
	if (++posts_run == THREADS * POSTS)
		loop_stop(f.loop);
}

static void *poster(void *arg)
{
	struct numbered *mine = arg;

	for (int i = 0; i < POSTS; i++)
		io_post(f.io, &mine[i].post);
	return NULL;
}

static void posts_of_other_threads_run_here_in_order(void)
{
	pthread_t threads[THREADS];

	setup();
	loop_thread = pthread_self();
	order_ok = thread_ok = true;
	posts_run = 0;
	for (int t = 0; t < THREADS; t++) {
		next_number[t] = 0;
		for (int i = 0; i < POSTS; i++)
			posts[t][i] = (struct numbered){{.run = on_numbered}, t, i};
		must(pthread_create(&threads[t], NULL, poster, posts[t]) == 0);
	}
	loop_run(f.loop);
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	CHECK_INT(posts_run, THREADS * POSTS);
	CHECK(order_ok);
	CHECK(thread_ok);
	teardown();
}

static int runs;

static void on_count(struct io_post *post)
{
	(void)post;
	runs++;
}

static void a_post_never_runs_inside_the_call_and_not_after_the_end(void)
{
	struct io_post post = {.run = on_count};

	setup();
	runs = 0;
	io_post(f.io, &post);
	CHECK_INT(runs, 0);
	teardown(); /* what was posted runs, for its owner to be able to free it */
	CHECK_INT(runs, 1);
}

static int signals_seen[3];
static int n_signals;

static void on_signal(void *arg, int signo)
{
	CHECK(arg == &n_signals);
	signals_seen[n_signals++] = signo;
	if (n_signals == 3)
		loop_stop(f.loop);
}

static void signals_become_callbacks(void)
{
	setup();
	n_signals = 0;
	loop_on_signal(f.loop, on_signal, &n_signals);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGINT);
	kill(getpid(), SIGHUP);
	loop_run(f.loop);
	CHECK_INT(n_signals, 3);
	CHECK_INT(signals_seen[0] + signals_seen[1] + signals_seen[2], SIGTERM + SIGINT + SIGHUP);
	teardown();
}

static void on_slow(struct io_timer *timer)
{
	(void)timer;
	usleep(130 * 1000);
	loop_stop(f.loop);
}

static void a_slow_turn_is_reported(void)
{
	struct io_timer slow = {.fire = on_slow};
	int pipe_fds[2], saved = dup(STDERR_FILENO);
	char text[4096];
	ssize_t n;

	must(pipe(pipe_fds) == 0);
	setup();
	dup2(pipe_fds[1], STDERR_FILENO);
	io_timer_set(f.io, &slow, io_now_ms(f.io));
	loop_run(f.loop);
	dup2(saved, STDERR_FILENO);
	n = read(pipe_fds[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	CHECK(strstr(text, "level=warn event=loop.lag took_ms=1") != NULL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(saved);
	teardown();
}

static void an_idle_loop_sleeps(void)
{
	struct probe probe = {.stops = true};
	struct timespec before, after;

	setup();
	n_fired = 0;
	probe.timer.fire = on_probe;
	io_timer_set(f.io, &probe.timer, io_now_ms(f.io) + 200);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	loop_run(f.loop);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 <
	      50);
	teardown();
}

static void random_numbers_differ(void)
{
	uint64_t a, b;

	setup();
	a = io_random(f.io);
	b = io_random(f.io);
	CHECK(a != b && (a >> 32) != 0 && (b >> 32) != 0);
	CHECK(io_wall_ms(f.io) > 1700000000000);
	teardown();
}

static void bad_options_are_refused_with_a_sentence(void)
{
	struct keys_options keys_options = {NULL};
	struct loop_options options = {
		.endpoint_streams = "ftp://x",
		.endpoint_tables = "http://127.0.0.1:1",
		.region = "us-east-1",
	};
	struct error err = {0};

	options.keys = keys_new(&keys_options);
	CHECK(loop_new(&options, &err) == NULL);
	CHECK(err.code == ERROR_CONFIG && strstr(err.text, "ftp://x") != NULL);
	options.endpoint_streams = options.endpoint_tables;
	options.ca_file = "/nowhere/ca.pem";
	CHECK(loop_new(&options, &err) == NULL);
	CHECK(err.code == ERROR_CONFIG && strstr(err.text, "/nowhere/ca.pem") != NULL);
	keys_free(options.keys);
}

int main(void)
{
	CHECK_RUN(timers_fire_in_order_and_not_early);
	CHECK_RUN(an_eager_timer_starves_nobody);
	CHECK_RUN(posts_of_other_threads_run_here_in_order);
	CHECK_RUN(a_post_never_runs_inside_the_call_and_not_after_the_end);
	CHECK_RUN(signals_become_callbacks);
	CHECK_RUN(a_slow_turn_is_reported);
	CHECK_RUN(an_idle_loop_sleeps);
	CHECK_RUN(random_numbers_differ);
	CHECK_RUN(bad_options_are_refused_with_a_sentence);
	return check_end();
}
