/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook.h"

#include "config/option.h"
#include "sinks/webhook/caller.h"

enum {
	CONNECTIONS_MAX = 256,
	BATCH_RECORDS_MAX = 1000,
	BATCH_BYTES_MIN = 1024,
	BATCH_BYTES_MAX = 16 << 20,
	ANSWER_BYTES_MIN = 1024,
	ANSWER_BYTES_MAX = 16 << 20,
	TIMEOUT_MIN_MS = 100,
	TIMEOUT_MAX_MS = 5 * 60 * 1000,
};

struct webhook_options {
	char *url;
	int signature; /* enum signature_style */
	char *secret_file;
	struct pairs headers;
	char *token_file;
	char *oauth_token_url, *oauth_client_id, *oauth_client_secret_file, *oauth_scope;
	int oauth_style; /* enum oauth_style */
	char *ca_file, *client_cert, *client_key, *client_key_password_file;
	bool allow_http, allow_private;
	int64_t lanes, connections;
	int64_t batch_records, batch_bytes;
	bool partial;
	int64_t timeout_ms, connect_timeout_ms, answer_bytes;
};

static const char *const signature_words[] = {"standard", "github", "stripe", "none", NULL};
static const char *const oauth_words[] = {"header", "body", NULL};

/* Whether what follows a host's name in a URL, from its last colon on, is a port or nothing. */
static bool is_port(struct str host)
{
	size_t colon = str_find_last(host, ':');
	uint64_t port = 0;

	if (colon == host.n || str_find(str_skip(host, colon), ']') < host.n - colon)
		return true; /* no port, or a colon within an IPv6 address */
	return str_to_u64(str_skip(host, colon + 1), &port) && port > 0 && port < 65536;
}

/* struct option_spec: whether `text` can be an address to post to. */
static const char *check_url(struct str text)
{
	struct str rest = text;
	struct str scheme = str_cut(&rest, ':');
	struct str host;

	if ((!str_eq(scheme, STR("https")) && !str_eq(scheme, STR("http"))) ||
	    !str_starts(rest, STR("//")))
		return "a URL that begins with https:// or http://";
	rest = str_skip(rest, 2);
	for (size_t i = 0; i < rest.n; i++) {
		if (rest.p[i] <= ' ' || rest.p[i] >= 0x7F)
			return "a URL without blanks and other bytes that have to be written as "
			       "%XX";
	}
	host = str_cut(&rest, '/');
	host = str_cut(&host, '?');
	host = str_cut(&host, '#');
	if (host.n == 0)
		return "a URL with a host";
	if (str_find(host, '@') < host.n)
		return "a URL without user and password; token_file keeps a secret";
	if (!is_port(host))
		return "a URL whose port is a number from 1 to 65535";
	return str_find(text, '#') < text.n ? "a URL without a fragment (#)" : NULL;
}

/* struct option_spec: whether `text` is a word for a form, at all. */
static const char *check_text(struct str text)
{
	return text.n > 0 && requesthead_check_value(text) == NULL
		       ? NULL
		       : "a text without control characters";
}

