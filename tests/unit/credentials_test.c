/* SPDX-License-Identifier: Apache-2.0 */
/* Settings out of the environment and AWS's two files. */
#include "consumer/aws/credentials.h"

#include "consumer/aws/ini.h"
#include "tests/check.h"

/* An environment: "NAME=value" lines. */
static struct str env_of_text(void *arg, const char *name)
{
	struct str rest = str_of(arg);

	while (rest.n > 0) {
		struct str value = str_cut(&rest, '\n');

		if (str_eq(str_cut(&value, '='), str_of(name)))
			return value;
	}
	return STR_NONE;
}

/* Sources of texts. */
static struct aws_sources sources_of(const char *env, const char *config, const char *credentials)
{
	union {
		const char *in;
		void *out;
	} arg = {env};

	return (struct aws_sources){.env = env_of_text,
				    .env_arg = arg.out,
				    .config = str_of(config),
				    .credentials = str_of(credentials),
				    .config_file = STR("/c/config"),
				    .credentials_file = STR("/c/credentials")};
}

/* Whether `text` holds `word`. */
static bool holds(struct str text, struct str word)
{
	for (; text.n > 0; text = str_skip(text, 1)) {
		if (str_starts(text, word))
			return true;
	}
	return word.n == 0;
}

/* Resolves, expecting success. */
static struct aws_settings resolve(const struct aws_sources *sources)
{
	struct aws_settings settings;
	struct error err;

	if (!CHECK(aws_settings_resolve(sources, &settings, &err)))
		fprintf(stderr, "  %s\n", err.text);
	return settings;
}

/* Resolves, expecting an error with all of these words. */
static void check_refused(const struct aws_sources *sources, enum error_code code,
			  const char *words, const char *more)
{
	struct aws_settings settings;
	struct error err = {0};

	CHECK(!aws_settings_resolve(sources, &settings, &err));
	CHECK_INT(err.code, code);
	CHECK(settings.profile == NULL && settings.credentials.secret_key == NULL);
	if (!CHECK(holds(str_of(err.text), str_of(words)) && holds(str_of(err.text), str_of(more))))
		fprintf(stderr, "  %s\n", err.text);
}

static const char full_env[] = "AWS_ACCESS_KEY_ID=AKENV\nAWS_SECRET_ACCESS_KEY=skenv\n"
			       "AWS_SESSION_TOKEN=tokenv\n";
static const char shared_file[] = "[default]\naws_access_key_id = AKSHARED\n"
				  "aws_secret_access_key = sk/shared+=\n"
				  "[other]\naws_access_key_id=AKOTHER\n"
				  "aws_secret_access_key=skother\naws_session_token=tokother\n"
				  "region = eu-west-3\n";
static const char config_file[] = "[default]\nregion = eu-west-1\naws_access_key_id=AKCONFIG\n"
				  "aws_secret_access_key=skconfig\n"
				  "[profile conf]\nregion=us-west-2\naws_access_key_id=AKCONF\n"
				  "aws_secret_access_key=skconf\n"
				  "[bare]\nregion=us-west-9\n";

static void credentials_environment_goes_first(void)
{
	struct aws_sources sources = sources_of(full_env, config_file, shared_file);
	struct aws_settings settings = resolve(&sources);

	CHECK_INT(settings.source, CREDENTIALS_ENVIRONMENT);
	CHECK_STR(str_of(settings.credentials.access_key), "AKENV");
	CHECK_STR(str_of(settings.credentials.secret_key), "skenv");
	CHECK_STR(str_of(settings.credentials.session_token), "tokenv");
	CHECK_INT(settings.credentials.expires_wall_ms, 0);
	CHECK_STR(str_of(settings.profile), "default");
	CHECK_STR(str_of(settings.region), "eu-west-1");
	aws_settings_release(&settings);
	CHECK(settings.region == NULL && settings.credentials.access_key == NULL);
}

