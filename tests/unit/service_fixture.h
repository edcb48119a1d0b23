/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the service model share: a service with one table, requests as C strings, and
 * looks at the answers. In all bodies "'" stands for a quote.
 */
#ifndef TESTS_SERVICE_FIXTURE_H
#define TESTS_SERVICE_FIXTURE_H

#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "tests/check.h"
#include "tests/model/service.h"

#define T0 INT64_C(1700000000123)

/* A service with one table "tab" (keys pk S, sk N) and the answer of the last call. */
struct fixture {
	struct service *service;
	int64_t now_ms;
	struct buf answer;
	int status;
};

/* Appends a byte, and a quote in the place of "'". */
static inline void add_quoted(struct buf *buf, char c)
{
	if (c == '\'')
		buf_c(buf, '"');
	else
		buf_c(buf, c);
}

/* Carries one request out; "'" stands for a quote in the body. Returns the answer. */
static inline struct str call(struct fixture *f, const char *operation, const char *body)
{
	struct buf target, text;

	buf_init(&target, 200);
	buf_init(&text, 4 << 20);
	buf_fmt(&target, "%s_20120810.%s",
		strstr(operation, "Stream") != NULL || strstr(operation, "Record") != NULL ||
				strstr(operation, "Iterator") != NULL
			? "DynamoDBStreams"
			: "DynamoDB",
		operation);
	for (; *body != 0; body++)
		add_quoted(&text, *body);
	buf_clear(&f->answer);
	f->status =
		service_call(f->service, buf_view(&target), buf_view(&text), f->now_ms, &f->answer);
	CHECK(!f->answer.failed);
	buf_release(&target);
	buf_release(&text);
	return buf_view(&f->answer);
}

/* The same with a body made by printf. */
static inline struct str __attribute__((format(printf, 3, 4)))
callf(struct fixture *f, const char *operation, const char *fmt, ...)
{
	struct buf body;
	struct str answer;
	va_list ap;

	buf_init(&body, 1 << 20);
	va_start(ap, fmt);
	buf_vfmt(&body, fmt, ap);
	va_end(ap);
	buf_c(&body, 0);
	answer = call(f, operation, body.p);
	buf_release(&body);
	return answer;
}

/* Whether the text has the part, as it is or with "'" standing for a quote. */
static inline bool has(struct str text, const char *part)
{
	struct buf want;
	bool found;

	buf_init(&want, 1 << 20);
	for (const char *p = part; *p != 0; p++)
		add_quoted(&want, *p);
	found = want.n == 0 || memmem(text.p, text.n, want.p, want.n) != NULL ||
		memmem(text.p, text.n, part, want.n) != NULL;
	buf_release(&want);
	return found;
}

/* Checks status and a part of the last answer. */
static inline void expect(struct fixture *f, int status, const char *part)
{
	struct str answer = buf_view(&f->answer);

	CHECK_INT(f->status, status);
	if (!has(answer, part))
		CHECK_STR(answer, part);
}

/* The string behind the first `"name":"` of the last answer, in memory of the caller's. */
static inline struct str field(struct fixture *f, const char *name, char *out, size_t n)
{
	struct buf mark;
	const char *at;
	struct str text;

	buf_init(&mark, 100);
	buf_fmt(&mark, "\"%s\":\"", name);
	at = f->answer.n == 0 ? NULL : memmem(f->answer.p, f->answer.n, mark.p, mark.n);
	out[0] = 0;
	if (at != NULL) {
		text = str_make(at + mark.n, (size_t)(f->answer.p + f->answer.n - at) - mark.n);
		text = str_head(text, str_find(text, '"'));
		CHECK(text.n < n);
		text = str_head(text, n - 1);
		mem_copy(out, text.p, text.n);
		out[text.n] = 0;
	}
	buf_release(&mark);
	return str_of(out);
}

#define CREATE                                                                                   \
	"{'TableName':'tab','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}," \
	"{'AttributeName':'sk','AttributeType':'N'}],'KeySchema':[{'AttributeName':'pk',"        \
	"'KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}],"                           \
	"'BillingMode':'PAY_PER_REQUEST','StreamSpecification':{'StreamEnabled':true,"           \
	"'StreamViewType':'NEW_AND_OLD_IMAGES'}}"

/* A fresh service with its table, `shards` open ones. */
static inline void setup(struct fixture *f, uint64_t seed, unsigned shards)
{
	struct service_options options;

	service_defaults(&options);
	options.seed = seed;
	options.shards_per_table = shards;
	*f = (struct fixture){.service = service_new(&options), .now_ms = T0};
	buf_init(&f->answer, 8 << 20);
	call(f, "CreateTable", CREATE);
	CHECK_INT(f->status, 200);
	f->now_ms += 100;
}

/* Frees the fixture. */
static inline void teardown(struct fixture *f)
{
	service_free(f->service);
	buf_release(&f->answer);
}

/* How many writes the log has. */
static inline uint64_t writes_n(const struct fixture *f)
{
	uint64_t n = 0;

	while (service_write(f->service, n) != NULL)
		n++;
	return n;
}

/* The ARN of the table's stream, and the id of the last shard in its listing. */
static inline void find_shard(struct fixture *f, char arn[200], char shard[80])
{
	callf(f, "DescribeTable", "{'TableName':'tab'}");
	field(f, "LatestStreamArn", arn, 200);
	callf(f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	field(f, "ShardId", shard, 80);
}

/* Gets an iterator; the answer's status says how it went. */
static inline void iterator(struct fixture *f, const char *arn, const char *shard, const char *type,
			    const char *seqno, char out[1000])
{
	if (seqno == NULL)
		callf(f, "GetShardIterator",
		      "{'StreamArn':'%s','ShardId':'%s','ShardIteratorType':'%s'}", arn, shard,
		      type);
	else
		callf(f, "GetShardIterator",
		      "{'StreamArn':'%s','ShardId':'%s','ShardIteratorType':'%s',"
		      "'SequenceNumber':'%s'}",
		      arn, shard, type, seqno);
	field(f, "ShardIterator", out, 1000);
}

/* Puts the item with that sort key and value. */
static inline void put(struct fixture *f, int sk, int v)
{
	callf(f, "PutItem",
	      "{'TableName':'tab','Item':{'pk':{'S':'p%d'},'sk':{'N':'%d'},'v':{'N':'%d'}}}", sk,
	      sk, v);
	CHECK_INT(f->status, 200);
}

/* How often the last answer has a record. */
static inline size_t records_n(const struct fixture *f)
{
	size_t n = 0;
	struct str rest = buf_view(&f->answer), mark = STR("\"eventID\":");
	const char *at;

	while ((at = memmem(rest.p, rest.n, mark.p, mark.n)) != NULL) {
		n++;
		rest = str_skip(rest, (size_t)(at - rest.p) + mark.n);
	}
	return n;
}

#endif
