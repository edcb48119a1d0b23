/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and the other settings that AWS's SDKs read from the environment and from
 * ~/.aws/config and ~/.aws/credentials, found in the same order. Pure: the caller brings the
 * variables and the files' texts.
 *
 *	struct aws_sources sources = {.env = ..., .config = text, .credentials = text};
 *	struct aws_settings settings;
 *	if (!aws_settings_resolve(&sources, &settings, &err)) ...
 *	... settings.credentials.access_key == NULL: no static keys were found, ask the machine
 *	aws_settings_release(&settings);
 */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "consumer/aws/endpoint.h"

enum { CREDENTIALS_KEY_MAX = 256, CREDENTIALS_TOKEN_MAX = 32768 };

/* Terminated strings, owned. All zero: none. */
struct credentials {
	char *access_key;
	char *secret_key;
	char *session_token; /* NULL: none */
	int64_t expires_wall_ms; /* 0: never */
};

/* Where the credentials were found. */
enum credentials_source {
	CREDENTIALS_NONE, /* nowhere: there may still be a container's or machine's role */
	CREDENTIALS_ENVIRONMENT,
	CREDENTIALS_SHARED_FILE, /* ~/.aws/credentials */
	CREDENTIALS_CONFIG_FILE, /* ~/.aws/config */
};

/* All that settings are made of; everything is borrowed. */
struct aws_sources {
	/* The value of an environment variable, empty when it is not set. */
	struct str (*env)(void *arg, const char *name);
	void *env_arg;
	struct str config; /* text of the config file, empty when there is none */
	struct str credentials; /* text of the shared credentials file, the same */
	struct str config_file; /* their names, for messages */
	struct str credentials_file;
	/* Settings of our own, which go before everything found elsewhere; empty: not set. */
	struct str profile; /* removes the environment's keys from the search, as in the SDKs */
	struct str region;
	struct str streams_url, tables_url;
};

/* What was found. Strings are terminated and owned, NULL: not set. */
struct aws_settings {
	char *profile; /* never NULL: "default" */
	char *region;
	char *streams_url, *tables_url; /* endpoints that somebody configured */
	char *ca_bundle;
	struct endpoint_variant variant;
	struct credentials credentials;
	enum credentials_source source;
};

/*
 * Copies keys into `*out`, which holds nothing; `token` may be empty. False with ERROR_AUTH when one
 * has a length or a byte that no key has: it would break the request's headers.
 */
bool credentials_set(struct credentials *out, struct str access_key, struct str secret_key,
		     struct str token, struct error *err);

/* Wipes and frees; `*credentials` is none afterwards. */
void credentials_release(struct credentials *credentials);

/*
 * Appends the name of the config file (shared credentials file): the variable AWS_CONFIG_FILE
 * (AWS_SHARED_CREDENTIALS_FILE), else ~/.aws/config (~/.aws/credentials); "~" is $HOME. Nothing is
 * appended when HOME is needed and not set.
 */
void aws_config_file(const struct aws_sources *sources, struct buf *out);

/* The same for the shared credentials file: AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials. */
void aws_credentials_file(const struct aws_sources *sources, struct buf *out);

/*
 * Resolves everything. False with ERROR_CONFIG or ERROR_AUTH, and `*out` empty, when a file is
 * malformed, a named profile does not exist, keys are incomplete, or the profile gets its
 * credentials in a way that is not supported; the sentence names what and where.
 */
bool aws_settings_resolve(const struct aws_sources *sources, struct aws_settings *out,
			  struct error *err);

/* Wipes and frees what `*settings` holds. */
void aws_settings_release(struct aws_settings *settings);

/*
 * The endpoint of a service: the configured URL, else the public one of `region` (empty: the settings'
 * own). False with ERROR_CONFIG when there is no region, a URL is malformed, or a URL was combined
 * with FIPS or dual stack.
 */
bool aws_settings_endpoint(const struct aws_settings *settings, enum aws_service service,
			   struct str region, struct endpoint *out, struct error *err);

#endif
