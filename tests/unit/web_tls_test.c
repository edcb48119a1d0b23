/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "tests/unit/web_fixture.h"

#include "tests/unit/tls_child.h"

/* The path of one of the files; static, one of four that are used in turn. */
static const char *file(const char *name)
{
	static char paths[4][128];
	static int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", certs, name);
	return path;
}

/* A pool that trusts our authority only, and shows a certificate if there is one. */
static void setup_tls(const char *cert, const char *key, const char *password)
{
	struct web_pool_options options = open_all();

	options.allow_http = false;
	options.ca_file = file("ca.pem");
	options.client_cert = cert == NULL ? NULL : file(cert);
	options.client_key = key == NULL ? NULL : file(key);
	options.client_key_password = password;
	pool_err.text[0] = '\0';
	setup_web(options);
}

/* Whether a request to a TLS server ends so; a whole answer's body is `words` then. */
static bool tls_ends(const struct tls_server *tls, enum web_result result, const char *words)
{
	struct hook hook;
	char url[64];
	bool ok = true;

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", tls->port);
	hook_init(&hook, url, "t.ok");
	hook_run(&hook);
	if (result == WEB_ANSWER)
		ok = check_str(buf_view(&hook.web.answer), str_of(words), __FILE__, __LINE__);
	return hook_ended(&hook, result, result == WEB_ANSWER ? "" : words) && ok;
}

/* Whether no pool can be made so, for a reason that has these words. */
static bool refuses(const char *cert, const char *key, const char *password, const char *words)
{
	bool ok;

	setup_tls(cert, key, password);
	ok = pool == NULL && pool_err.code == ERROR_CONFIG && strstr(pool_err.text, words) != NULL;
	if (!ok)
		fprintf(stderr, "%s %s: %s\n", cert, key, pool_err.text);
	teardown_web();
	return ok;
}

static void tls_works_and_resumes_sessions(void)
{
	struct tls_server tls = tls_start("good", "1");

	setup_tls(NULL, NULL, NULL);
	CHECK(tls_ends(&tls, WEB_ANSWER, "new"));
	CHECK(tls_ends(&tls, WEB_ANSWER, "resumed"));
	teardown_web();
	setup_tls(NULL, NULL, NULL); /* not from pool to pool */
	CHECK(tls_ends(&tls, WEB_ANSWER, "new"));
	teardown_web();
	tls_stop(&tls);
}

static void certificates_are_checked(void)
{
	struct tls_server good = tls_start("good", "1"), expired = tls_start("expired", "1"),
			  other = tls_start("other", "1");
	struct web_pool_options options = open_all();

	setup_web(options);
	CHECK(tls_ends(&good, WEB_REFUSED, "/etc/ssl/certs/ca-certificates.crt; name the file"));
	teardown_web();
	setup_tls(NULL, NULL, NULL);
	CHECK(tls_ends(&expired, WEB_REFUSED, "has expired"));
	CHECK(tls_ends(&other, WEB_REFUSED, "must be one that the certificate is for"));
	CHECK(tls_ends(&good, WEB_ANSWER, "new"));
	teardown_web();
	tls_stop(&good);
	tls_stop(&expired);
	tls_stop(&other);
}

static void old_tls_is_not_spoken(void)
{
	struct tls_server old = tls_start_with("good", "1", file("ca.pem"), "TLSv1_1");

	setup_tls("client.pem", "client.key", NULL);
	CHECK(tls_ends(&old, WEB_BROKEN, "no older than 1.2"));
	teardown_web();
	tls_stop(&old);
}

static void clients_show_their_certificate(void)
{
	static const char *const newest[] = {"TLSv1_2", "TLSv1_3"};

	for (size_t i = 0; i < ARRAY_N(newest); i++) {
		struct tls_server tls = tls_start_with("good", "1", file("ca.pem"), newest[i]);

		setup_tls("client.pem", "client.key", NULL);
		CHECK(tls_ends(&tls, WEB_ANSWER, "tap"));
		teardown_web();
		setup_tls("client.pem", "locked.key", "open sesame");
		CHECK(tls_ends(&tls, WEB_ANSWER, "tap"));
		CHECK(tls_ends(&tls, WEB_ANSWER, "tap"));
		teardown_web();
		setup_tls("stranger.pem", "key.pem", NULL);
		CHECK(tls_ends(&tls, WEB_REFUSED, "does not know the authority"));
		teardown_web();
		if (strcmp(newest[i], "TLSv1_3") == 0) {
			setup_tls(NULL, NULL, NULL);
			CHECK(tls_ends(&tls, WEB_REFUSED, "wants a client certificate"));
			teardown_web();
		}
		tls_stop(&tls);
	}
}

