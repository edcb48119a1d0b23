/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/corpus.h"

#include <inttypes.h>

#include "base/base64.h"
#include "base/rng.h"

enum { BLOB_MAX = 64 << 10 };

bool corpus_kind_parse(struct str word, enum corpus_kind *out)
{
	if (str_eq(word, STR("plain")))
		*out = CORPUS_PLAIN;
	else if (str_eq(word, STR("vinyldns")))
		*out = CORPUS_VINYLDNS;
	else if (str_eq(word, STR("hostile")))
		*out = CORPUS_HOSTILE;
	else
		return false;
	return true;
}

/* Appends something that looks like a UUID. */
static void put_uuid(struct buf *out, struct rng *rng)
{
	uint64_t a = rng_next(rng), b = rng_next(rng);

	buf_fmt(out, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, a >> 32,
		a >> 16 & 0xFFFF, a & 0xFFFF, b >> 48, b & 0xFFFFFFFFFFFF);
}

/* Appends `n` words. */
static void put_words(struct buf *out, struct rng *rng, unsigned n)
{
	static const char words[][10] = {"zone",   "record", "delivery", "of",	    "every",
					 "change", "in",     "order",	 "without", "loss"};

	for (unsigned i = 0; i < n; i++)
		buf_fmt(out, "%s%s", i == 0 ? "" : " ", words[rng_below(rng, ARRAY_N(words))]);
}

/* The protobuf wire format: a varint. */
static void put_varint(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_c(out, (char)(unsigned char)(v | 0x80));
	buf_c(out, (char)v);
}

/* A varint field. */
static void put_int_field(struct buf *out, unsigned number, uint64_t v)
{
	put_varint(out, number << 3);
	put_varint(out, v);
}

/* A field of bytes, a string or a message. */
static void put_field(struct buf *out, unsigned number, struct str bytes)
{
	put_varint(out, number << 3 | 2);
	put_varint(out, bytes.n);
	buf_str(out, bytes);
}

/* A string field with a new UUID. */
static void put_uuid_field(struct buf *out, struct rng *rng, unsigned number)
{
	put_varint(out, number << 3 | 2);
	put_varint(out, 36);
	put_uuid(out, rng);
}

/* A field that holds the message `inner`, which is emptied. */
static void put_message(struct buf *out, unsigned number, struct buf *inner)
{
	put_field(out, number, buf_view(inner));
	buf_clear(inner);
}

/* Appends a Zone. */
static void put_zone(struct buf *out, struct rng *rng)
{
	struct buf connection;

	buf_init(&connection, BLOB_MAX);
	put_field(&connection, 1, STR("primary"));
	put_field(&connection, 2, STR("vinyldns."));
	put_field(&connection, 3, STR("nzisn+4G2ldMn0q1CV3vsg=="));
	put_field(&connection, 4, STR("192.0.2.53:53"));
	put_uuid_field(out, rng, 1);
	put_field(out, 2, STR("corp.example.com."));
	put_field(out, 3, STR("dns-team@example.com"));
	put_field(out, 4, STR("Active"));
	put_int_field(out, 5, 1514764800000 + rng_below(rng, 1000000000));
	put_message(out, 7, &connection);
	put_field(out, 8, STR("system"));
	put_int_field(out, 9, 0);
	put_uuid_field(out, rng, 12);
	buf_release(&connection);
}

/* Appends a RecordSet with one to three addresses. */
static void put_record_set(struct buf *out, struct rng *rng, uint64_t i)
{
	struct buf data, record;
	char text[40];

	buf_init(&data, BLOB_MAX);
	buf_init(&record, BLOB_MAX);
	put_uuid_field(out, rng, 1);
	put_uuid_field(out, rng, 2);
	snprintf(text, sizeof(text), "host-%06" PRIu64, i);
	put_field(out, 3, str_of(text));
	put_field(out, 4, STR("A"));
	put_int_field(out, 5, 300);
	put_field(out, 6, STR("Active"));
	put_int_field(out, 7, 1514764800000 + rng_below(rng, 1000000000));
	put_int_field(out, 8, 1614764800000 + rng_below(rng, 1000000000));
	for (uint64_t n = rng_below(rng, 3) + 1; n > 0; n--) {
		snprintf(text, sizeof(text), "192.0.2.%u", (unsigned)rng_below(rng, 256));
		put_field(&data, 1, str_of(text));
		put_message(&record, 1, &data);
		put_message(out, 9, &record);
	}
	put_field(out, 10, STR("system"));
	put_uuid_field(out, rng, 11);
	buf_release(&data);
	buf_release(&record);
}

/* Appends a RecordSetChange; an update also holds the set as it was. */
static void put_change(struct buf *out, struct rng *rng, uint64_t i, bool update)
{
	struct buf inner;

	buf_init(&inner, BLOB_MAX);
	put_uuid_field(out, rng, 1);
	put_zone(&inner, rng);
	put_message(out, 2, &inner);
	put_record_set(&inner, rng, i);
	put_message(out, 3, &inner);
	put_uuid_field(out, rng, 4);
	put_field(out, 5, update ? STR("Update") : STR("Create"));
	put_field(out, 6, STR("Complete"));
	put_int_field(out, 7, 1514764800000 + rng_below(rng, 1000000000));
	if (update) {
		put_record_set(&inner, rng, i);
		put_message(out, 9, &inner);
	}
	buf_release(&inner);
}