static const struct option_spec webhook_option_specs[] = {
	{.name = "url",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, url),
	 .required = true,
	 .check = check_url,
	 .help = "Where records are posted to. Redirects are never followed."},
	{.name = "signature",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct webhook_options, signature),
	 .fallback = "standard",
	 .words = signature_words,
	 .help = "How requests are signed: as Standard Webhooks, GitHub or Stripe have it, or not "
		 "at all."},
	{.name = "secret_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, secret_file),
	 .help = "File with the secrets to sign with, one per line; each request is signed by all. "
		 "It must not be readable by everybody."},
	{.name = "headers",
	 .type = OPTION_PAIRS,
	 .offset = offsetof(struct webhook_options, headers),
	 .check = requesthead_check_value,
	 .check_name = requesthead_check_name,
	 .help = "Further headers of each request."},
	{.name = "token_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, token_file),
	 .help = "File with a bearer token for the Authorization header."},
	{.name = "oauth_token_url",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, oauth_token_url),
	 .check = check_url,
	 .help = "Where bearer tokens are fetched by OAuth 2.0's client credentials grant."},
	{.name = "oauth_client_id",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, oauth_client_id),
	 .check = check_text,
	 .help = "Our name at the token server."},
	{.name = "oauth_client_secret_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, oauth_client_secret_file),
	 .help = "File with our secret at the token server."},
	{.name = "oauth_scope",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, oauth_scope),
	 .check = check_text,
	 .help = "The scope to ask the token server for."},
	{.name = "oauth_style",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct webhook_options, oauth_style),
	 .fallback = "header",
	 .words = oauth_words,
	 .help = "Whether name and secret go to the token server in the Authorization header or in "
		 "the body."},
	{.name = "ca_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, ca_file),
	 .help = "PEM file of the certificate authorities to trust here; the default is that of "
		 "the whole configuration."},
	{.name = "client_cert",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, client_cert),
	 .help = "PEM file of our certificate, for receivers that want one."},
	{.name = "client_key",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, client_key),
	 .help = "PEM file of the certificate's private key."},
	{.name = "client_key_password_file",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct webhook_options, client_key_password_file),
	 .help = "File with the private key's password."},
	{.name = "allow_http",
	 .type = OPTION_BOOL,
	 .offset = offsetof(struct webhook_options, allow_http),
	 .fallback = "false",
	 .help = "Whether plain HTTP is allowed, too."},
	{.name = "allow_private",
	 .type = OPTION_BOOL,
	 .offset = offsetof(struct webhook_options, allow_private),
	 .fallback = "false",
	 .help = "Whether loopback, private, link-local and metadata addresses are allowed, too."},
	{.name = "lanes",
	 .type = OPTION_COUNT,
	 .offset = offsetof(struct webhook_options, lanes),
	 .fallback = "4",
	 .min = 1,
	 .max = LANES_MAX,
	 .help = "Requests of one shard at a time. Records of one item always go one after the "
		 "other; with 1, those of a shard do."},
	{.name = "connections",
	 .type = OPTION_COUNT,
	 .offset = offsetof(struct webhook_options, connections),
	 .fallback = "8",
	 .min = 1,
	 .max = CONNECTIONS_MAX,
	 .help = "Requests of all shards at a time, each on a connection of its own."},
	{.name = "batch_records",
	 .type = OPTION_COUNT,
	 .offset = offsetof(struct webhook_options, batch_records),
	 .fallback = "100",
	 .min = 1,
	 .max = BATCH_RECORDS_MAX,
	 .help = "Records of one request at most. With 1, and in forms that know no batches, the "
		 "body is the bare record."},
	{.name = "batch_bytes",
	 .type = OPTION_BYTES,
	 .offset = offsetof(struct webhook_options, batch_bytes),
	 .fallback = "256KiB",
	 .min = BATCH_BYTES_MIN,
	 .max = BATCH_BYTES_MAX,
	 .help = "Length of a batch; a longer record goes alone."},
	{.name = "partial",
	 .type = OPTION_BOOL,
	 .offset = offsetof(struct webhook_options, partial),
	 .fallback = "false",
	 .help = "Whether 2xx answers are searched for batchItemFailures."},
	{.name = "timeout",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct webhook_options, timeout_ms),
	 .fallback = "15s",
	 .min = TIMEOUT_MIN_MS,
	 .max = TIMEOUT_MAX_MS,
	 .help = "How long a request may take."},
	{.name = "connect_timeout",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct webhook_options, connect_timeout_ms),
	 .fallback = "5s",
	 .min = TIMEOUT_MIN_MS,
	 .max = TIMEOUT_MAX_MS,
	 .help = "How long connecting may take."},
	{.name = "answer_bytes",
	 .type = OPTION_BYTES,
	 .offset = offsetof(struct webhook_options, answer_bytes),
	 .fallback = "256KiB",
	 .min = ANSWER_BYTES_MIN,
	 .max = ANSWER_BYTES_MAX,
	 .help = "How much of an answer's body is read."},
};

struct webhook {
	struct sink sink;
	struct caller *caller;
};

/* Notes a fault at an option; returns false. */
static bool fault_at(struct option_fault *fault, const char *option, const char *words)
{
	fault->option = option;
	return error_set(&fault->why, ERROR_CONFIG, "%s", words);
}

/* Whether a URL is for plain HTTP. */
static bool is_plain(const char *url)
{
	return url != NULL && str_starts(str_of(url), STR("http:"));
}

