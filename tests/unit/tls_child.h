/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_server.py as a child, and the certificates of make_certs.sh.
 */
#ifndef UNIT_TLS_CHILD_H
#define UNIT_TLS_CHILD_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* A TLS server with one of the certificates; its port. */
struct tls_server {
	pid_t pid;
	int to_it, port;
};

static char certs[64];

/* Makes the certificates in a folder of their own. */
static inline void certs_make(void)
{
	char command[128];

	snprintf(certs, sizeof(certs), "/tmp/ddbtap-http-%d", (int)getpid());
	must(mkdir(certs, 0700) == 0);
	snprintf(command, sizeof(command), "tests/unit/make_certs.sh %s", certs);
	must(system(command) == 0);
}

static inline void certs_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", certs);
	must(system(command) == 0);
}

/* Starts tls_server.py, with its $1, $3, $4 and $5; it ends when our end of its input is closed. */
static inline struct tls_server tls_start_with(const char *name, const char *group,
					       const char *clients_ca, const char *newest)
{
	char cert[96], key[96], text[16] = "";
	struct tls_server tls;
	int in[2], out[2];
	uint64_t port = 0;

	snprintf(cert, sizeof(cert), "%s/%s.pem", certs, name);
	snprintf(key, sizeof(key), "%s/key.pem", certs);
	must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	tls.pid = fork();
	must(tls.pid >= 0);
	if (tls.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		execl("/usr/bin/python3", "python3", "tests/unit/tls_server.py", cert, key, group,
		      clients_ca, newest, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	must(read(out[0], text, sizeof(text) - 1) > 0);
	must(str_to_u64(str_trim(str_of(text)), &port));
	close(out[0]);
	tls.to_it = in[1];
	tls.port = (int)port;
	return tls;
}

/* The same for clients without certificate. */
static inline struct tls_server tls_start(const char *name, const char *group)
{
	return tls_start_with(name, group, NULL, NULL);
}

static inline void tls_stop(struct tls_server *tls)
{
	close(tls->to_it);
	waitpid(tls->pid, NULL, 0);
}

#endif
