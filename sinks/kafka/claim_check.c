/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/claim_check.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <unistd.h>

#include "base/json.h"

enum { SHA256_N = 32, POINTER_MAX = 64 * 1024, PATH_BYTES_MAX = 4096 };

struct claim {
	struct io *io;
	struct io_post post;
	pthread_t thread;
	claim_done_fn *done;
	void *arg;
	bool forgotten; /* the post frees */
	char *directory;
	char *path;
	struct buf value;
	char digest[2 * SHA256_N + 1];
	bool ok;
	struct error why;
};

/* Frees a claim whose thread has ended. */
static void claim_free(struct claim *claim)
{
	buf_release(&claim->value);
	mem_free(claim->directory);
	mem_free(claim->path);
	mem_free(claim);
}

/* Writes all of the value; false with errno set. */
static bool write_value(int fd, struct str value)
{
	while (value.n > 0) {
		ssize_t n = write(fd, value.p, value.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		value = str_skip(value, (size_t)n);
	}
	return fsync(fd) == 0;
}

/* Makes the file's name durable; false with errno set. */
static bool sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Writes the file under another name, syncs it and gives it its own, so that it is whole or not there. */
static bool write_file(const struct claim *claim)
{
	char temporary[PATH_BYTES_MAX + 64];
	int fd, number;
	bool ok;

	/* Two shards may have the same value at the same time. */
	snprintf(temporary, sizeof(temporary), "%s.%d.%p.new", claim->path, (int)getpid(),
		 (const void *)claim);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return false;
	ok = write_value(fd, buf_view(&claim->value));
	number = errno;
	if (close(fd) != 0 && ok) {
		number = errno;
		ok = false;
	}
	if (ok && rename(temporary, claim->path) == 0)
		return sync_directory(claim->directory);
	if (ok)
		number = errno;
	unlink(temporary);
	errno = number;
	return false;
}

/* The claim's thread. */
static void *run(void *arg)
{
	struct claim *claim = arg;

	claim->ok = write_file(claim);
	if (!claim->ok)
		error_set(&claim->why, ERROR_IO,
			  "cannot write a record that is too large for a message to %s: %s",
			  claim->path, error_errno(errno));
	io_post(claim->io, &claim->post);
	return NULL;
}

/* On the loop's thread: the file is written. */
static void on_post(struct io_post *post)
{
	struct claim *claim = CONTAINER_OF(post, struct claim, post);

	if (!claim->forgotten) {
		must(pthread_join(claim->thread, NULL) == 0);
		claim->done(claim->arg, claim, claim->ok, &claim->why);
	}
	claim_free(claim);
}

bool claim_check_usable(const char *directory, struct error *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool usable = fd >= 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0;

	if (!usable)
		error_set(err, ERROR_CONFIG, "claim_check_path: cannot write into %s: %s",
			  directory, error_errno(errno));
	if (fd >= 0)
		close(fd);
	return usable;
}

struct claim *claim_check_write(struct io *io, const char *directory, struct str value,
				claim_done_fn *done, void *arg)
{
	struct claim *claim = mem_alloc(sizeof(*claim));
	unsigned char digest[SHA256_N];
	struct buf text;

	claim->io = io;
	claim->post.run = on_post;
	claim->done = done;
	claim->arg = arg;
	claim->directory = mem_dup(directory, str_of(directory).n);
	buf_init(&claim->value, value.n);
	buf_str(&claim->value, value);
	must(EVP_Digest(value.p, value.n, digest, NULL, EVP_sha256(), NULL) == 1);
	buf_init(&text, PATH_BYTES_MAX + 256);
	buf_hex(&text, digest, sizeof(digest));
	mem_copy(claim->digest, text.p, text.n);
	buf_clear(&text);
	buf_fmt(&text, "%s/%s", directory, claim->digest);
	claim->path = buf_detach(&text);
	must(pthread_create(&claim->thread, NULL, run, claim) == 0);
	return claim;
}

void claim_check_forget(struct claim *claim)
{
	must(pthread_join(claim->thread, NULL) == 0);
	claim->forgotten = true;
}

void claim_check_pointer(const struct claim *claim, struct buf *out)
{
	buf_str(out, STR("{\"claimCheck\":{\"path\":"));
	json_put(out, str_of(claim->path));
	buf_fmt(out, ",\"size\":%zu,\"sha256\":\"%s\"}}", claim->value.n, claim->digest);
}
