/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_options.h"

#include <string.h>

enum option_kind {
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_NUMBER, /* uint64_t */
	OPTION_PERCENT, /* unsigned */
	OPTION_COUNT, /* unsigned, at least 1 */
	OPTION_SECONDS, /* to int64_t milliseconds */
	OPTION_MS, /* int64_t, not negative */
	OPTION_SIGNED, /* int64_t */
	OPTION_CREDENTIALS,
	OPTION_DENY,
	OPTION_TLS, /* two words */
	OPTION_CERT_KIND,
};

struct option_row {
	const char *name, *value, *help;
	enum option_kind kind;
	size_t offset;
	uint64_t most; /* of a number */
};

#define AT(member)   offsetof(struct fake_options, member)
#define YEAR_SECONDS (366 * 86400)

static const struct option_row rows[] = {
	{"help", NULL, "print this and end", OPTION_FLAG, AT(help)},
	{"port", "N", "listen on 127.0.0.1:N; 0, the default, takes a free port", OPTION_NUMBER,
	 AT(port), 65535},
	{"tls", "CERT KEY", "serve TLS on a second port with these PEM files", OPTION_TLS},
	{"tls-port", "N", "that port; 0, the default, takes a free one", OPTION_NUMBER,
	 AT(tls_port), 65535},
	{"make-cert", "DIR", "serve TLS with a throw-away CA: writes ca.pem, cert.pem, key.pem",
	 OPTION_TEXT, AT(make_cert)},
	{"cert-kind", "KIND", "of the made one: good, expired or wrong-host", OPTION_CERT_KIND,
	 AT(cert_kind)},
	{"credentials", "ACCESS:SECRET[:TOKEN]", "who may call; may be given several times",
	 OPTION_CREDENTIALS},
	{"no-auth", NULL, "check no signatures", OPTION_FLAG, AT(no_auth)},
	{"deny", "OPERATION", "answer it with AccessDeniedException; may be given several times",
	 OPTION_DENY},
	{"region", "NAME", "in ARNs and signatures (us-east-1)", OPTION_TEXT, AT(service.region)},
	{"account", "ID", "in ARNs (123456789012)", OPTION_TEXT, AT(service.account)},
	{"seed", "N", "of ids, sequence numbers, lies and percentages of faults (1)", OPTION_NUMBER,
	 AT(service.seed), UINT64_MAX},
	{"shards", "N", "open shards that a new stream starts with (1)", OPTION_COUNT,
	 AT(service.shards_per_table), 10000},
	{"shard-life", "SECONDS", "an open shard rolls to a child after this; 0: never (14400)",
	 OPTION_SECONDS, AT(service.shard_life_ms), YEAR_SECONDS},
	{"retention", "SECONDS", "older records are trimmed (86400)", OPTION_SECONDS,
	 AT(service.retention_ms), YEAR_SECONDS},
	{"iterator-life", "SECONDS", "older shard iterators are expired (900)", OPTION_SECONDS,
	 AT(service.iterator_life_ms), YEAR_SECONDS},
	{"create-ms", "MS", "how long a table is CREATING or UPDATING (50)", OPTION_MS,
	 AT(service.create_ms), 3600000},
	{"lie-open-parent", "PERCENT", "listings that show a closed parent as open (0)",
	 OPTION_PERCENT, AT(service.lie_open_parent), 100},
	{"lie-missing-child", "PERCENT", "listings that leave out new children (0)", OPTION_PERCENT,
	 AT(service.lie_missing_child), 100},
	{"empty-page", "PERCENT", "GetRecords answers that are empty for no reason (0)",
	 OPTION_PERCENT, AT(service.empty_page), 100},
	{"short-page", "PERCENT", "GetRecords answers that could hold more records (0)",
	 OPTION_PERCENT, AT(service.short_page), 100},
	{"partial-batch", "PERCENT", "BatchGetItem answers that leave keys unprocessed (0)",
	 OPTION_PERCENT, AT(service.partial_batch), 100},
	{"speed", "N", "the model's time runs N times as fast, from the start on (1)",
	 OPTION_NUMBER, AT(speed), 1000000},
	{"clock-offset", "MS", "the service's clock differs so much from this machine's (0)",
	 OPTION_SIGNED, AT(clock_offset_ms), (uint64_t)10 * YEAR_SECONDS * 1000},
	{"log", "FILE", "append one JSON line per write that a stream carries", OPTION_TEXT,
	 AT(log_path)},
};

/* The row of an option's name, or NULL. */
static const struct option_row *find_row(struct str name)
{
	for (size_t i = 0; i < ARRAY_N(rows); i++)
		if (str_eq(name, str_of(rows[i].name)))
			return &rows[i];
	return NULL;
}

/* Says what is wrong with a value. */
static bool bad_value(const struct option_row *row, const char *value, struct error *err)
{
	return error_set(err, ERROR_USAGE, "--%s takes %s, not \"%s\"", row->name, row->value,
			 value);
}