static void a_cut_after_the_handshake_hints_at_certificates(void)
{
	struct tls_server tls = tls_start("good", "0");

	setup_tls(NULL, NULL, NULL);
	CHECK(tls_ends(&tls, WEB_BROKEN, "client certificate, check `client_cert`"));
	teardown_web();
	tls_stop(&tls);
}

static void a_proxy_is_no_receiver(void)
{
	struct tls_server tls = tls_start("other", "1");
	struct hook hook;
	char proxy[64];

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", tls.port);
	setenv("https_proxy", proxy, 1);
	setup_tls(NULL, NULL, NULL);
	hook_init(&hook, "https://other.example/", "t.ok");
	hook_run(&hook); /* the proxy's own 200 comes before anything was sent */
	CHECK_STR(buf_view(&hook.web.answer), "new");
	CHECK_INT(hook.web.retry_after_ms, 0);
	CHECK(hook_ended(&hook, WEB_ANSWER, ""));
	teardown_web();
	unsetenv("https_proxy");
	tls_stop(&tls);
}

static void what_was_loaded_stays_loaded(void)
{
	struct tls_server tls = tls_start_with("good", "1", file("ca.pem"), "TLSv1_3");
	char command[256];

	snprintf(command, sizeof(command), "cp %s/client.pem %s/gone.pem", certs, certs);
	must(system(command) == 0);
	setup_tls("gone.pem", "client.key", NULL);
	must(unlink(file("gone.pem")) == 0);
	CHECK(tls_ends(&tls, WEB_ANSWER, "tap"));
	teardown_web();
	tls_stop(&tls);
}

static void bad_files_are_named_at_once(void)
{
	struct web_pool_options options = open_all();

	CHECK(refuses("client.pem", NULL, NULL, "`client_key` is missing"));
	CHECK(refuses(NULL, "client.key", NULL, "`client_cert` is missing"));
	CHECK(refuses("none.pem", "client.key", NULL, "none.pem cannot be read: No such file"));
	CHECK(refuses("client.pem", "none.key", NULL, "none.key cannot be read: No such file"));
	CHECK(refuses("client.key", "client.key", NULL, "holds no certificate in PEM form"));
	CHECK(refuses("client.pem", "client.pem", NULL, "holds no private key in PEM form"));
	CHECK(refuses("client.pem", "key.pem", NULL, "is not the key of the certificate"));
	CHECK(refuses("client.pem", "locked.key", NULL,
		      "is encrypted; set `client_key_password_file`"));
	CHECK(refuses("client.pem", "locked.key", "wrong", "cannot be decrypted with"));
	must(truncate(file("client.key"), 5 << 20) == 0);
	CHECK(refuses("client.pem", "client.key", NULL, "is larger than"));
	options.ca_file = file("none.pem");
	setup_web(options);
	CHECK(pool == NULL && strstr(pool_err.text, "`ca_file`") != NULL);
	teardown_web();
	options.ca_file = file("key.pem");
	setup_web(options);
	CHECK(pool == NULL && strstr(pool_err.text, "holds no certificate") != NULL);
	teardown_web();
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	certs_make();
	/* So that it is ours to refuse old TLS, and not the system's configuration. */
	setenv("OPENSSL_CONF", file("lax.cnf"), 1);
	CHECK_RUN(tls_works_and_resumes_sessions);
	CHECK_RUN(certificates_are_checked);
	CHECK_RUN(old_tls_is_not_spoken);
	CHECK_RUN(clients_show_their_certificate);
	CHECK_RUN(a_cut_after_the_handshake_hints_at_certificates);
	CHECK_RUN(a_proxy_is_no_receiver);
	CHECK_RUN(what_was_loaded_stays_loaded);
	CHECK_RUN(bad_files_are_named_at_once);
	certs_remove();
	return check_end();
}