static void credentials_files_in_order(void)
{
	struct aws_sources sources = sources_of("", config_file, shared_file);
	struct aws_settings settings = resolve(&sources);

	CHECK_INT(settings.source, CREDENTIALS_SHARED_FILE);
	CHECK_STR(str_of(settings.credentials.access_key), "AKSHARED");
	CHECK_STR(str_of(settings.credentials.secret_key), "sk/shared+=");
	CHECK(settings.credentials.session_token == NULL);
	aws_settings_release(&settings);

	sources.credentials = STR_NONE;
	settings = resolve(&sources);
	CHECK_INT(settings.source, CREDENTIALS_CONFIG_FILE);
	CHECK_STR(str_of(settings.credentials.access_key), "AKCONFIG");
	aws_settings_release(&settings);

	sources.config = STR_NONE;
	settings = resolve(&sources);
	CHECK_INT(settings.source, CREDENTIALS_NONE);
	CHECK(settings.credentials.access_key == NULL);
	CHECK(settings.region == NULL);
	aws_settings_release(&settings);
}

static void credentials_profiles_by_name(void)
{
	struct aws_sources sources =
		sources_of("AWS_PROFILE=conf\nAWS_DEFAULT_PROFILE=x\n", config_file, shared_file);
	struct aws_settings settings = resolve(&sources);

	CHECK_STR(str_of(settings.profile), "conf");
	CHECK_STR(str_of(settings.region), "us-west-2");
	CHECK_STR(str_of(settings.credentials.access_key), "AKCONF");
	aws_settings_release(&settings);

	sources = sources_of("AWS_DEFAULT_PROFILE=other\n", config_file, shared_file);
	settings = resolve(&sources);
	CHECK_STR(str_of(settings.region), "eu-west-3");
	CHECK_STR(str_of(settings.credentials.session_token), "tokother");
	aws_settings_release(&settings);

	/* In the config file, only "default" may go without the word "profile". */
	sources = sources_of("AWS_PROFILE=bare\n", config_file, shared_file);
	check_refused(&sources, ERROR_CONFIG, "no profile 'bare'", "/c/credentials");
}

/* A profile of our own setting shuts the environment's keys out; AWS_PROFILE does not. */
static void credentials_own_profile_excludes_environment(void)
{
	struct aws_sources sources = sources_of(
		"AWS_ACCESS_KEY_ID=AKENV\nAWS_SECRET_ACCESS_KEY=skenv\nAWS_PROFILE=conf\n",
		config_file, shared_file);
	struct aws_settings settings = resolve(&sources);

	CHECK_STR(str_of(settings.credentials.access_key), "AKENV");
	aws_settings_release(&settings);
	sources.profile = STR("other");
	settings = resolve(&sources);
	CHECK_STR(str_of(settings.credentials.access_key), "AKOTHER");
	aws_settings_release(&settings);
}

static void credentials_refuse_what_is_incomplete(void)
{
	struct aws_sources sources = sources_of("AWS_ACCESS_KEY_ID=A\n", "", "");

	check_refused(&sources, ERROR_AUTH, "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID");
	sources = sources_of("", "", "[default]\naws_access_key_id=A\n");
	check_refused(&sources, ERROR_AUTH, "aws_secret_access_key", "'default'");
	sources = sources_of("AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=a b\n", "", "");
	check_refused(&sources, ERROR_AUTH, "blanks", "in the environment");
	sources = sources_of("AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=s\n"
			     "AWS_CREDENTIAL_EXPIRATION=soon\n",
			     "", "");
	check_refused(&sources, ERROR_CONFIG, "AWS_CREDENTIAL_EXPIRATION", "");
	/* A secret alone is nobody's. */
	sources = sources_of("AWS_SECRET_ACCESS_KEY=s\n", "", shared_file);
	struct aws_settings settings = resolve(&sources);
	CHECK_INT(settings.source, CREDENTIALS_SHARED_FILE);
	aws_settings_release(&settings);
}

static void credentials_read_their_expiry(void)
{
	struct aws_sources sources = sources_of("AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=s\n"
						"AWS_SECURITY_TOKEN=old\n"
						"AWS_CREDENTIAL_EXPIRATION=2026-01-02T03:04:05Z\n",
						"", "");
	struct aws_settings settings = resolve(&sources);

	CHECK_INT(settings.credentials.expires_wall_ms, 1767323045000);
	CHECK_STR(str_of(settings.credentials.session_token), "old");
	aws_settings_release(&settings);
}

