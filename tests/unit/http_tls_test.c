/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/http_fixture.h"
#include "tests/unit/tiny_server.h"

/* A TLS server with one of the certificates; its port. */
struct tls_server {
	pid_t pid;
	int to_it, port;
};

static char certs[64];

/* Starts tls_server.py, with its $1 and $3; it ends when our end of its input is closed. */
static struct tls_server tls_start(const char *name, const char *group)
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
		      NULL);
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

static void tls_stop(struct tls_server *tls)
{
	close(tls->to_it);
	waitpid(tls->pid, NULL, 0);
}

/* A loop towards a TLS server. */
static void setup_tls(const struct tls_server *tls, bool with_ca)
{
	char url[64];
	static char ca[96];

	snprintf(url, sizeof(url), "https://127.0.0.1:%d", tls->port);
	snprintf(ca, sizeof(ca), "%s/ca.pem", certs);
	setup(url, with_ca ? ca : NULL);
}

static void tls_works_and_resumes_sessions_across_slots(void)
{
	struct tls_server tls = tls_start("good", "3");
	struct call first, call[3];

	setup_tls(&tls, true);
	first = call_to("t.ok");
	ask(&first);
	CHECK_INT(first.http.result, IO_ANSWER);
	CHECK_STR(buf_view(&first.http.answer), "new");
	for (int i = 0; i < 3; i++) { /* at once: two of them on slots that are new */
		call[i] = call_to("t.ok");
		io_http_send(f.io, &call[i].http);
	}
	run(3);
	for (int i = 0; i < 3; i++) {
		CHECK_STR(buf_view(&call[i].http.answer), "resumed");
		release(&call[i]);
	}
	release(&first);
	teardown();
	tls_stop(&tls);
}

static void certificates_are_checked(void)
{
	struct tls_server good = tls_start("good", "1"), expired = tls_start("expired", "1"),
			  other = tls_start("other", "1");

	setup_tls(&good, false);
	CHECK(ends("t.ok", IO_REFUSED, "name the file with the right one as `ca_file`"));
	CHECK(ends("t.ok", IO_REFUSED, "/etc/ssl/certs/ca-certificates.crt"));
	teardown();
	setup_tls(&expired, true);
	CHECK(ends("t.ok", IO_REFUSED, "has expired"));
	teardown();
	setup_tls(&other, true);
	CHECK(ends("t.ok", IO_REFUSED, "must be one that the certificate is for"));
	teardown();
	tls_stop(&good);
	tls_stop(&expired);
	tls_stop(&other);
}

static void plain_http_on_a_tls_endpoint_is_said(void)
{
	struct tls_server plain = {.port = server.port};

	setup_tls(&plain, true);
	CHECK(ends("t.ok", IO_BROKEN, "does it speak TLS on this port"));
	teardown();
}

int main(void)
{
	char command[128];

	snprintf(certs, sizeof(certs), "/tmp/ddbtap-http-%d", (int)getpid());
	must(mkdir(certs, 0700) == 0);
	snprintf(command, sizeof(command), "tests/unit/make_certs.sh %s", certs);
	must(system(command) == 0);
	signal(SIGPIPE, SIG_IGN);
	server_start();
	CHECK_RUN(tls_works_and_resumes_sessions_across_slots);
	CHECK_RUN(certificates_are_checked);
	CHECK_RUN(plain_http_on_a_tls_endpoint_is_said);
	server_stop();
	snprintf(command, sizeof(command), "rm -r %s", certs);
	must(system(command) == 0);
	return check_end();
}
