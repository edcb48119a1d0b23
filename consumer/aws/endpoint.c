/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/endpoint.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443, PORT_DYNAMODB_LOCAL = 8000, REGION_MAX = 40 };

/* A partition of AWS: regions with a common prefix, and how their hosts are named. */
struct partition {
	struct str name; /* in ARNs */
	struct str region_prefix;
	struct str suffix; /* of host names */
	struct str dual_stack_suffix; /* of dual-stack ones */
	bool fips_is_plain; /* without dual stack, the FIPS host is the plain one */
	bool streams_dual_hyphen; /* streams-dynamodb, not streams.dynamodb, in dual-stack names */
};

/* The first row whose prefix fits counts; the last one fits all. */
static const struct partition partitions[] = {
	{STR_INIT("aws-cn"), STR_INIT("cn-"), STR_INIT("amazonaws.com.cn"),
	 STR_INIT("api.amazonwebservices.com.cn"), false, true},
	{STR_INIT("aws-us-gov"), STR_INIT("us-gov-"), STR_INIT("amazonaws.com"),
	 STR_INIT("api.aws"), true, true},
	{STR_INIT("aws-iso"), STR_INIT("us-iso-"), STR_INIT("c2s.ic.gov"),
	 STR_INIT("api.aws.ic.gov"), false, false},
	{STR_INIT("aws-iso-b"), STR_INIT("us-isob-"), STR_INIT("sc2s.sgov.gov"),
	 STR_INIT("api.aws.scloud"), false, false},
	{STR_INIT("aws-iso-e"), STR_INIT("eu-isoe-"), STR_INIT("cloud.adc-e.uk"),
	 STR_INIT("api.cloud-aws.adc-e.uk"), false, false},
	{STR_INIT("aws-iso-f"), STR_INIT("us-isof-"), STR_INIT("csp.hci.ic.gov"),
	 STR_INIT("api.aws.hci.ic.gov"), false, false},
	{STR_INIT("aws-eusc"), STR_INIT("eusc-"), STR_INIT("amazonaws.eu"),
	 STR_INIT("api.amazonwebservices.eu"), false, false},
	{STR_INIT("aws"), STR_INIT(""), STR_INIT("amazonaws.com"), STR_INIT("api.aws"), false,
	 true},
};

/* The partition that a region belongs to. */
static const struct partition *partition_of(struct str region)
{
	const struct partition *partition = partitions;

	while (!str_starts(region, partition->region_prefix))
		partition++;
	return partition;
}

/* Whether `c` may stand in a host name or region as a letter, digit or hyphen. */
static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-';
}

bool region_valid(struct str region)
{
	if (region.n == 0 || region.n > REGION_MAX || region.p[0] == '-' ||
	    region.p[region.n - 1] == '-')
		return false;
	for (size_t i = 0; i < region.n; i++) {
		if (!name_char(region.p[i]) || (region.p[i] >= 'A' && region.p[i] <= 'Z'))
			return false;
	}
	return true;
}

struct str region_partition(struct str region)
{
	return partition_of(region)->name;
}

struct str region_for_signing(struct str region)
{
	return str_eq(region, STR("local")) ? STR("us-east-1") : region;
}

/* Copies a buffer, which holds at most `n` - 1 bytes, into a terminated array. */
static void fill(char *to, size_t n, struct str s)
{
	must(s.n < n);
	mem_copy(to, s.p, s.n);
	to[s.n] = '\0';
}

/* Appends the host of a region's endpoint. */
static void add_region_host(struct buf *buf, enum aws_service service, struct str region,
			    struct endpoint_variant variant)
{
	const struct partition *partition = partition_of(region);
	bool fips = variant.fips && (variant.dual_stack || !partition->fips_is_plain);
	bool hyphen = variant.dual_stack && partition->streams_dual_hyphen;

	if (service == AWS_STREAMS)
		buf_str(buf, hyphen ? STR("streams-") : STR("streams."));
	buf_str(buf, fips ? STR("dynamodb-fips.") : STR("dynamodb."));
	buf_str(buf, region);
	buf_c(buf, '.');
	buf_str(buf, variant.dual_stack ? partition->dual_stack_suffix : partition->suffix);
}

bool endpoint_of_region(enum aws_service service, struct str region,
			struct endpoint_variant variant, struct endpoint *out, struct error *err)
{
	struct buf host;

	*out = (struct endpoint){.tls = true, .port = PORT_HTTPS, .path = "/"};
	if (!region_valid(region))
		return error_set(err, ERROR_CONFIG, "\"%.*s\" is not the name of a region",
				 STR_ARG(str_head(region, 80)));
	if (str_eq(region, STR("local"))) {
		*out = (struct endpoint){
			.port = PORT_DYNAMODB_LOCAL, .host = "localhost", .path = "/"};
		return true;
	}
	buf_init(&host, ENDPOINT_HOST_MAX);
	add_region_host(&host, service, region, variant);
	fill(out->host, sizeof(out->host), buf_view(&host));
	buf_release(&host);
	return true;
}

/* Whether `host` is made of the characters of names and IPv4 addresses, without empty labels. */
static bool host_name_valid(struct str host)
{
	char before = '.';

	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];

		if (c == '.' ? before == '.' : !name_char(c) && c != '_')
			return false;
		before = c;
	}
	return host.n > 0;
}

/* Whether `host` is "[...]" with the characters of an IPv6 address between. */
static bool host_ipv6_valid(struct str host)
{
	if (host.n < 4 || host.p[host.n - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < host.n; i++) {
		char c = host.p[i];

		if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f') || c == ':' ||
		      c == '.'))
			return false;
	}
	return true;
}

