/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the service: what its files share. Nobody includes this but tests/model/.
 *
 * A request goes from service.c (dispatch) to table_ops.c, row_ops.c, batch_ops.c, scan_ops.c,
 * query_ops.c or stream_ops.c, and these use store.c (items), stream.c (shards and records),
 * capacity.c, schema.c, index.c, tags.c, read_page.c, record.c and iterator.c.
 * admin.c is what no request can do. Time moves in service_advance() alone.
 *
 * Shards and writes live until the service is freed, for the log refers to them; a stream forgets
 * (no longer lists) a shard that has aged out.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "tests/model/item.h"
#include "tests/model/request.h"
#include "tests/model/service.h"

enum { SHARD_ID_N = 37, SEQNO_MAX = 40, WRITES_PER_CHUNK = 1024, STORE_LEVELS = 16 };
enum { SCHEMA_ATTRIBUTES_MAX = 64, SCHEMA_INDEXES_MAX = 25 };

/* An immutable text with its billed size: an item or a key at rest, shared by counting. */
struct text {
	unsigned refs;
	size_t size_bytes;
	size_t n;
	char p[];
};

/* An item in its table's store, which is a skip list by hash of the partition key. */
struct item {
	uint64_t hash;
	struct text *keys; /* {"pk":{"S":"x"}}, canonical: its identity */
	struct text *text;
	unsigned levels;
	struct item *next[];
};

struct store {
	struct item *head; /* a node without item */
	size_t n;
	size_t size_bytes;
};

enum view_type { VIEW_KEYS_ONLY, VIEW_NEW_IMAGE, VIEW_OLD_IMAGE, VIEW_NEW_AND_OLD_IMAGES };

struct key_schema {
	size_t n; /* 1 or 2 */
	char *name[2]; /* of the HASH and the RANGE attribute */
	enum value_kind kind[2];
};

/* What CreateTable says of attributes and indexes. */
struct attribute {
	char *name;
	enum value_kind kind;
};

struct index {
	char *name;
	struct key_schema key;
	char *projection; /* ALL, KEYS_ONLY, INCLUDE */
	char **included;
	size_t included_n;
	int64_t read_units, write_units;
	int64_t ready_ms; /* from then on ACTIVE */
	bool global;
	bool backfills; /* came after its table */
};

struct schema {
	struct attribute *attributes;
	size_t attributes_n;
	struct index *indexes;
	size_t indexes_n;
};

/* Capacity is counted in half units, for a read that need not be consistent costs half of one. */
enum capacity_kind { CAPACITY_READ, CAPACITY_WRITE, CAPACITY_KINDS };

struct tag {
	char *key, *value;
};

struct stream;

struct table {
	char *name, *arn;
	char id[37];
	int64_t created_ms, ready_ms; /* from ready_ms on ACTIVE */
	int64_t billing_since_ms;
	bool updating; /* until ready_ms: UPDATING instead of CREATING */
	bool protected, pay_per_request;
	int64_t read_units, write_units;
	struct key_schema key;
	struct schema schema;
	struct tag *tags;
	size_t tags_n;
	struct store store;
	uint64_t half_units[CAPACITY_KINDS]; /* consumed so far */
	struct stream *stream; /* the latest, or NULL */
	bool stream_enabled;
	bool key_lost; /* what it is encrypted with cannot be used */
	int64_t last_label_ms;
};

struct write;

struct shard {
	struct stream *stream;
	struct shard *parent;
	unsigned n; /* index in stream->shards */
	char id[SHARD_ID_N + 1];
	int64_t id_ms; /* the time in the id */
	int64_t created_ms, closed_ms;
	bool open, listed, has_children;
	uint64_t low, high; /* the hashes that it takes, both inclusive */
	unsigned __int128 start, end;
	struct write **records;
	size_t records_n, records_cap;
	size_t trimmed_n; /* of records, at their start */
	struct heap_node age; /* while open: in service->open_shards by created_ms */
	struct list closed; /* in service->closed_shards, in order of closed_ms */
};

