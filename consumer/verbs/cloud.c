/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/cloud.h"

enum { URL_MAX = 1024 };

/* Appends the URL of one service's endpoint, terminated. */
static bool resolve_url(const struct aws_settings *settings, enum aws_service service,
			struct str region, struct buf *url, struct error *err)
{
	struct endpoint endpoint;

	if (!aws_settings_endpoint(settings, service, region, &endpoint, err))
		return false;
	buf_init(url, URL_MAX);
	endpoint_add_url(url, &endpoint);
	buf_c(url, '\0');
	return true;
}

/* A copy of a terminated string, or NULL for NULL. */
static char *copy(const char *text)
{
	return text == NULL ? NULL : mem_dup(text, str_of(text).n);
}

bool cloud_open(struct cloud *cloud, const struct config *config, struct error *err)
{
	struct keys_options wanted = {
		.profile = config->aws_profile,
		.region = config->region,
		.streams_url = config->endpoint_streams != NULL ? config->endpoint_streams
								: config->endpoint,
		.tables_url = config->endpoint,
	};
	const struct aws_settings *settings;
	struct loop_options options;

	cloud->keys = keys_new(&wanted);
	settings = keys_settings(cloud->keys, err);
	if (settings == NULL)
		return false;
	if (settings->region == NULL)
		return error_set(err, ERROR_CONFIG,
				 "no region: set region in the configuration, or AWS_REGION");
	cloud->region = copy(settings->region);
	cloud->ca_file = copy(config->ca_file != NULL ? config->ca_file : settings->ca_bundle);
	if (!resolve_url(settings, AWS_STREAMS, str_of(cloud->region), &cloud->streams_url, err) ||
	    !resolve_url(settings, AWS_TABLES, str_of(cloud->region), &cloud->tables_url, err))
		return false;
	options = (struct loop_options){
		.endpoint_streams = cloud->streams_url.p,
		.endpoint_tables = cloud->tables_url.p,
		.region = cloud->region,
		.ca_file = cloud->ca_file,
		.keys = cloud->keys,
		.log_level = config->log.level,
	};
	cloud->loop = loop_new(&options, err);
	return cloud->loop != NULL;
}

void cloud_release(struct cloud *cloud)
{
	loop_free(cloud->loop);
	keys_free(cloud->keys);
	mem_free(cloud->region);
	mem_free(cloud->ca_file);
	buf_release(&cloud->streams_url);
	buf_release(&cloud->tables_url);
}