/* Stores an option's number. */
static bool store_number(struct fake_options *options, const struct option_row *row,
			 const char *value, struct error *err)
{
	char *to = (char *)options + row->offset;
	int64_t signed_number = 0;
	uint64_t number = 0;
	bool ok = row->kind == OPTION_SIGNED ? str_to_i64(str_of(value), &signed_number)
					     : str_to_u64(str_of(value), &number);

	if (row->kind == OPTION_SIGNED)
		number = (uint64_t)(signed_number < 0 ? -(signed_number + 1) : signed_number);
	if (!ok)
		return bad_value(row, value, err);
	if (number > row->most || (row->kind == OPTION_COUNT && number == 0))
		return error_set(err, ERROR_USAGE, "--%s %s is out of range: at most %llu",
				 row->name, value, (unsigned long long)row->most);
	if (row->kind == OPTION_SECONDS || row->kind == OPTION_MS)
		signed_number = (int64_t)number * (row->kind == OPTION_SECONDS ? 1000 : 1);
	if (row->kind == OPTION_NUMBER)
		*(uint64_t *)(void *)to = number;
	else if (row->kind == OPTION_PERCENT || row->kind == OPTION_COUNT)
		*(unsigned *)(void *)to = (unsigned)number;
	else
		*(int64_t *)(void *)to = signed_number;
	return true;
}

/* Notes one of the repeatable options. */
static bool store_repeated(struct fake_options *options, const struct option_row *row,
			   const char *value, struct error *err)
{
	struct fake_auth trial;
	bool ok;

	if (row->kind == OPTION_DENY) {
		if (options->n_denied == FAKE_DENY_OPTIONS_MAX)
			return error_set(err, ERROR_USAGE, "too many --deny");
		options->denied[options->n_denied++] = value;
		return true;
	}
	fake_auth_init(&trial, "");
	ok = fake_auth_add(&trial, str_of(value));
	fake_auth_release(&trial);
	if (!ok)
		return bad_value(row, value, err);
	if (options->n_credentials == FAKE_CREDENTIALS_MAX)
		return error_set(err, ERROR_USAGE, "too many --credentials");
	options->credentials[options->n_credentials++] = value;
	return true;
}

/* Stores one option that takes a value. */
static bool store(struct fake_options *options, const struct option_row *row, const char *value,
		  struct error *err)
{
	switch (row->kind) {
	case OPTION_TEXT:
		*(const char **)(void *)((char *)options + row->offset) = value;
		return value[0] != '\0' || bad_value(row, value, err);
	case OPTION_NUMBER:
	case OPTION_PERCENT:
	case OPTION_COUNT:
	case OPTION_SECONDS:
	case OPTION_MS:
	case OPTION_SIGNED:
		return store_number(options, row, value, err);
	case OPTION_CREDENTIALS:
	case OPTION_DENY:
		return store_repeated(options, row, value, err);
	case OPTION_CERT_KIND:
		return fake_cert_kind_of(str_of(value), &options->cert_kind) ||
		       bad_value(row, value, err);
	case OPTION_FLAG:
	case OPTION_TLS:
		break;
	}
	return error_set(err, ERROR_USAGE, "--%s takes no value after \"=\"", row->name);
}

/* Takes one option off the command line, `*at` being its word. */
static bool take(struct fake_options *options, int argc, char **argv, int *at, struct error *err)
{
	const char *word = argv[(*at)++];
	struct str value = str_of(word), name;
	const struct option_row *row;

	if (!str_starts(value, STR("--")))
		return error_set(err, ERROR_USAGE, "\"%s\" is no option", word);
	value = str_skip(value, 2);
	name = str_cut(&value, '=');
	row = find_row(name);
	if (row == NULL)
		return error_set(err, ERROR_USAGE, "there is no option --%.*s (see --help)",
				 STR_ARG(name));
	if (value.p != NULL) /* the tail of a terminated word */
		return store(options, row, value.p, err);
	if (row->kind == OPTION_FLAG) {
		*((char *)options + row->offset) = true;
		return true;
	}
	if (*at + (row->kind == OPTION_TLS) >= argc)
		return error_set(err, ERROR_USAGE, "--%s takes %s", row->name, row->value);
	if (row->kind == OPTION_TLS) {
		options->tls_cert = argv[(*at)++];
		options->tls_key = argv[(*at)++];
		return true;
	}
	return store(options, row, argv[(*at)++], err);
}

bool fake_options_parse(struct fake_options *options, int argc, char **argv, struct error *err)
{
	*options = (struct fake_options){.speed = 1};
	service_defaults(&options->service);
	for (int at = 1; at < argc;)
		if (!take(options, argc, argv, &at, err))
			return false;
	if (options->tls_cert != NULL && options->make_cert != NULL)
		return error_set(err, ERROR_USAGE, "--tls and --make-cert exclude each other");
	if (options->tls_port != 0 && options->tls_cert == NULL && options->make_cert == NULL)
		return error_set(err, ERROR_USAGE, "--tls-port needs --tls or --make-cert");
	if (options->no_auth && options->n_credentials > 0)
		return error_set(err, ERROR_USAGE,
				 "--no-auth and --credentials exclude each other");
	if (options->n_credentials == 0)
		options->credentials[options->n_credentials++] =
			"AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
	if (options->speed == 0)
		return error_set(err, ERROR_USAGE, "--speed must be at least 1");
	return true;
}

void fake_options_help(FILE *to)
{
	fputs("usage: ddbfake [OPTION]...\n\n"
	      "A fake DynamoDB with DynamoDB Streams for tests, on 127.0.0.1 and in memory.\n\n",
	      to);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			 rows[i].value == NULL ? "" : rows[i].value);
		fprintf(to, "  %-36s %s\n", left, rows[i].help);
	}
	fputs("\nWithout --credentials the access key is AKIDEXAMPLE, the secret\n"
	      "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY. See tests/fake/README.md.\n",
	      to);
}
