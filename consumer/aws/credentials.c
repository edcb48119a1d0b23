/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/credentials.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/time.h"
#include "consumer/aws/ini.h"

/* The sources, and the profile that was chosen from them. */
struct search {
	const struct aws_sources *sources;
	struct str profile;
};

/* Whether every byte of `s` is a visible ASCII character, and there are 1 to `max` of them. */
static bool visible(struct str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	}
	return s.n > 0 && s.n <= max;
}

bool credentials_set(struct credentials *out, struct str access_key, struct str secret_key,
		     struct str token, struct error *err)
{
	*out = (struct credentials){0};
	if (!visible(access_key, CREDENTIALS_KEY_MAX))
		return error_set(err, ERROR_AUTH,
				 "the access key id is empty, too long, or holds "
				 "blanks or unprintable characters");
	if (!visible(secret_key, CREDENTIALS_KEY_MAX))
		return error_set(err, ERROR_AUTH,
				 "the secret access key is empty, too long, or "
				 "holds blanks or unprintable characters");
	if (token.n > 0 && !visible(token, CREDENTIALS_TOKEN_MAX))
		return error_set(err, ERROR_AUTH,
				 "the session token is too long, or holds blanks "
				 "or unprintable characters");
	out->access_key = mem_dup(access_key.p, access_key.n);
	out->secret_key = mem_dup(secret_key.p, secret_key.n);
	if (token.n > 0)
		out->session_token = mem_dup(token.p, token.n);
	return true;
}

/* Wipes and frees a terminated string or NULL. */
static void wipe(char *secret)
{
	if (secret != NULL)
		OPENSSL_cleanse(secret, strlen(secret));
	mem_free(secret);
}

void credentials_release(struct credentials *credentials)
{
	wipe(credentials->access_key);
	wipe(credentials->secret_key);
	wipe(credentials->session_token);
	*credentials = (struct credentials){0};
}

/* An environment variable, or the empty slice. */
static struct str env(const struct aws_sources *sources, const char *name)
{
	return sources->env(sources->env_arg, name);
}

/* Appends the value of `variable`, with "~/" for $HOME, or else "$HOME/" and `usual`. */
static void add_file(const struct aws_sources *sources, const char *variable, struct str usual,
		     struct buf *out)
{
	struct str name = env(sources, variable), home = env(sources, "HOME");

	if (name.n > 0 && !str_starts(name, STR("~/"))) {
		buf_str(out, name);
		return;
	}
	if (home.n == 0)
		return;
	buf_str(out, home);
	buf_c(out, '/');
	buf_str(out, name.n > 0 ? str_skip(name, 2) : usual);
}

void aws_config_file(const struct aws_sources *sources, struct buf *out)
{
	add_file(sources, "AWS_CONFIG_FILE", STR(".aws/config"), out);
}

void aws_credentials_file(const struct aws_sources *sources, struct buf *out)
{
	add_file(sources, "AWS_SHARED_CREDENTIALS_FILE", STR(".aws/credentials"), out);
}

/* The first that is not empty. */
static struct str first(struct str a, struct str b)
{
	return a.n > 0 ? a : b;
}

/* A setting of the profile in the config file. */
static struct str config_get(const struct search *search, struct str name)
{
	struct ini_path path = {{STR("profile"), search->profile}, name, STR_NONE};
	struct str value = ini_get(search->sources->config, path);

	/* Only this profile may go without the word. */
	path.section.kind = STR_NONE;
	if (value.n == 0 && str_eq(search->profile, STR("default")))
		value = ini_get(search->sources->config, path);
	return value;
}

/* A setting of the profile in the shared credentials file. */
static struct str shared_get(const struct search *search, struct str name)
{
	struct ini_path path = {{STR_NONE, search->profile}, name, STR_NONE};

	return ini_get(search->sources->credentials, path);
}

/* A setting of the profile in either file; the shared credentials file goes first. */
static struct str profile_get(const struct search *search, struct str name)
{
	return first(shared_get(search, name), config_get(search, name));
}

/* Whether either file has the profile. */
static bool profile_exists(const struct search *search)
{
	struct ini_section in_config = {STR("profile"), search->profile};
	struct ini_section in_shared = {STR_NONE, search->profile};

	return str_eq(search->profile, STR("default")) ||
	       ini_has(search->sources->config, in_config) ||
	       ini_has(search->sources->credentials, in_shared);
}

/* A yes-or-no setting: the variable, else the profile's. */
static bool flag(const struct search *search, const char *variable, struct str name)
{
	return str_eq_nocase(first(env(search->sources, variable), profile_get(search, name)),
			     STR("true"));
}

