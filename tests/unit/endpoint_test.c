/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/endpoint.h"

#include "tests/check.h"

/* The URL of an endpoint, compared. */
static void check_url(const struct endpoint *endpoint, const char *want)
{
	struct buf url;

	buf_init(&url, 1024);
	endpoint_add_url(&url, endpoint);
	CHECK_STR(buf_view(&url), want);
	buf_release(&url);
}

/* Regions of every partition, and the hosts that the rule sets give them. */
enum { PLAIN, FIPS, DUAL, BOTH };
static const struct {
	const char *region;
	int variant;
	const char *streams, *tables;
} regions[] = {
	{"us-east-1", PLAIN, "streams.dynamodb.us-east-1.amazonaws.com",
	 "dynamodb.us-east-1.amazonaws.com"},
	{"us-east-1", FIPS, "streams.dynamodb-fips.us-east-1.amazonaws.com",
	 "dynamodb-fips.us-east-1.amazonaws.com"},
	{"us-east-1", DUAL, "streams-dynamodb.us-east-1.api.aws", "dynamodb.us-east-1.api.aws"},
	{"us-east-1", BOTH, "streams-dynamodb-fips.us-east-1.api.aws",
	 "dynamodb-fips.us-east-1.api.aws"},
	{"mx-central-1", PLAIN, "streams.dynamodb.mx-central-1.amazonaws.com",
	 "dynamodb.mx-central-1.amazonaws.com"},
	{"xx-new-9", PLAIN, "streams.dynamodb.xx-new-9.amazonaws.com",
	 "dynamodb.xx-new-9.amazonaws.com"},
	{"cn-north-1", PLAIN, "streams.dynamodb.cn-north-1.amazonaws.com.cn",
	 "dynamodb.cn-north-1.amazonaws.com.cn"},
	{"cn-north-1", DUAL, "streams-dynamodb.cn-north-1.api.amazonwebservices.com.cn",
	 "dynamodb.cn-north-1.api.amazonwebservices.com.cn"},
	{"us-gov-west-1", PLAIN, "streams.dynamodb.us-gov-west-1.amazonaws.com",
	 "dynamodb.us-gov-west-1.amazonaws.com"},
	{"us-gov-west-1", FIPS, "streams.dynamodb.us-gov-west-1.amazonaws.com",
	 "dynamodb.us-gov-west-1.amazonaws.com"},
	{"us-gov-west-1", DUAL, "streams-dynamodb.us-gov-west-1.api.aws",
	 "dynamodb.us-gov-west-1.api.aws"},
	{"us-gov-west-1", BOTH, "streams-dynamodb-fips.us-gov-west-1.api.aws",
	 "dynamodb-fips.us-gov-west-1.api.aws"},
	{"us-iso-east-1", PLAIN, "streams.dynamodb.us-iso-east-1.c2s.ic.gov",
	 "dynamodb.us-iso-east-1.c2s.ic.gov"},
	{"us-iso-east-1", DUAL, "streams.dynamodb.us-iso-east-1.api.aws.ic.gov",
	 "dynamodb.us-iso-east-1.api.aws.ic.gov"},
	{"us-isob-east-1", FIPS, "streams.dynamodb-fips.us-isob-east-1.sc2s.sgov.gov",
	 "dynamodb-fips.us-isob-east-1.sc2s.sgov.gov"},
	{"us-isob-east-1", BOTH, "streams.dynamodb-fips.us-isob-east-1.api.aws.scloud",
	 "dynamodb-fips.us-isob-east-1.api.aws.scloud"},
	{"eusc-de-east-1", PLAIN, "streams.dynamodb.eusc-de-east-1.amazonaws.eu",
	 "dynamodb.eusc-de-east-1.amazonaws.eu"},
	{"eusc-de-east-1", DUAL, "streams.dynamodb.eusc-de-east-1.api.amazonwebservices.eu",
	 "dynamodb.eusc-de-east-1.api.amazonwebservices.eu"},
};

static void endpoint_follows_the_rule_sets(void)
{
	for (size_t i = 0; i < ARRAY_N(regions); i++) {
		struct endpoint_variant variant = {(regions[i].variant & 1) != 0,
						   (regions[i].variant & 2) != 0};
		struct endpoint endpoint;
		struct error err;

		CHECK(endpoint_of_region(AWS_STREAMS, str_of(regions[i].region), variant, &endpoint,
					 &err));
		CHECK_STR(str_of(endpoint.host), regions[i].streams);
		CHECK(endpoint_of_region(AWS_TABLES, str_of(regions[i].region), variant, &endpoint,
					 &err));
		CHECK_STR(str_of(endpoint.host), regions[i].tables);
		CHECK(endpoint.tls);
		CHECK_INT(endpoint.port, 443);
		CHECK_STR(str_of(endpoint.path), "/");
	}
}

