/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "tests/unit/http_fixture.h"
#include "tests/unit/tiny_server.h"
#include "tests/unit/tls_child.h"

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
	certs_make();
	signal(SIGPIPE, SIG_IGN);
	server_start();
	CHECK_RUN(tls_works_and_resumes_sessions_across_slots);
	CHECK_RUN(certificates_are_checked);
	CHECK_RUN(plain_http_on_a_tls_endpoint_is_said);
	server_stop();
	certs_remove();
	return check_end();
}