/* The endpoint URL that somebody configured for a service whose key is `service`, or empty. */
static struct str configured_url(const struct search *search, const char *variable,
				 struct str service)
{
	struct ini_path path = {
		.section = {STR("services"), profile_get(search, STR("services"))},
		.name = service,
		.sub = STR("endpoint_url"),
	};
	struct str url;

	if (flag(search, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
		 STR("ignore_configured_endpoint_urls")))
		return STR_NONE;
	url = first(env(search->sources, variable), env(search->sources, "AWS_ENDPOINT_URL"));
	if (url.n == 0 && path.section.name.n > 0)
		url = ini_get(search->sources->config, path);
	return first(url, profile_get(search, STR("endpoint_url")));
}

/* A copy to keep, or NULL for the empty slice. */
static char *keep(struct str s)
{
	return s.n == 0 ? NULL : mem_dup(s.p, s.n);
}

/* Resolves everything but the credentials. */
static bool resolve_places(const struct search *search, struct aws_settings *out, struct error *err)
{
	const struct aws_sources *sources = search->sources;
	struct str region = first(sources->region, env(sources, "AWS_REGION"));

	region = first(region, env(sources, "AWS_DEFAULT_REGION"));
	region = first(region, profile_get(search, STR("region")));
	if (region.n > 0 && !region_valid(region))
		return error_set(err, ERROR_CONFIG, "\"%.*s\" is not the name of a region",
				 STR_ARG(str_head(region, 80)));
	out->region = keep(region);
	out->streams_url = keep(first(sources->streams_url,
				      configured_url(search, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
						     STR("dynamodb_streams"))));
	out->tables_url =
		keep(first(sources->tables_url,
			   configured_url(search, "AWS_ENDPOINT_URL_DYNAMODB", STR("dynamodb"))));
	out->ca_bundle =
		keep(first(env(sources, "AWS_CA_BUNDLE"), profile_get(search, STR("ca_bundle"))));
	out->variant.fips = flag(search, "AWS_USE_FIPS_ENDPOINT", STR("use_fips_endpoint"));
	out->variant.dual_stack =
		flag(search, "AWS_USE_DUALSTACK_ENDPOINT", STR("use_dualstack_endpoint"));
	return true;
}

