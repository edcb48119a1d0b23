/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that fail on demand. Included into one source of a program, it defines them there, and the
 * linker prefers that to libc's.
 */
#ifndef UNIT_FAILING_CALLS_H
#define UNIT_FAILING_CALLS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* What the replaced calls do next. */
static struct {
	atomic_int fail_sync, fail_write, fail_truncate; /* errno of the next call, 0: it works */
	atomic_int fail_second_sync; /* of the one after the next */
	atomic_int short_writes; /* so many writes take 3 bytes only */
	atomic_int syncs, name_syncs; /* calls of fdatasync, and of fsync */
	atomic_bool hold; /* fdatasync waits until it is false */
} fault;

int fdatasync(int fd)
{
	int number = atomic_exchange(&fault.fail_sync, atomic_exchange(&fault.fail_second_sync, 0));

	while (fault.hold)
		usleep(1000);
	if (number != 0) {
		errno = number;
		return -1;
	}
	fault.syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	fault.name_syncs++;
	return (int)syscall(SYS_fsync, fd);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
	int number = atomic_exchange(&fault.fail_write, 0);

	if (number != 0) {
		/* Half a record comes through before the error, as on a full disk. */
		syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2);
		errno = number;
		return -1;
	}
	if (fault.short_writes > 0) {
		fault.short_writes--;
		return syscall(SYS_write, fd, parts[0].iov_base,
			       parts[0].iov_len < 3 ? parts[0].iov_len : 3);
	}
	return syscall(SYS_writev, fd, parts, n);
}

int ftruncate(int fd, off_t size)
{
	int number = atomic_exchange(&fault.fail_truncate, 0);

	if (number != 0) {
		errno = number;
		return -1;
	}
	return (int)syscall(SYS_ftruncate, fd, size);
}

#endif
