/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the two APIs are: hosts by region and partition (the rules of AWS's own endpoint rule sets of
 * dynamodb and dynamodbstreams), endpoint URLs that people configure, and what ARNs tell. Values
 * only: nothing here owns memory, and what a parsed ARN holds are slices of its text.
 */
#ifndef AWS_ENDPOINT_H
#define AWS_ENDPOINT_H

#include "base/buf.h"
#include "base/err.h"

enum aws_service { AWS_STREAMS, AWS_TABLES };

enum { ENDPOINT_HOST_MAX = 255, ENDPOINT_PATH_MAX = 255 };

struct endpoint {
	bool tls;
	unsigned port; /* never 0 */
	char host[ENDPOINT_HOST_MAX + 1]; /* lower case; an IPv6 address stands in its brackets */
	char path[ENDPOINT_PATH_MAX + 1]; /* begins with "/" */
};

/* Which variant of a region's endpoints is wanted. */
struct endpoint_variant {
	bool fips;
	bool dual_stack;
};

/* The parts of a table's or stream's ARN, as slices of it. */
struct table_arn {
	struct str partition, region, account, table;
	struct str label; /* of the stream; empty in a table's ARN */
};

/* Whether `region` could be the name of a region: what goes into host names must not surprise. */
bool region_valid(struct str region);

/* The region to sign with: itself, but "us-east-1" for the pseudo region "local". */
struct str region_for_signing(struct str region);

/* The partition that a region belongs to, as ARNs begin: "aws", "aws-cn". */
struct str region_partition(struct str region);

/*
 * The public endpoint of a service in a region. An unknown region counts to the partition that its
 * prefix names, else to "aws". "local" is http://localhost:8000. False with ERROR_CONFIG when
 * `region` is malformed.
 */
bool endpoint_of_region(enum aws_service service, struct str region,
			struct endpoint_variant variant, struct endpoint *out, struct error *err);

/*
 * Parses "http[s]://host[:port][/path]". False with ERROR_CONFIG and a sentence that says what is
 * wrong with it: user, query or fragment, blanks, bad port, no host.
 */
bool endpoint_parse(struct str url, struct endpoint *out, struct error *err);

/* Appends the URL; the port only where it is not the scheme's own. */
void endpoint_add_url(struct buf *buf, const struct endpoint *endpoint);

/* Appends the Host header's value: the host, and the port where it is not the scheme's own. */
void endpoint_add_host(struct buf *buf, const struct endpoint *endpoint);

/*
 * Parses the ARN of a table ("arn:aws:dynamodb:R:ACCOUNT:table/T") or of its stream
 * (".../stream/LABEL"); false when it is neither.
 */
bool table_arn_parse(struct str arn, struct table_arn *out);

#endif
