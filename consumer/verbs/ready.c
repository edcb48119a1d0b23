/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap ready`: asks a running worker whether it is ready; for probes where there is no shell and no curl. */
#include "config/listen.h"
#include "config/syntax.h"
#include "consumer/host/probe.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/load.h"

enum {
	TIMEOUT_MS = 5000,
	ANSWER_MAX_BYTES = 4 << 20,
	URL_MAX_BYTES = 200,
	STATUS_NOT_READY = 1,
	HTTP_OK = 200,
	HTTP_UNAVAILABLE = 503,
};

/* What was asked for. */
struct asked {
	const char *listen;
	bool live, verbose;
};

/* Appends the URL, terminated. Who listens at every address is asked at this machine's own. */
static void put_url(const struct asked *asked, const struct listen *listen, struct buf *url)
{
	struct str address = str_of(listen->address);
	bool six = str_find(address, ':') < address.n;

	if (str_eq(address, STR("0.0.0.0")))
		address = STR("127.0.0.1");
	else if (str_eq(address, STR("::")))
		address = STR("::1");
	buf_fmt(url, "http://%s%.*s%s:%u%s%s%c", six ? "[" : "", STR_ARG(address), six ? "]" : "",
		listen->port, asked->live ? "/livez" : "/readyz", asked->verbose ? "?verbose" : "",
		'\0');
}

/* Asks, prints the answer, and returns the exit status. */
static int ask(const struct asked *asked, const struct listen *listen)
{
	struct buf url, answer;
	struct probe probe = {.timeout_ms = TIMEOUT_MS, .answer = &answer};
	struct error why = {0};
	int status;

	buf_init(&url, URL_MAX_BYTES);
	buf_init(&answer, ANSWER_MAX_BYTES);
	put_url(asked, listen, &url);
	probe.url = url.p;
	if (!probe_ask(&probe, &why))
		status = verb_error(error_exit_status(why.code), "%s", why.text);
	else if (probe.status != HTTP_OK && probe.status != HTTP_UNAVAILABLE)
		status = verb_error(error_exit_status(ERROR_RETRY),
				    "%s: HTTP status %d: is that a ddbtap?", url.p, probe.status);
	else
		status = verb_write(buf_view(&answer));
	if (status == 0 && probe.status != HTTP_OK)
		status = STATUS_NOT_READY;
	buf_release(&answer);
	buf_release(&url);
	return status;
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct asked asked = {0};
	const struct argument arguments[] = {
		{"listen", .value = &asked.listen},
		{"live", .flag = &asked.live},
		{"verbose", .flag = &asked.verbose},
	};
	struct config *config = NULL;
	struct listen listen;
	const char *where;
	int status;

	if (!arguments_read(&verb_ready, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	if (argc > 2 || (argc == 2) == (asked.listen != NULL))
		return verb_usage_error(&verb_ready,
					"ready takes one configuration file, or --listen");
	if (argc == 2) {
		config = load_config(program, argv[1]);
		if (config == NULL)
			return error_exit_status(ERROR_CONFIG);
	}
	where = config != NULL ? config->http.listen : asked.listen;
	if (where == NULL)
		status = verb_error(error_exit_status(ERROR_CONFIG),
				    "%s: http.listen is not set, so there is nobody to ask",
				    argv[1]);
	else if (!listen_parse(str_of(where), &listen) || listen.port == 0)
		status = verb_usage_error(&verb_ready,
					  "option '--listen' must be %s, and not port 0",
					  syntax_listen(STR_NONE));
	else
		status = ask(&asked, &listen);
	config_free(config);
	return status;
}

const struct verb verb_ready = {
	.name = "ready",
	.help = "asks a running worker whether it is ready",
	.usage =
		"usage: ddbtap ready CONFIG [--live] [--verbose]\n"
		"       ddbtap ready --listen ADDRESS [--live] [--verbose]\n"
		"\n"
		"Asks the worker that listens at http.listen of the configuration file CONFIG, or "
		"at "
		"ADDRESS, whether\n"
		"it is ready, and prints what it says: a line for each reason why it is not. For "
		"probes "
		"of containers,\n"
		"in which there is no shell.\n"
		"\n"
		"  --listen ADDRESS    as given to `ddbtap run`: 9464, 127.0.0.1:9464, [::1]:9464\n"
		"  --live              ask only whether its loop turns\n"
		"  --verbose           print how all tables and sinks are, too\n"
		"\n"
		"Exit status: 0 ready, 1 not ready, 75 nobody answers, 64 the command line, 78 the "
		"configuration.\n",
	.run = run,
};
