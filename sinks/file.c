/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file.h"

#include <stddef.h>
#include <sys/stat.h>

#include "base/time.h"
#include "config/option.h"
#include "sinks/file_place.h"
#include "sinks/file_store.h"

enum {
	MODE_MAX = 0777,
	TICK_MIN_MS = 20,
	TICK_MAX_MS = 30 * SECOND_MS,
	TICKS = 8, /* in the shortest of the times that files are finished after */
	FINISH_MS = 10 * MINUTE_MS,
	FILES_MAX = 64,
};

struct file_options {
	char *path;
	char *mode;
	int compress; /* enum pack_kind */
	int64_t rotate_bytes, rotate_ms, finish_ms, files_max; /* 0: not given */
};

static const char *const compress_words[] = {"none", "gzip", "zstd", NULL};

/* The number of permissions in octal, of which the first 5 digits count. */
static mode_t mode_of(struct str text)
{
	mode_t mode = 0;

	for (size_t i = 0; i < text.n && i < 5; i++)
		mode = mode * 8 + (mode_t)(text.p[i] - '0');
	return mode;
}

/* struct option_spec: whether `text` can be permissions. */
static const char *check_mode(struct str text)
{
	bool ok = text.n > 0 && text.n <= 5;

	for (size_t i = 0; i < text.n; i++)
		ok = ok && text.p[i] >= '0' && text.p[i] <= '7';
	return ok && mode_of(text) <= MODE_MAX && (mode_of(text) & S_IWUSR) != 0
		       ? NULL
		       : "permissions in octal that let the owner write, such as 0640";
}

static const struct option_spec file_option_specs[] = {
	{.name = "path",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct file_options, path),
	 .required = true,
	 .check = place_check,
	 .help = "The file that records are appended to. With {table}, {region}, {shard}, {date} "
		 "or "
		 "{hour} in it, many files; directories from the first of these on are created, "
		 "those before must be there."},
	{.name = "mode",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct file_options, mode),
	 .fallback = "0640",
	 .check = check_mode,
	 .help = "Permissions of a file that is created, in octal; the process's umask takes its "
		 "bits off."},
	{.name = "compress",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct file_options, compress),
	 .fallback = "none",
	 .words = compress_words,
	 .help = "How files are compressed; path has to end in .gz or .zst then."},
	{.name = "rotate_size",
	 .type = OPTION_BYTES,
	 .offset = offsetof(struct file_options, rotate_bytes),
	 .min = 1024,
	 .max = (int64_t)1 << 40,
	 .help = "A file that has become so large is finished, and a new one begun; never, if not "
		 "given."},
	{.name = "rotate_every",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct file_options, rotate_ms),
	 .min = 100,
	 .max = (int64_t)30 * DAY_MS,
	 .help = "The same for one that has become so old."},
	{.name = "finish_after",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct file_options, finish_ms),
	 .min = 100,
	 .max = (int64_t)30 * DAY_MS,
	 .help = "Of many files, one that got nothing for so long is finished; 10m, if not given."},
	{.name = "open_files",
	 .type = OPTION_COUNT,
	 .offset = offsetof(struct file_options, files_max),
	 .min = 1,
	 .max = 1000,
	 .help = "So many files at most are open at once; the one that waited longest is finished "
		 "before another is begun. 64, if not given."},
};

struct file {
	struct sink sink;
	struct io *io;
	char *name;
	struct lines *lines;
	struct store *store;
	struct io_timer timer; /* looks for files to finish, when nothing else comes */
	int64_t tick_ms;
};

/* Whether the options make files that are finished at some time. */
static bool rolls(const struct file_options *options)
{
	struct place place;
	bool varies;

	place_init(&place, options->path, (enum pack_kind)options->compress);
	varies = place.varies;
	place_release(&place);
	return varies || options->rotate_bytes > 0 || options->rotate_ms > 0;
}

/* Says that an option is at odds with another; returns false. */
static bool odd(struct option_fault *fault, const char *option, const char *why)
{
	fault->option = option;
	return error_set(&fault->why, ERROR_CONFIG, "%s", why);
}

/* struct sink_type: whether names say how files are compressed, and each option has something to do. */
static bool file_check(const void *options_p, const struct format_type *format,
		       struct option_fault *fault)
{
	static const char never[] =
		"nothing is ever finished: give rotate_size, rotate_every, or a "
		"path with {date}, {hour}, {table}, {region} or {shard}";
	const struct file_options *options = options_p;
	enum pack_kind kind = (enum pack_kind)options->compress;
	struct str path = str_of(options->path);