/* Appends the attributes of a row of recordChange behind its key. */
static void put_vinyldns(struct buf *out, struct rng *rng, uint64_t i)
{
	struct buf blob;

	buf_init(&blob, BLOB_MAX);
	buf_str(out, STR(",\"zone_id\":{\"S\":\""));
	put_uuid(out, rng);
	buf_str(out, STR("\"},\"change_set_id\":{\"S\":\""));
	put_uuid(out, rng);
	buf_fmt(out,
		"\"},\"change_set_status\":{\"N\":\"2\"},\"created_timestamp\":{\"N\":\"%" PRIu64
		"\"},\"processing_timestamp\":{\"N\":\"%" PRIu64 "\"}",
		1514764800000 + i, 1514764800500 + i);
	put_change(&blob, rng, i, i % 3 == 0);
	buf_str(out, STR(",\"record_set_change_blob\":{\"B\":\""));
	base64_encode(out, blob.p, blob.n);
	buf_str(out, STR("\"}"));
	buf_release(&blob);
}

/* Appends the attributes of an ordinary item behind its key. */
static void put_plain(struct buf *out, struct rng *rng, uint64_t i)
{
	buf_str(out, STR(",\"customer\":{\"S\":\""));
	put_uuid(out, rng);
	buf_fmt(out, "\"},\"count\":{\"N\":\"%" PRIu64 "\"},\"price\":{\"N\":\"%u.%02u\"}", i,
		(unsigned)rng_below(rng, 1000), (unsigned)rng_below(rng, 100));
	buf_str(out, STR(",\"active\":{\"BOOL\":true},\"note\":{\"S\":\""));
	put_words(out, rng, 16);
	buf_fmt(out,
		"\"},\"address\":{\"M\":{\"city\":{\"S\":\"Exampletown\"},\"zip\":{\"N\":\"%u\"},"
		"\"street\":{\"S\":\"",
		(unsigned)rng_below(rng, 100000));
	put_words(out, rng, 3);
	buf_str(out, STR("\"}}},\"tags\":{\"L\":[{\"S\":\"new\"},{\"S\":\"checked\"}]},"
			 "\"labels\":{\"SS\":[\"a\",\"b\"]}"));
}

/* Appends attributes that are awkward to read behind the key. */
static void put_hostile(struct buf *out, struct rng *rng, uint64_t i)
{
	static const char *const pieces[] = {"\\u00e4\\u00f6",		 "gr\xC3\xBC\xC3\x9F",
					     "\\\"quoted\\\"",		 "\\n",
					     "\xE6\x97\xA5\xE6\x9C\xAC", "tab\\t"};

	for (unsigned k = 0; k < 12; k++) {
		buf_fmt(out, ",\"%c%u\":{\"S\":\"", (char)('a' + (k * 7 + i) % 26), k);
		for (uint64_t n = rng_below(rng, 6); n > 0; n--)
			buf_str(out, str_of(pieces[rng_below(rng, ARRAY_N(pieces))]));
		buf_str(out, STR("\"}"));
	}
	buf_str(out,
		STR(",\"deep\":{\"L\":[{\"M\":{\"x\":{\"L\":[{\"N\":\"-1.5E3\"},{\"NULL\":true},"
		    "{\"M\":{}},{\"B\":\"AAECAw==\"}]}}},{\"NS\":[\"1\",\"2\",\"3\"]}]}"));
}

void corpus_item(struct buf *out, enum corpus_kind kind, uint64_t i, unsigned version)
{
	struct rng rng;

	rng_init(&rng, i * 16 + version + 1);
	buf_fmt(out, "{\"id\":{\"S\":\"item-%08" PRIu64 "\"}", i);
	switch (kind) {
	case CORPUS_PLAIN:
		put_plain(out, &rng, i);
		break;
	case CORPUS_VINYLDNS:
		put_vinyldns(out, &rng, i);
		break;
	case CORPUS_HOSTILE:
		put_hostile(out, &rng, i);
		break;
	}
	buf_c(out, '}');
}

/* Appends record number `i`. */
static void put_record(struct buf *out, enum corpus_kind kind, struct rng *rng, uint64_t i)
{
	uint64_t dice = rng_below(rng, 100);
	size_t from;

	buf_fmt(out,
		"{\"awsRegion\":\"us-east-1\",\"dynamodb\":{\"ApproximateCreationDateTime\":"
		"%" PRIu64 ",\"Keys\":{\"id\":{\"S\":\"item-%08" PRIu64 "\"}}",
		1767323045 + i / 100, i);
	if (dice < 90) {
		buf_str(out, STR(",\"NewImage\":"));
		corpus_item(out, kind, i, 1);
	}
	if (dice >= 45) {
		buf_str(out, STR(",\"OldImage\":"));
		corpus_item(out, kind, i, 0);
	}
	from = out->n;
	buf_fmt(out,
		",\"SequenceNumber\":\"%021" PRIu64
		"\",\"SizeBytes\":1000,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"},\"eventID\":\"%"
		"016" PRIx64 "%016" PRIx64
		"\",\"eventName\":\"%s\",\"eventSource\":\"aws:dynamodb\","
		"\"eventVersion\":\"1.1\"}",
		300000000000000000 + i, rng_next(rng), rng_next(rng),
		dice < 45   ? "INSERT"
		: dice < 90 ? "MODIFY"
			    : "REMOVE");
	must(out->n > from);
}

void corpus_page(struct buf *out, enum corpus_kind kind, size_t n)
{
	struct rng rng;

	rng_init(&rng, 42);
	buf_str(out,
		STR("{\"NextShardIterator\":\"arn:aws:dynamodb:us-east-1:123456789012:table/t/"
		    "stream/"
		    "2026-01-02T03:04:05.678|1|AAAAAAAAAAFVq8nDtkOHlQfAVqWYWp4n\",\"Records\":["));
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_c(out, ',');
		put_record(out, kind, &rng, i);
	}
	buf_str(out, STR("]}"));
}