struct stream {
	unsigned n; /* index in service->streams */
	char *arn, *label, *table;
	struct key_schema key;
	enum view_type view;
	int64_t created_ms, ready_ms;
	bool enabled, gone;
	unsigned __int128 seq; /* the last number given out */
	unsigned __int128 seq_grows; /* the next power of ten: one digit more */
	uint64_t seq_step;
	struct shard **shards; /* all that ever were */
	unsigned shards_n, shards_cap;
	struct shard **listed; /* sorted by id */
	size_t listed_n, listed_cap;
	struct shard **open; /* sorted by low, without holes */
	size_t open_n, open_cap;
};

/* A write with what its record shows; `log` is what the outside sees of it. */
struct write {
	struct service_write log;
	struct shard *shard;
	unsigned __int128 seq;
	struct text *keys, *old_image, *new_image;
	bool ttl, exponent; /* exponent: how its time is written */
	char seqno[SEQNO_MAX + 1];
	char event_id[33];
};

enum hit {
	HIT_OPEN_PARENT,
	HIT_MISSING_CHILD,
	HIT_EMPTY_PAGE,
	HIT_SHORT_PAGE,
	HIT_EXPIRED_ITERATOR,
	HIT_TRIMMED_ITERATOR,
	HIT_TRIMMED_POSITION,
	HIT_SHARD_GONE,
	HIT_STREAM_GONE,
	HIT_END_WITH_RECORDS,
	HIT_END_EMPTY,
	HIT_PAGE_BYTES,
	HIT_PAGE_RECORDS,
	HIT_SHARDS_PAGED,
	HIT_CHILDREN_ASKED,
	HIT_SCAN_PAGED,
	HIT_BATCH_BYTES,
	HIT_PARTIAL_BATCH,
	HIT_CONDITION_FAILED,
	HIT_NO_OP,
	HIT_ROLL,
	HIT_SPLIT,
	HIT_TRIM,
	HIT_SEQNO_GREW,
	HIT_STREAM_DISABLED,
	HIT_TTL_DELETE,
	HIT_N,
};

struct service {
	struct service_options options;
	char *region, *account, *partition;
	struct rng rng;
	uint64_t secret; /* what makes an iterator genuine */
	uint64_t iterator_generation;
	int64_t now_ms;
	struct map tables; /* by name */
	struct map streams_by_arn;
	struct stream **streams; /* all that ever were */
	unsigned streams_n, streams_cap;
	struct heap open_shards;
	struct list closed_shards;
	struct write **chunks; /* of WRITES_PER_CHUNK */
	size_t chunks_n, chunks_cap;
	uint64_t writes_n, untrimmed; /* all writes before `untrimmed` are trimmed */
	void (*on_write)(void *arg, const struct service_write *w);
	void *on_write_arg;
	struct service_hit hits[HIT_N + 1];
	struct arena arena; /* of the request at hand */
	struct buf body, scratch;
};

/* One operation: reads its parameters, appends its answer; false with the failure filled in. */
typedef bool operation_fn(struct service *service, struct request *request, struct buf *answer);

operation_fn op_create_table, op_describe_table, op_update_table, op_delete_table, op_list_tables;
operation_fn op_put_item, op_get_item, op_update_item, op_delete_item, op_scan, op_query;
operation_fn op_batch_get_item, op_list_tags_of_resource;
operation_fn op_list_streams, op_describe_stream, op_get_shard_iterator, op_get_records;

/* Counts one hit. */
void service_hit(struct service *service, enum hit hit);

/* Moves the clock: rolls, trims and forgets what is due. */
void service_advance(struct service *service, int64_t now_ms);

/* The table that parameter TableName names, which may be an ARN; NULL with the failure filled in. */
struct table *table_find(struct service *service, struct request *request);

/* The same, but a table that is still CREATING is not there yet. */
struct table *table_find_ready(struct service *service, struct request *request);

/* The same for a name that stands elsewhere in the request. */
struct table *table_named_ready(struct service *service, struct request *request, struct str name);

/* A text at rest with one reference. */
struct text *text_new(struct str text, size_t size_bytes);

