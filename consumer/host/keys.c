/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/host/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, PATH_BYTES_MAX = 4096, REREAD_MS = 1000 };

struct keys {
	char *profile, *region, *streams_url, *tables_url; /* NULL: not set */
	struct aws_settings settings;
	bool is_read; /* settings hold something */
	bool is_tried; /* read_ms holds something */
	int64_t read_ms; /* when keys_get read the sources last, well or not */
	struct error failure; /* of the last reading, ERROR_NONE when it went well */
};

/* A copy of a terminated string, or NULL for NULL. */
static char *copy(const char *text)
{
	return text == NULL ? NULL : mem_dup(text, str_of(text).n);
}

struct keys *keys_new(const struct keys_options *options)
{
	struct keys *keys = mem_alloc(sizeof(*keys));

	keys->profile = copy(options->profile);
	keys->region = copy(options->region);
	keys->streams_url = copy(options->streams_url);
	keys->tables_url = copy(options->tables_url);
	return keys;
}

void keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	if (keys->is_read)
		aws_settings_release(&keys->settings);
	mem_free(keys->profile);
	mem_free(keys->region);
	mem_free(keys->streams_url);
	mem_free(keys->tables_url);
	mem_free(keys);
}

/* The environment, as consumer/aws wants it. */
static struct str env(void *arg, const char *name)
{
	(void)arg;
	return str_of(getenv(name));
}

/* Reads all of `fd` into `text`, in one piece of memory that can be wiped; false with errno set. */
static bool read_all(int fd, struct buf *text)
{
	struct stat st;
	ssize_t n = -1;
	char *to;

	if (fstat(fd, &st) != 0)
		return false;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) /* /dev/null: there is none */
		return true;
	if (st.st_size >= FILE_BYTES_MAX || !S_ISREG(st.st_mode)) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return false;
	}
	to = buf_reserve(text, (size_t)st.st_size + 1);
	while (text->n < text->cap && (n = read(fd, to + text->n, text->cap - text->n)) > 0)
		text->n += (size_t)n;
	return n == 0;
}

/* Reads a profile file, which need not exist; false with `err` set when it does but cannot be read. */
static bool read_file(struct buf *path, struct buf *text, struct error *err)
{
	bool ok;
	int fd;

	buf_c(path, '\0'); /* for open; taken off again below */
	if (path->failed)
		return error_set(err, ERROR_CONFIG, "the name of an AWS profile file is too long");
	buf_truncate(path, path->n - 1);
	if (path->n == 0)
		return true;
	fd = open(path->p, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return true;
	ok = fd >= 0 && read_all(fd, text);
	if (!ok)
		error_set(err, ERROR_AUTH, "cannot read %s: %s", path->p, error_errno(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Wipes and frees a file's text, which may hold secrets. */
static void forget(struct buf *text)
{
	if (text->p != NULL)
		explicit_bzero(text->p, text->n);
	buf_release(text);
}

/* Takes over what was found, unless it is less than what is known. */
static void adopt(struct keys *keys, struct aws_settings *found, const struct aws_sources *sources)
{
	bool has_keys = found->credentials.access_key != NULL;

	if (!has_keys)
		error_set(&keys->failure, ERROR_AUTH,
			  "no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
			  "in the "
			  "environment nor keys of profile \"%s\" in %.*s or %.*s",
			  found->profile, STR_ARG(sources->credentials_file),
			  STR_ARG(sources->config_file));
	/* A file that is just being replaced may be empty for a moment. */
	if (!has_keys && keys->is_read && keys->settings.credentials.access_key != NULL) {
		aws_settings_release(found);
		return;
	}
	if (keys->is_read)
		aws_settings_release(&keys->settings);
	keys->settings = *found;
	keys->is_read = true;
}

/* Reads everything again; on failure what was known stays, and `failure` says why. */
static void reread(struct keys *keys, int64_t now_ms)
{
	struct aws_sources sources = {
		.env = env,
		.profile = str_of(keys->profile),
		.region = str_of(keys->region),
		.streams_url = str_of(keys->streams_url),
		.tables_url = str_of(keys->tables_url),
	};
	struct buf config_file, credentials_file, config, credentials;
	struct aws_settings found;

	buf_init(&config_file, PATH_BYTES_MAX);
	buf_init(&credentials_file, PATH_BYTES_MAX);
	buf_init(&config, FILE_BYTES_MAX);
	buf_init(&credentials, FILE_BYTES_MAX);
	keys->read_ms = now_ms;
	keys->failure.code = ERROR_NONE;
	aws_config_file(&sources, &config_file);
	aws_credentials_file(&sources, &credentials_file);
	if (!read_file(&config_file, &config, &keys->failure) ||
	    !read_file(&credentials_file, &credentials, &keys->failure))
		goto out;
	sources.config = buf_view(&config);
	sources.credentials = buf_view(&credentials);
	sources.config_file = buf_view(&config_file);
	sources.credentials_file = buf_view(&credentials_file);
	if (aws_settings_resolve(&sources, &found, &keys->failure))
		adopt(keys, &found, &sources);
out:
	forget(&config);
	forget(&credentials);
	buf_release(&config_file);
	buf_release(&credentials_file);
}

const struct aws_settings *keys_settings(struct keys *keys, struct error *err)
{
	/* No clock here: the next keys_get may read again at once. */
	if (!keys->is_read)
		reread(keys, 0);
	if (!keys->is_read)
		*err = keys->failure;
	return keys->is_read ? &keys->settings : NULL;
}

const struct credentials *keys_get(struct keys *keys, const struct keys_request *request,
				   struct error *err)
{
	const struct credentials *known = &keys->settings.credentials;
	bool wanted = request->fresh || !keys->is_read || known->access_key == NULL ||
		      (known->expires_wall_ms != 0 && known->expires_wall_ms <= request->wall_ms);

	if (wanted && (!keys->is_tried || request->now_ms - keys->read_ms >= REREAD_MS)) {
		keys->is_tried = true;
		reread(keys, request->now_ms);
	}
	if (keys->is_read && known->access_key != NULL)
		return known;
	*err = keys->failure;
	return NULL;
}