	(void)format;
	for (int other = PACK_GZIP; other <= PACK_ZSTD; other++) {
		if (other != (int)kind && str_ends(path, pack_ending((enum pack_kind)other)))
			return odd(fault, "path",
				   "path ends as names of compressed files do, but compress says "
				   "otherwise");
	}
	if (kind != PACK_NONE && !str_ends(path, pack_ending(kind)))
		return odd(fault, "path",
			   kind == PACK_GZIP ? "with compress: gzip, path must end in .gz"
					     : "with compress: zstd, path must end in .zst");
	if (rolls(options))
		return true;
	if (options->finish_ms > 0)
		return odd(fault, "finish_after", never);
	return options->files_max == 0 || odd(fault, "open_files", never);
}

/* The time between looks for files to finish. */
static int64_t tick_of(const struct store_options *options)
{
	int64_t ms = options->finish_ms;

	if (options->rotate_ms > 0 && options->rotate_ms < ms)
		ms = options->rotate_ms;
	ms /= TICKS;
	if (ms < TICK_MIN_MS)
		return TICK_MIN_MS;
	return ms > TICK_MAX_MS ? TICK_MAX_MS : ms;
}

/* Has the writer look for files to finish. */
static void on_tick(struct io_timer *timer)
{
	struct file *file = CONTAINER_OF(timer, struct file, timer);

	io_timer_set(file->io, &file->timer, io_now_ms(file->io) + file->tick_ms);
	lines_nudge(file->lines);
}

/* The writer's thread is through with a group, and waits. */
static void on_back(void *arg)
{
	struct file *file = arg;

	store_log_notes(file->store, file->io, str_of(file->name));
}

/* struct lines: on the writer's thread. */
static void commit(void *arg, struct lines_group *group)
{
	const struct file *file = arg;

	store_commit(file->store, group);
}

/* struct sink_type: opens and recovers the files, and starts their thread. */
static struct sink *file_open(const struct sink_env *env, const void *options_p, struct error *err)
{
	const struct file_options *options = options_p;
	struct store_options wanted = {
		.path = options->path,
		.mode = mode_of(str_of(options->mode)),
		.pack = (enum pack_kind)options->compress,
		.rotate_bytes = options->rotate_bytes,
		.rotate_ms = options->rotate_ms,
		.finish_ms = options->finish_ms > 0 ? options->finish_ms : FINISH_MS,
		.files_max = options->files_max > 0 ? (size_t)options->files_max : FILES_MAX,
	};
	struct store *store = store_new(&wanted, env->name, io_wall_ms(env->io), err);
	struct file *file;

	if (store == NULL)
		return NULL;
	file = mem_alloc(sizeof(*file));
	file->sink.type = &sink_file;
	file->io = env->io;
	file->name = mem_dup(env->name.p, env->name.n);
	file->store = store;
	on_back(file);
	file->lines = lines_new(env->io, commit, file);
	lines_on_back(file->lines, on_back);
	file->timer.fire = on_tick;
	file->tick_ms = tick_of(&wanted);
	if (store_rolls(store))
		io_timer_set(file->io, &file->timer, io_now_ms(file->io) + file->tick_ms);
	return &file->sink;
}

/* struct sink_type: queues a delivery for the next group. */
static void file_submit(struct sink *sink, struct delivery *delivery)
{
	lines_submit(CONTAINER_OF(sink, struct file, sink)->lines, delivery);
}

/* struct sink_type: up to where the files have a shard. */
static struct position file_position(struct sink *sink, const struct source *source)
{
	return store_position(CONTAINER_OF(sink, struct file, sink)->store, source);
}

/* struct sink_type: the file was moved away; or the operator wants what is open to be finished. */
static void file_reopen(struct sink *sink)
{
	struct file *file = CONTAINER_OF(sink, struct file, sink);

	store_ask_reopen(file->store);
	lines_nudge(file->lines);
}

/* struct sink_type: waits for the write under way, and frees. */
static void file_close(struct sink *sink)
{
	struct file *file = CONTAINER_OF(sink, struct file, sink);

	io_timer_cancel(file->io, &file->timer);
	lines_close(file->lines);
	store_free(file->store);
	mem_free(file->name);
	mem_free(file);
}

const struct sink_type sink_file = {
	.name = "file",
	.help = "appends to files and syncs them",
	.options = file_option_specs,
	.n_options = ARRAY_N(file_option_specs),
	.options_bytes = sizeof(struct file_options),
	.check = file_check,
	.open = file_open,
	.submit = file_submit,
	.close = file_close,
	.position = file_position,
	.reopen = file_reopen,
};