/* One more reference; NULL is allowed. */
struct text *text_ref(struct text *text);

/* One reference fewer; NULL is allowed. */
void text_unref(struct text *text);

/* The text as a slice, good while a reference is held. */
struct str text_str(const struct text *text);

/* An empty store. */
void store_init(struct store *store);

/* Frees the items. */
void store_release(struct store *store);

/* The first item at or after (hash, keys); `after`: after it. NULL at the end. */
struct item *store_from(const struct store *store, uint64_t hash, struct str keys, bool after);

/* The item with these keys, or NULL. */
struct item *store_find(const struct store *store, uint64_t hash, struct str keys);

/* Adds or replaces an item; takes a reference to each text. */
void store_put(struct store *store, uint64_t hash, struct text *keys, struct text *text);

/* Removes an item, if it is there. */
void store_remove(struct store *store, uint64_t hash, struct str keys);

/* Frees a table with its items; not its streams. */
void table_free(struct table *table);

/* Reads and checks attributes, key and indexes of a CreateTable. */
bool schema_read(struct request *request, struct schema *schema, struct key_schema *key);

/* Frees what the schema holds. */
void schema_release(struct schema *schema);

/* Reads AttributeDefinitions. */
bool schema_attributes_read(struct request *request, struct schema *schema);

/* Reads one index, whose attributes have been read, and adds it. */
bool schema_index_read(struct request *request, struct json *json, bool global,
		       struct schema *schema);

/* Refuses global indexes whose throughput does not go with the table's billing. */
bool schema_check_throughput(struct request *request, const struct schema *schema,
			     bool pay_per_request);

/* The definition of that attribute, or NULL. */
const struct attribute *schema_attribute(const struct schema *schema, const char *name);

/* The index of that name, or NULL. */
const struct index *schema_index(const struct schema *schema, struct str name);

/* Whether the table's key or an index uses the attribute. */
bool schema_uses(const struct schema *schema, const struct key_schema *key, const char *name);

/* Appends the members of a table's description that tell its attributes and indexes. */
void schema_put(const struct service *service, const struct table *table, struct buf *answer);

/* Frees what an index holds. */
void index_release(struct index *index);

/* Whether the index has that attribute of the items. */
bool index_has(const struct table *table, const struct index *index, struct str name);

/* What the index has of an item. */
struct value index_entry(struct arena *arena, const struct table *table, const struct index *index,
			 const struct value *item);

/* What it costs to bring an index from one item (NULL: none) to another, in half units. */
uint64_t index_write_cost(struct arena *arena, const struct table *table, const struct index *index,
			  const struct value *before, const struct value *after);

/* What GlobalSecondaryIndexUpdates asks for: one index more or one fewer. */
struct index_change {
	bool given;
	struct schema added; /* with at most one index */
	struct str deleted; /* p == NULL: none */
};

/* Reads and checks it; to be released in any case. */
bool index_change_read(struct request *request, const struct table *table,
		       struct index_change *change);

/* Carries it out; a new index is ACTIVE when the table is. */
void index_change_apply(struct index_change *change, struct table *table);

/* Frees what was not carried out. */
void index_change_release(struct index_change *change);

/* Reads {"ReadCapacityUnits":..,"WriteCapacityUnits":..}, both at least 1. */
bool throughput_read(struct request *request, struct str text, int64_t *read_units,
		     int64_t *write_units);

/* Appends the member "ProvisionedThroughput". */
void throughput_put(int64_t read_units, int64_t write_units, struct buf *answer);

/* Reads Tags. */
bool tags_read(struct request *request, struct table *table);

/* Frees the table's tags. */
void tags_free(struct table *table);

/* Appends a time as the control plane writes it: seconds with milliseconds. */
void time_put(int64_t wall_ms, struct buf *answer);

/* Appends [{"AttributeName":...,"KeyType":...}]. */
void key_schema_put(struct buf *answer, const struct key_schema *key);

/* Whether a key uses the attribute. */
bool key_schema_uses(const struct key_schema *key, struct str name);