static void credentials_name_the_unsupported(void)
{
	static const char *const ways[] = {"role_arn",		 "web_identity_token_file",
					   "sso_session",	 "sso_start_url",
					   "credential_process", "login_session"};

	for (size_t i = 0; i < ARRAY_N(ways); i++) {
		struct aws_sources sources;
		struct buf text;

		buf_init(&text, 1000);
		buf_fmt(&text, "[profile x]\n%s = something odd\n", ways[i]);
		buf_c(&text, '\0');
		sources = sources_of("AWS_PROFILE=x\n", text.p, "");
		check_refused(&sources, ERROR_CONFIG, ways[i], "profile 'x'");
		/* The environment's keys go before all of it. */
		sources = sources_of(full_env, text.p, "");
		struct aws_settings settings = resolve(&sources);
		CHECK_INT(settings.source, CREDENTIALS_ENVIRONMENT);
		aws_settings_release(&settings);
		buf_release(&text);
	}
	struct aws_sources sources =
		sources_of("AWS_WEB_IDENTITY_TOKEN_FILE=/t\nAWS_ROLE_ARN=r\n", "", shared_file);
	check_refused(&sources, ERROR_CONFIG, "web identity", "AWS_WEB_IDENTITY_TOKEN_FILE");
}

/* Keys in the shared file go before credential_process, but not before a role. */
static void credentials_shared_file_before_process(void)
{
	struct aws_sources sources =
		sources_of("", "[default]\ncredential_process = /bin/x\n", shared_file);
	struct aws_settings settings = resolve(&sources);

	CHECK_STR(str_of(settings.credentials.access_key), "AKSHARED");
	aws_settings_release(&settings);
	sources.config = STR("[default]\nrole_arn = r\n");
	check_refused(&sources, ERROR_CONFIG, "role_arn", "not supported");
}

static void credentials_region_order(void)
{
	struct aws_sources sources =
		sources_of("AWS_REGION=r-1\nAWS_DEFAULT_REGION=r-2\n", config_file, "");
	struct aws_settings settings = resolve(&sources);

	CHECK_STR(str_of(settings.region), "r-1");
	aws_settings_release(&settings);
	sources.region = STR("r-0");
	settings = resolve(&sources);
	CHECK_STR(str_of(settings.region), "r-0");
	aws_settings_release(&settings);
	sources = sources_of("AWS_DEFAULT_REGION=r-2\n", config_file, "");
	settings = resolve(&sources);
	CHECK_STR(str_of(settings.region), "r-2");
	aws_settings_release(&settings);
	sources = sources_of("AWS_REGION=evil.example/\n", "", "");
	check_refused(&sources, ERROR_CONFIG, "evil.example/", "not the name of a region");
}

static const char services_config[] =
	"[default]\nendpoint_url = http://profile:1\nservices = mine\n"
	"[profile plain]\nendpoint_url = http://plain:1\n"
	"[services mine]\n"
	"dynamodb =\n  endpoint_url = http://tables:2\n"
	"s3 =\n  endpoint_url = http://s3:2\n"
	"dynamodb_streams =\n  other = x\n  endpoint_url = http://streams:3\n"
	"[services theirs]\ndynamodb =\n  endpoint_url = http://wrong:2\n";

/* Resolves and compares both URLs ("" for none). */
static void check_urls(const char *env, const char *config, const char *streams, const char *tables)
{
	struct aws_sources sources = sources_of(env, config, "");
	struct aws_settings settings = resolve(&sources);

	CHECK_STR(str_of(settings.streams_url), streams);
	CHECK_STR(str_of(settings.tables_url), tables);
	aws_settings_release(&settings);
}

static void credentials_endpoint_order(void)
{
	check_urls("", services_config, "http://streams:3", "http://tables:2");
	check_urls("AWS_PROFILE=plain\n", services_config, "http://plain:1", "http://plain:1");
	check_urls("AWS_ENDPOINT_URL=http://all:4\n", services_config, "http://all:4",
		   "http://all:4");
	check_urls("AWS_ENDPOINT_URL=http://all:4\nAWS_ENDPOINT_URL_DYNAMODB=http://t:5\n",
		   services_config, "http://all:4", "http://t:5");
	check_urls("AWS_ENDPOINT_URL_DYNAMODB_STREAMS=http://s:6\n", services_config, "http://s:6",
		   "http://tables:2");
	check_urls("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE\nAWS_ENDPOINT_URL=http://all:4\n",
		   services_config, "", "");
	check_urls("", "[default]\nignore_configured_endpoint_urls=true\nendpoint_url=http://a\n",
		   "", "");
	check_urls("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false\n",
		   "[default]\nignore_configured_endpoint_urls=true\nendpoint_url=http://a\n",
		   "http://a", "http://a");
}