/* Whether a path may be sent and signed as it stands: no blanks, no escapes, no dot segments. */
static bool path_valid(struct str path)
{
	struct str rest = path;

	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];

		if (!name_char(c) && c != '/' && c != '.' && c != '_' && c != '~')
			return false;
	}
	while (rest.n > 0) {
		struct str part = str_cut(&rest, '/');

		if (str_eq(part, STR(".")) || str_eq(part, STR("..")))
			return false;
	}
	return true;
}

/* Parses "host[:port]"; on failure returns what is wrong, else NULL. */
static const char *parse_authority(struct str text, struct endpoint *out)
{
	bool ipv6 = str_starts(text, STR("["));
	size_t host_n = ipv6 ? str_find(text, ']') + 1 : str_find(text, ':');
	struct str host = str_head(text, host_n), port = str_skip(text, host_n);
	uint64_t number = out->port;

	if (str_find(text, '@') < text.n)
		return "it must not hold a user or password";
	if (host.n == 0)
		return "it has no host";
	if (host.n > ENDPOINT_HOST_MAX)
		return "its host is too long";
	if (!(ipv6 ? host_ipv6_valid(host) : host_name_valid(host)))
		return "its host is not a name or address";
	if (port.n > 0 && (port.p[0] != ':' || !str_to_u64(str_skip(port, 1), &number) ||
			   number < 1 || number > 65535))
		return "its port is not a number from 1 to 65535";
	out->port = (unsigned)number;
	fill(out->host, sizeof(out->host), host);
	for (char *c = out->host; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
	}
	return NULL;
}

/* Parses a URL; on failure returns what is wrong, else NULL. */
static const char *parse_url(struct str url, struct endpoint *out)
{
	struct str rest, path;
	const char *wrong;

	*out = (struct endpoint){.port = PORT_HTTP};
	if (str_eq_nocase(str_head(url, 7), STR("http://"))) {
		rest = str_skip(url, 7);
	} else if (str_eq_nocase(str_head(url, 8), STR("https://"))) {
		rest = str_skip(url, 8);
		out->tls = true;
		out->port = PORT_HTTPS;
	} else {
		return "it must begin with http:// or https://";
	}
	if (str_find(url, '?') < url.n || str_find(url, '#') < url.n)
		return "it must not hold a query or fragment";
	path = str_skip(rest, str_find(rest, '/'));
	wrong = parse_authority(str_head(rest, rest.n - path.n), out);
	if (wrong != NULL)
		return wrong;
	if (path.n > ENDPOINT_PATH_MAX)
		return "its path is too long";
	if (!path_valid(path))
		return "its path holds something other than letters, digits, \"-\", \"_\", \"~\" "
		       "and dots within names";
	fill(out->path, sizeof(out->path), path.n == 0 ? STR("/") : path);
	return NULL;
}

bool endpoint_parse(struct str url, struct endpoint *out, struct error *err)
{
	const char *wrong = parse_url(url, out);
	struct str shown = url;

	if (wrong == NULL)
		return true;
	/* A password must not get into messages: whatever may be one is left out. */
	if (str_find(url, '@') < url.n)
		shown = str_skip(url, str_find_last(url, '@'));
	return error_set(err, ERROR_CONFIG, "endpoint URL \"%s%.*s\": %s",
			 shown.n < url.n ? "..." : "", STR_ARG(str_head(shown, 120)), wrong);
}

void endpoint_add_host(struct buf *buf, const struct endpoint *endpoint)
{
	buf_str(buf, str_of(endpoint->host));
	if (endpoint->port != (endpoint->tls ? PORT_HTTPS : PORT_HTTP))
		buf_fmt(buf, ":%u", endpoint->port);
}

void endpoint_add_url(struct buf *buf, const struct endpoint *endpoint)
{
	buf_str(buf, endpoint->tls ? STR("https://") : STR("http://"));
	endpoint_add_host(buf, endpoint);
	buf_str(buf, str_of(endpoint->path));
}

/* Whether `s` is 1 to `max` letters, digits, hyphens, underscores and dots: a table's name. */
static bool table_name_valid(struct str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!name_char(s.p[i]) && s.p[i] != '_' && s.p[i] != '.')
			return false;
	}
	return s.n > 0 && s.n <= max;
}

/* Whether `s` could be a stream's label: a time without zone, or an emulator's idea of one. */
static bool label_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!name_char(s.p[i]) && s.p[i] != ':' && s.p[i] != '.' && s.p[i] != '_')
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

bool table_arn_parse(struct str arn, struct table_arn *out)
{
	struct str rest = arn, scheme = str_cut(&rest, ':'), service, kind, word;

	*out = (struct table_arn){0};
	out->partition = str_cut(&rest, ':');
	service = str_cut(&rest, ':');
	out->region = str_cut(&rest, ':');
	out->account = str_cut(&rest, ':');
	kind = str_cut(&rest, '/');
	out->table = str_cut(&rest, '/');
	if (!str_eq(scheme, STR("arn")) || !str_starts(out->partition, STR("aws")) ||
	    !str_eq(service, STR("dynamodb")) || !region_valid(out->region) ||
	    !table_name_valid(out->account, 32) || !str_eq(kind, STR("table")) ||
	    !table_name_valid(out->table, 255))
		return false;
	if (rest.p == NULL)
		return true;
	word = str_cut(&rest, '/');
	out->label = rest;
	return str_eq(word, STR("stream")) && label_valid(rest);
}