static void endpoint_local_is_dynamodb_local(void)
{
	struct endpoint endpoint;
	struct error err;

	CHECK(endpoint_of_region(AWS_STREAMS, STR("local"), (struct endpoint_variant){0}, &endpoint,
				 &err));
	check_url(&endpoint, "http://localhost:8000/");
	CHECK_STR(region_for_signing(STR("local")), "us-east-1");
	CHECK_STR(region_for_signing(STR("eu-west-1")), "eu-west-1");
	CHECK_STR(region_partition(STR("eu-west-1")), "aws");
	CHECK_STR(region_partition(STR("cn-north-1")), "aws-cn");
	CHECK_STR(region_partition(STR("us-gov-east-1")), "aws-us-gov");
	CHECK_STR(region_partition(STR("us-isob-east-1")), "aws-iso-b");
}

static void endpoint_refuses_bad_regions(void)
{
	static const char *const bad[] = {"",
					  "-a",
					  "a-",
					  "us east",
					  "a.b",
					  "evil.com/",
					  "us-east-1@",
					  "US-EAST-1",
					  "r\xC3\xA9gion",
					  "a-region-name-that-is-much-longer-than-any-one"};
	struct endpoint endpoint;
	struct error err;

	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		CHECK(!region_valid(str_of(bad[i])));
		CHECK(!endpoint_of_region(AWS_TABLES, str_of(bad[i]), (struct endpoint_variant){0},
					  &endpoint, &err));
		CHECK_INT(err.code, ERROR_CONFIG);
	}
}

static void endpoint_parses_urls(void)
{
	static const struct {
		const char *url, *again, *host_header;
	} rows[] = {
		{"http://localhost:8000", "http://localhost:8000/", "localhost:8000"},
		{"HTTPS://Example.COM", "https://example.com/", "example.com"},
		{"https://example.com:443/", "https://example.com/", "example.com"},
		{"https://example.com:80", "https://example.com:80/", "example.com:80"},
		{"http://example.com:80/a/b.c", "http://example.com/a/b.c", "example.com"},
		{"http://127.0.0.1:4566/", "http://127.0.0.1:4566/", "127.0.0.1:4566"},
		{"http://[::1]:8000", "http://[::1]:8000/", "[::1]:8000"},
		{"http://[fd00:EC2::254]/x", "http://[fd00:ec2::254]/x", "[fd00:ec2::254]"},
		{"https://vpce-1.streams.dynamodb.eu-west-1.vpce.amazonaws.com",
		 "https://vpce-1.streams.dynamodb.eu-west-1.vpce.amazonaws.com/",
		 "vpce-1.streams.dynamodb.eu-west-1.vpce.amazonaws.com"},
		{"http://dynamodb_local:65535/~u/", "http://dynamodb_local:65535/~u/",
		 "dynamodb_local:65535"},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct endpoint endpoint;
		struct error err;
		struct buf host;

		CHECK(endpoint_parse(str_of(rows[i].url), &endpoint, &err));
		check_url(&endpoint, rows[i].again);
		CHECK_INT(endpoint.tls, rows[i].again[4] == 's');
		buf_init(&host, 1024);
		endpoint_add_host(&host, &endpoint);
		CHECK_STR(buf_view(&host), rows[i].host_header);
		buf_release(&host);
	}
}

static void endpoint_says_what_is_wrong(void)
{
	static const struct {
		const char *url, *words;
	} rows[] = {
		{"", "must begin with"},
		{"localhost:8000", "must begin with"},
		{"ftp://x", "must begin with"},
		{"http://", "no host"},
		{"http:///path", "no host"},
		{"http://:80", "no host"},
		{"http://a b", "not a name"},
		{"http://a..b", "not a name"},
		{"http://.a", "not a name"},
		{"http://a\r\nX: y", "not a name"},
		{"http://[::1", "not a name"},
		{"http://[::x]", "not a name"},
		{"http://[::1]8000", "port"},
		{"http://a:", "port"},
		{"http://a:0", "port"},
		{"http://a:65536", "port"},
		{"http://a:80x", "port"},
		{"http://a:-1", "port"},
		{"http://a/?x=1", "query"},
		{"http://a#f", "query"},
		{"http://a/b c", "path"},
		{"http://a/%2e", "path"},
		{"http://a/../b", "path"},
		{"http://a/.", "path"},
		{"http://me:secret@a/", "user or password"},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct endpoint endpoint;
		struct error err = {0};
		struct str text;

		CHECK(!endpoint_parse(str_of(rows[i].url), &endpoint, &err));
		CHECK_INT(err.code, ERROR_CONFIG);
		for (text = str_of(err.text);
		     text.n > 0 && !str_starts(text, str_of(rows[i].words));)
			text = str_skip(text, 1);
		if (!CHECK(text.n > 0))
			fprintf(stderr, "  %s: %s\n", rows[i].url, err.text);
		for (text = str_of(err.text); text.n > 0; text = str_skip(text, 1))
			CHECK(!str_starts(text, STR("secret")));
	}
}