/* Takes the keys out of the environment; *found_out tells whether there are any. */
static bool keys_of_environment(const struct search *search, struct credentials *out,
				bool *found_out, struct error *err)
{
	const struct aws_sources *sources = search->sources;
	struct str access_key = env(sources, "AWS_ACCESS_KEY_ID");
	struct str secret_key = env(sources, "AWS_SECRET_ACCESS_KEY");
	struct str token =
		first(env(sources, "AWS_SESSION_TOKEN"), env(sources, "AWS_SECURITY_TOKEN"));
	struct str expiration = env(sources, "AWS_CREDENTIAL_EXPIRATION");
	int64_t expires_wall_ms = 0;

	*found_out = access_key.n > 0;
	if (!*found_out)
		return true;
	if (secret_key.n == 0)
		return error_set(err, ERROR_AUTH,
				 "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	if (expiration.n > 0 && !time_parse_rfc3339(expiration, &expires_wall_ms))
		return error_set(err, ERROR_CONFIG,
				 "AWS_CREDENTIAL_EXPIRATION is not a time such as "
				 "2026-01-02T03:04:05Z");
	if (!credentials_set(out, access_key, secret_key, token, err))
		return error_prefix(err, "in the environment");
	out->expires_wall_ms = expires_wall_ms;
	return true;
}

/* Takes the profile's keys out of one of the files, through its `get`. */
static bool keys_of_file(const struct search *search,
			 struct str (*get)(const struct search *search, struct str name),
			 struct str file, struct credentials *out, struct error *err)
{
	struct str access_key = get(search, STR("aws_access_key_id"));
	struct str secret_key = get(search, STR("aws_secret_access_key"));
	struct str token = get(search, STR("aws_session_token"));

	if (secret_key.n == 0)
		return error_set(err, ERROR_AUTH,
				 "profile \"%.*s\" in %.*s has aws_access_key_id, but no "
				 "aws_secret_access_key",
				 STR_ARG(str_head(search->profile, 80)),
				 STR_ARG(str_head(file, 120)));
	token = first(token, get(search, STR("aws_security_token")));
	if (!credentials_set(out, access_key, secret_key, token, err))
		return error_prefix(err, "profile \"%.*s\" in %.*s",
				    STR_ARG(str_head(search->profile, 80)),
				    STR_ARG(str_head(file, 120)));
	return true;
}

/* Says that the profile gets its credentials in a way that is not supported. */
static bool refuse(const struct search *search, struct str way, struct error *err)
{
	return error_set(err, ERROR_CONFIG,
			 "profile \"%.*s\" gets its credentials through %.*s, which is not "
			 "supported: use keys in the environment or in the profile",
			 STR_ARG(str_head(search->profile, 80)), STR_ARG(way));
}

/* The setting by which the profile asks for a role or for single sign-on, or empty. */
static struct str unsupported_way(const struct search *search)
{
	static const struct str ways[] = {
		STR_INIT("role_arn"),	    STR_INIT("web_identity_token_file"),
		STR_INIT("sso_session"),    STR_INIT("sso_start_url"),
		STR_INIT("sso_account_id"),
	};

	for (size_t i = 0; i < ARRAY_N(ways); i++) {
		if (profile_get(search, ways[i]).n > 0)
			return ways[i];
	}
	return STR_NONE;
}

/* Finds the credentials, asking where and in which order the SDKs ask. */
static bool resolve_credentials(const struct search *search, struct aws_settings *out,
				struct error *err)
{
	const struct aws_sources *sources = search->sources;
	struct str way;
	bool found = false;

	if (sources->profile.n == 0 && !keys_of_environment(search, &out->credentials, &found, err))
		return false;
	if (found) {
		out->source = CREDENTIALS_ENVIRONMENT;
		return true;
	}
	way = unsupported_way(search);
	if (way.n > 0)
		return refuse(search, way, err);
	if (sources->profile.n == 0 && env(sources, "AWS_WEB_IDENTITY_TOKEN_FILE").n > 0)
		return error_set(err, ERROR_CONFIG,
				 "AWS_WEB_IDENTITY_TOKEN_FILE asks for a web identity, which is "
				 "not supported: use keys in the environment or in a profile");
	if (shared_get(search, STR("aws_access_key_id")).n > 0) {
		out->source = CREDENTIALS_SHARED_FILE;
		return keys_of_file(search, shared_get, sources->credentials_file,
				    &out->credentials, err);
	}
	if (profile_get(search, STR("login_session")).n > 0)
		return refuse(search, STR("login_session"), err);
	if (profile_get(search, STR("credential_process")).n > 0)
		return refuse(search, STR("credential_process"), err);
	if (config_get(search, STR("aws_access_key_id")).n > 0) {
		out->source = CREDENTIALS_CONFIG_FILE;
		return keys_of_file(search, config_get, sources->config_file, &out->credentials,
				    err);
	}
	return true;
}

bool aws_settings_resolve(const struct aws_sources *sources, struct aws_settings *out,
			  struct error *err)
{
	struct search search = {sources, STR("default")};

	*out = (struct aws_settings){0};
	search.profile = first(env(sources, "AWS_DEFAULT_PROFILE"), search.profile);
	search.profile = first(env(sources, "AWS_PROFILE"), search.profile);
	search.profile = first(sources->profile, search.profile);
	if (!ini_check(sources->config, sources->config_file, err) ||
	    !ini_check(sources->credentials, sources->credentials_file, err))
		return false;
	if (!profile_exists(&search))
		return error_set(err, ERROR_CONFIG,
				 "there is no profile \"%.*s\" in %.*s nor in %.*s",
				 STR_ARG(str_head(search.profile, 80)),
				 STR_ARG(str_head(sources->config_file, 120)),
				 STR_ARG(str_head(sources->credentials_file, 120)));
	out->profile = keep(search.profile);
	if (!resolve_places(&search, out, err) || !resolve_credentials(&search, out, err)) {
		aws_settings_release(out);
		return false;
	}
	return true;
}

void aws_settings_release(struct aws_settings *settings)
{
	mem_free(settings->profile);
	mem_free(settings->region);
	mem_free(settings->streams_url);
	mem_free(settings->tables_url);
	mem_free(settings->ca_bundle);
	credentials_release(&settings->credentials);
	*settings = (struct aws_settings){0};
}

bool aws_settings_endpoint(const struct aws_settings *settings, enum aws_service service,
			   struct str region, struct endpoint *out, struct error *err)
{
	struct str url =
		str_of(service == AWS_STREAMS ? settings->streams_url : settings->tables_url);

	region = first(region, str_of(settings->region));
	if (url.n > 0 && (settings->variant.fips || settings->variant.dual_stack))
		return error_set(
			err, ERROR_CONFIG, "a configured endpoint URL cannot be combined with %s",
			settings->variant.fips ? "FIPS endpoints" : "dual-stack endpoints");
	if (url.n > 0)
		return endpoint_parse(url, out, err);
	if (region.n == 0)
		return error_set(err, ERROR_CONFIG,
				 "no region is set: give one in the configuration, in AWS_REGION "
				 "or in the profile");
	return endpoint_of_region(service, region, settings->variant, out, err);
}