static void credentials_endpoints_of_settings(void)
{
	struct aws_sources sources = sources_of("", services_config, "");
	struct aws_settings settings;
	struct endpoint endpoint;
	struct error err;

	sources.streams_url = STR("http://own:9");
	settings = resolve(&sources);
	CHECK(aws_settings_endpoint(&settings, AWS_STREAMS, STR_NONE, &endpoint, &err));
	CHECK_STR(str_of(endpoint.host), "own");
	CHECK(aws_settings_endpoint(&settings, AWS_TABLES, STR_NONE, &endpoint, &err));
	CHECK_STR(str_of(endpoint.host), "tables");
	settings.variant.fips = true;
	CHECK(!aws_settings_endpoint(&settings, AWS_TABLES, STR_NONE, &endpoint, &err));
	CHECK_INT(err.code, ERROR_CONFIG);
	aws_settings_release(&settings);

	sources = sources_of(
		"AWS_USE_FIPS_ENDPOINT=true\n",
		"[default]\nuse_dualstack_endpoint = true\nca_bundle = /my certs/ca.pem\n", "");
	settings = resolve(&sources);
	CHECK_STR(str_of(settings.ca_bundle), "/my certs/ca.pem");
	CHECK(!aws_settings_endpoint(&settings, AWS_TABLES, STR_NONE, &endpoint, &err));
	CHECK(holds(str_of(err.text), STR("no region")));
	CHECK(aws_settings_endpoint(&settings, AWS_TABLES, STR("us-west-2"), &endpoint, &err));
	CHECK_STR(str_of(endpoint.host), "dynamodb-fips.us-west-2.api.aws");
	aws_settings_release(&settings);
}

static void credentials_find_their_files(void)
{
	static const struct {
		const char *env, *config, *shared;
	} rows[] = {
		{"HOME=/h\n", "/h/.aws/config", "/h/.aws/credentials"},
		{"HOME=/h\nAWS_CONFIG_FILE=/etc/c\n", "/etc/c", "/h/.aws/credentials"},
		{"HOME=/h\nAWS_SHARED_CREDENTIALS_FILE=~/s\n", "/h/.aws/config", "/h/s"},
		{"AWS_CONFIG_FILE=rel\n", "rel", ""},
		{"", "", ""},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct aws_sources sources = sources_of(rows[i].env, "", "");
		struct buf name;

		buf_init(&name, 1000);
		aws_config_file(&sources, &name);
		CHECK_STR(buf_view(&name), rows[i].config);
		buf_clear(&name);
		aws_credentials_file(&sources, &name);
		CHECK_STR(buf_view(&name), rows[i].shared);
		buf_release(&name);
	}
}

static void ini_knows_the_dialect(void)
{
	static const char text[] = "\xEF\xBB\xBF# a comment\r\n"
				   "  ; another = one\r\n"
				   "[ profile   two words ]  # remark\r\n"
				   "Region=first\r\n"
				   "REGION = a b  c ; remark\r\n"
				   "hash = a#b;c\r\n"
				   "first=#b\r\n"
				   "equals = a=b==\r\n"
				   "empty =   # nothing\r\n"
				   "more = x\r\n    y = z\r\n    and more\r\n"
				   "[profile \"quoted\"]\nregion=q\n"
				   "[indented]\n    a = 1\n    b =\n      c = 2\n    d = 3\n"
				   "[late]\nregion=one\n[x]\nregion=no\n[late]\nregion=two\nlast=3";
	static const struct {
		const char *kind, *name, *setting, *sub, *want;
	} rows[] = {
		{"profile", "two words", "region", "", "a b  c"},
		{"profile", "two words", "hash", "", "a#b;c"},
		{"profile", "two words", "first", "", "#b"},
		{"profile", "two words", "equals", "", "a=b=="},
		{"profile", "two words", "empty", "", ""},
		{"profile", "two words", "more", "", "x"},
		{"profile", "two words", "more", "y", ""},
		{"profile", "two words", "y", "", ""},
		{"profile", "quoted", "region", "", "q"},
		{"", "quoted", "region", "", ""},
		{"", "indented", "a", "", "1"},
		{"", "indented", "b", "c", "2"},
		{"", "indented", "c", "", ""},
		{"", "indented", "d", "", "3"},
		{"", "late", "region", "", "two"},
		{"", "late", "last", "", "3"},
		{"", "nowhere", "region", "", ""},
	};
	struct error err;

	CHECK(ini_check(str_of(text), STR("f"), &err));
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct ini_path path = {{str_of(rows[i].kind), str_of(rows[i].name)},
					str_of(rows[i].setting),
					str_of(rows[i].sub)};

		CHECK_STR(ini_get(str_of(text), path), rows[i].want);
	}
	CHECK(ini_has(STR("[a]"), (struct ini_section){STR_NONE, STR("a")}));
	CHECK(!ini_has(STR("[profile a]"), (struct ini_section){STR_NONE, STR("a")}));
	CHECK(ini_has(STR("[profile\ta]"), (struct ini_section){STR("profile"), STR("a")}));
}