/* Frees a schema's names. */
void key_schema_release(struct key_schema *key);

/* A copy of a schema, with names of its own. */
struct key_schema key_schema_copy(const struct key_schema *key);

/* The hash of a partition key's value. */
uint64_t row_hash(struct service *service, const struct value *value);

/* The key of an item, canonical, and the hash of its partition key, in the request's arena. */
struct row_key {
	uint64_t hash;
	struct str text;
	size_t size_bytes;
};

/* Reads the key out of a whole item. */
bool row_key_of_item(struct service *service, const struct table *table, const struct value *item,
		     struct request *request, struct row_key *out);

/* Reads a key that must have the key attributes and nothing else. */
bool row_key_of_key(struct service *service, const struct table *table, const struct value *key,
		    struct request *request, struct row_key *out);

/* Makes `new_text` (NULL: nothing) the item with that key, and logs the change if it is one. */
void row_commit(struct service *service, struct table *table, const struct row_key *key,
		struct text *new_text, bool ttl);

/* What it costs to read so many bytes, in half units; nothing at all costs as much as one byte. */
uint64_t capacity_of_read(size_t bytes, bool consistent);

/* What it costs to write so many bytes, in half units. */
uint64_t capacity_of_write(size_t bytes);

/* What one request has consumed of a table, in half units. */
struct consumed {
	struct table *table;
	enum capacity_kind kind;
	uint64_t half_units; /* of the table itself */
	uint64_t index_half_units[SCHEMA_INDEXES_MAX]; /* of each of its indexes */
};

/* Counts what was consumed; appends the member "ConsumedCapacity" if the request asks for it. */
bool capacity_put(struct request *request, const struct consumed *consumed, struct buf *answer);

/* The same for several tables, of which each is an element of a list. */
bool capacity_put_element(struct request *request, const struct consumed *consumed,
			  struct buf *answer);

/* Gives a table a new stream. */
void stream_create(struct service *service, struct table *table, enum view_type view);

/* Closes the table's stream; it stays readable for the retention. */
void stream_disable(struct service *service, struct table *table);

/* Frees a stream with its shards. */
void stream_free(struct stream *stream);

/* The stream with that ARN, or NULL with the failure filled in. */
struct stream *stream_find(struct service *service, struct request *request, struct str arn);

/* "NEW_IMAGE" and so on, NULL at the end. */
extern const char *const view_names[];

/* Appends a record of a change to the shard that takes `hash`, and to the log. */
void stream_record(struct service *service, struct table *table, uint64_t hash,
		   const struct write *from);

/* Closes a shard and opens one child in its place. */
void shard_roll(struct service *service, struct shard *shard);

/* Closes a shard and opens two in its place, with half its hashes each. */
void shard_split(struct service *service, struct shard *shard);

/* The listed shard with that id, or NULL. */
struct shard *shard_find(const struct stream *stream, struct str id);

/* Marks the shard's records that are older than `before_ms` as trimmed. */
void shard_trim(struct service *service, struct shard *shard, int64_t before_ms);

/* Takes a closed shard out of the listing for good, and a disabled stream with its last shard. */
void shard_forget(struct service *service, struct shard *shard);

/* Writes a sequence number, terminated, and returns its length. */
size_t seq_format(unsigned __int128 seq, char out[SEQNO_MAX + 1]);

/* Reads 21 to 40 digits; numbers that no shard has become the largest one. */
bool seq_parse(struct str text, unsigned __int128 *out);

/* Where an iterator points. */
struct position {
	struct stream *stream;
	struct shard *shard;
	uint64_t record; /* index in shard->records of what comes next */
};

/* Appends the iterator's text, quoted. */
void iterator_put(struct service *service, const struct position *position, struct buf *answer);

/* Reads an iterator back, with all checks but that of the trim point. */
bool iterator_read(struct service *service, struct request *request, struct str text,
		   struct position *out);

/* Appends one record as GetRecords has it. */
void record_put(const struct service *service, const struct write *write, struct buf *answer);

/* The record's SizeBytes. */
size_t record_size(const struct write *write);

#endif