/* Checks what signs requests, and names us. */
static bool check_identity(const struct webhook_options *o, struct option_fault *fault)
{
	bool oauth = o->oauth_token_url != NULL;

	if (o->signature != SIGNATURE_NONE && o->secret_file == NULL)
		return fault_at(fault, "signature",
				"a signature needs a secret: set secret_file, or signature: none");
	if (o->signature == SIGNATURE_NONE && o->secret_file != NULL)
		return fault_at(fault, "secret_file", "with signature: none nothing is signed");
	if (oauth && (o->oauth_client_id == NULL || o->oauth_client_secret_file == NULL))
		return fault_at(fault, "oauth_token_url",
				"it needs oauth_client_id and oauth_client_secret_file");
	if (oauth && o->token_file != NULL)
		return fault_at(fault, "token_file",
				"there is one Authorization header: token_file or oauth_token_url");
	if (!oauth && o->oauth_client_id != NULL)
		return fault_at(fault, "oauth_client_id", "it needs oauth_token_url");
	if (!oauth && o->oauth_client_secret_file != NULL)
		return fault_at(fault, "oauth_client_secret_file", "it needs oauth_token_url");
	if (!oauth && o->oauth_scope != NULL)
		return fault_at(fault, "oauth_scope", "it needs oauth_token_url");
	if (!oauth && o->oauth_style != OAUTH_HEADER)
		return fault_at(fault, "oauth_style", "it needs oauth_token_url");
	return true;
}

/* struct sink_type: what options do not agree. */
static bool webhook_check(const void *options_p, const struct format_type *format,
			  struct option_fault *fault)
{
	const struct webhook_options *o = options_p;

	(void)format; /* all forms can be posted: those that know no batches record by record */
	if (!o->allow_http && is_plain(o->url))
		return fault_at(fault, "url", "plain HTTP has to be allowed by allow_http: true");
	if (!o->allow_http && is_plain(o->oauth_token_url))
		return fault_at(fault, "oauth_token_url",
				"plain HTTP has to be allowed by allow_http: true");
	if (o->client_cert != NULL && o->client_key == NULL)
		return fault_at(fault, "client_cert", "a certificate needs its client_key");
	if (o->client_key != NULL && o->client_cert == NULL)
		return fault_at(fault, "client_key", "a private key needs its client_cert");
	if (o->client_key_password_file != NULL && o->client_key == NULL)
		return fault_at(fault, "client_key_password_file", "there is no client_key");
	return check_identity(o, fault);
}

/* struct sink_type: reads the secrets and prepares to call. */
static struct sink *webhook_open(const struct sink_env *env, const void *options_p,
				 struct error *err)
{
	const struct webhook_options *o = options_p;
	struct caller_options options = {
		.url = o->url,
		.headers = o->headers,
		.style = (enum signature_style)o->signature,
		.secret_file = o->secret_file,
		.token_file = o->token_file,
		.oauth = {.url = o->oauth_token_url,
			  .client_id = o->oauth_client_id,
			  .secret_file = o->oauth_client_secret_file,
			  .scope = o->oauth_scope,
			  .style = (enum oauth_style)o->oauth_style,
			  .timeout_ms = o->timeout_ms},
		.pool = {.ca_file = o->ca_file != NULL ? o->ca_file : env->ca_file,
			 .client_cert = o->client_cert,
			 .client_key = o->client_key,
			 .allow_http = o->allow_http,
			 .allow_private = o->allow_private,
			 .connections = (size_t)o->connections,
			 .connect_timeout_ms = o->connect_timeout_ms},
		.key_password_file = o->client_key_password_file,
		.lanes = (size_t)o->lanes,
		.batch_records = (size_t)o->batch_records,
		.batch_bytes = (size_t)o->batch_bytes,
		.timeout_ms = o->timeout_ms,
		.answer_bytes = (size_t)o->answer_bytes,
		.partial = o->partial,
	};
	struct caller *caller = caller_new(env, &options, err);
	struct webhook *webhook;

	if (caller == NULL)
		return NULL;
	webhook = mem_alloc(sizeof(*webhook));
	webhook->sink.type = &sink_webhook;
	webhook->caller = caller;
	return &webhook->sink;
}

/* struct sink_type: takes a delivery. */
static void webhook_submit(struct sink *sink, struct delivery *delivery)
{
	caller_submit(CONTAINER_OF(sink, struct webhook, sink)->caller, delivery);
}

/* struct sink_type: drops all calls, and frees. */
static void webhook_close(struct sink *sink)
{
	struct webhook *webhook = CONTAINER_OF(sink, struct webhook, sink);

	caller_free(webhook->caller);
	mem_free(webhook);
}

/* struct sink_type: secrets and certificates may be others now. */
static void webhook_reopen(struct sink *sink)
{
	caller_reopen(CONTAINER_OF(sink, struct webhook, sink)->caller);
}

const struct sink_type sink_webhook = {
	.name = "webhook",
	.help = "posts to an HTTP receiver, signed",
	.options = webhook_option_specs,
	.n_options = ARRAY_N(webhook_option_specs),
	.options_bytes = sizeof(struct webhook_options),
	.headers = true,
	.check = webhook_check,
	.open = webhook_open,
	.submit = webhook_submit,
	.close = webhook_close,
	.reopen = webhook_reopen,
};