static void ini_names_the_bad_line(void)
{
	static const struct {
		const char *text, *where;
	} rows[] = {
		{"region = x\n", "f:1:"},
		{"[a]\n\nnonsense\n", "f:3:"},
		{"[a\nb=1\n", "f:1:"},
		{"[]\n", "f:1:"},
		{"[a] b\n", "f:1:"},
		{"[a]\n= x\n", "f:2:"},
		{"[a]\nb =\n  nested\n", "f:3:"},
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		CHECK(!ini_check(str_of(rows[i].text), STR("f"), &err));
		CHECK_STR(str_head(str_of(err.text), 4), rows[i].where);
		CHECK_INT(err.code, ERROR_CONFIG);
	}
	CHECK(ini_check(STR_NONE, STR("f"), &err));
	CHECK(ini_check(STR("\n\n#\n"), STR("f"), &err));
}

static void credentials_set_checks_bytes(void)
{
	struct credentials credentials;
	struct error err;
	char long_key[CREDENTIALS_KEY_MAX + 1];

	for (size_t i = 0; i < sizeof(long_key); i++)
		long_key[i] = 'k';
	CHECK(!credentials_set(&credentials, STR(""), STR("s"), STR(""), &err));
	CHECK(!credentials_set(&credentials, STR("a"), STR(""), STR(""), &err));
	CHECK(!credentials_set(&credentials, STR("a\r\nX-Evil: 1"), STR("s"), STR(""), &err));
	CHECK(!credentials_set(&credentials, STR("a"), STR("s\x7F"), STR(""), &err));
	CHECK(!credentials_set(&credentials, STR("a"), STR("s"), STR("t\n"), &err));
	CHECK(!credentials_set(&credentials, STR("a"), STR("s"), STR("t\xC3\xA9"), &err));
	CHECK(!credentials_set(&credentials, str_make(long_key, sizeof(long_key)), STR("s"),
			       STR(""), &err));
	CHECK_INT(err.code, ERROR_AUTH);
	CHECK(credentials.access_key == NULL);
	CHECK(credentials_set(&credentials, str_make(long_key, sizeof(long_key) - 1), STR("s"),
			      STR(""), &err));
	credentials_release(&credentials);
}

int main(void)
{
	CHECK_RUN(credentials_environment_goes_first);
	CHECK_RUN(credentials_files_in_order);
	CHECK_RUN(credentials_profiles_by_name);
	CHECK_RUN(credentials_own_profile_excludes_environment);
	CHECK_RUN(credentials_refuse_what_is_incomplete);
	CHECK_RUN(credentials_read_their_expiry);
	CHECK_RUN(credentials_name_the_unsupported);
	CHECK_RUN(credentials_shared_file_before_process);
	CHECK_RUN(credentials_region_order);
	CHECK_RUN(credentials_endpoint_order);
	CHECK_RUN(credentials_endpoints_of_settings);
	CHECK_RUN(credentials_find_their_files);
	CHECK_RUN(ini_knows_the_dialect);
	CHECK_RUN(ini_names_the_bad_line);
	CHECK_RUN(credentials_set_checks_bytes);
	return check_end();
}