/* Whatever is too long is refused, and not cut. */
static void endpoint_refuses_long_parts(void)
{
	struct endpoint endpoint;
	struct error err;
	struct buf url;

	for (int n = ENDPOINT_HOST_MAX - 1; n <= ENDPOINT_HOST_MAX + 1; n++) {
		buf_init(&url, 4096);
		buf_str(&url, STR("http://"));
		for (int i = 0; i < n; i++)
			buf_c(&url, 'h');
		CHECK_INT(endpoint_parse(buf_view(&url), &endpoint, &err), n <= ENDPOINT_HOST_MAX);
		buf_clear(&url);
		buf_str(&url, STR("http://h/"));
		for (int i = 1; i < n; i++)
			buf_c(&url, 'p');
		CHECK_INT(endpoint_parse(buf_view(&url), &endpoint, &err), n <= ENDPOINT_PATH_MAX);
		buf_release(&url);
	}
}

static void endpoint_parses_arns(void)
{
	struct table_arn arn;

	CHECK(table_arn_parse(STR("arn:aws:dynamodb:us-east-1:123456789012:table/Zone_1.x/stream/"
				  "2015-05-11T21:21:33.291"),
			      &arn));
	CHECK_STR(arn.partition, "aws");
	CHECK_STR(arn.region, "us-east-1");
	CHECK_STR(arn.account, "123456789012");
	CHECK_STR(arn.table, "Zone_1.x");
	CHECK_STR(arn.label, "2015-05-11T21:21:33.291");
	CHECK(table_arn_parse(STR("arn:aws-us-gov:dynamodb:us-gov-west-1:1:table/t"), &arn));
	CHECK_STR(arn.partition, "aws-us-gov");
	CHECK_STR(arn.table, "t");
	CHECK_INT(arn.label.n, 0);
	CHECK(table_arn_parse(STR("arn:aws:dynamodb:ddblocal:000000000000:table/t/stream/x"),
			      &arn));
}

static void endpoint_refuses_other_arns(void)
{
	static const char *const bad[] = {
		"",
		"arn",
		"arn:aws",
		"arn:aws:dynamodb:us-east-1:1",
		"arn:aws:dynamodb:us-east-1:1:table",
		"arn:aws:dynamodb:us-east-1:1:table/",
		"arn:aws:dynamodb:us-east-1:1:table/t/",
		"arn:aws:dynamodb:us-east-1:1:table/t/stream",
		"arn:aws:dynamodb:us-east-1:1:table/t/stream/",
		"arn:aws:dynamodb:us-east-1:1:table/t/stream/a/b",
		"arn:aws:dynamodb:us-east-1:1:table/t/stream/a b",
		"arn:aws:dynamodb:us-east-1:1:table/t/index/i",
		"arn:aws:dynamodb:us-east-1::table/t",
		"arn:aws:dynamodb::1:table/t",
		"arn:aws:kinesis:us-east-1:1:table/t",
		"arn:gcp:dynamodb:us-east-1:1:table/t",
		"urn:aws:dynamodb:us-east-1:1:table/t",
		"arn:aws:dynamodb:us-east-1:1:table/t\n",
	};
	struct table_arn arn;

	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		if (!CHECK(!table_arn_parse(str_of(bad[i]), &arn)))
			fprintf(stderr, "  %s\n", bad[i]);
	}
}

int main(void)
{
	CHECK_RUN(endpoint_follows_the_rule_sets);
	CHECK_RUN(endpoint_local_is_dynamodb_local);
	CHECK_RUN(endpoint_refuses_bad_regions);
	CHECK_RUN(endpoint_parses_urls);
	CHECK_RUN(endpoint_says_what_is_wrong);
	CHECK_RUN(endpoint_refuses_long_parts);
	CHECK_RUN(endpoint_parses_arns);
	CHECK_RUN(endpoint_refuses_other_arns);
	return check_end();
}
