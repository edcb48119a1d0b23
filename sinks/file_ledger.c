/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file_ledger.h"

#include <stdlib.h>

enum { FIELDS_MAX = 8, FIELD_BYTES_MAX = 8192 };

void ledger_init(struct ledger *ledger)
{
	map_init(&ledger->shards);
	list_init(&ledger->files);
	ledger->next_id = 1;
}

/* Frees a file's entry. */
static void file_free(struct ledger_file *file)
{
	list_remove(&file->link);
	mem_free(file->suffix);
	mem_free(file->key);
	mem_free(file);
}

void ledger_release(struct ledger *ledger)
{
	struct ledger_shard *shard;

	for (size_t at = 0; (shard = map_next(&ledger->shards, &at)) != NULL;)
		mem_free(shard);
	map_release(&ledger->shards);
	while (!list_empty(&ledger->files))
		file_free(list_first(&ledger->files, struct ledger_file, link));
}

/* A shard's key in the map; `out` owns it. */
static struct str key_of(struct buf *out, struct str stream, struct str shard)
{
	buf_init(out, 2 * FIELD_BYTES_MAX + 1);
	buf_str(out, stream);
	buf_c(out, '\n');
	buf_str(out, shard);
	return buf_view(out);
}

struct ledger_shard *ledger_find(const struct ledger *ledger, const struct source *source)
{
	struct buf text;
	struct ledger_shard *shard =
		map_get(&ledger->shards, key_of(&text, source->stream_arn, source->shard_id));

	buf_release(&text);
	return shard;
}

/* The entry with this key, made if need be. */
static struct ledger_shard *shard_by_key(struct ledger *ledger, struct str key)
{
	struct ledger_shard *shard = map_get(&ledger->shards, key);

	if (shard != NULL)
		return shard;
	shard = mem_alloc(sizeof(*shard) + key.n);
	shard->at = position_start();
	list_init(&shard->changed);
	shard->key_n = key.n;
	mem_copy(shard->key, key.p, key.n);
	map_put(&ledger->shards, str_make(shard->key, key.n), shard);
	return shard;
}

struct ledger_shard *ledger_shard(struct ledger *ledger, const struct source *source)
{
	struct buf text;
	struct ledger_shard *shard =
		shard_by_key(ledger, key_of(&text, source->stream_arn, source->shard_id));

	buf_release(&text);
	return shard;
}

unsigned ledger_gap_bit(const struct gap *gap)
{
	return 1u << ((unsigned)gap->reason * 2 + (gap->certain ? 1 : 0));
}

struct ledger_file *ledger_file(const struct ledger *ledger, uint64_t id)
{
	list_each(link, &ledger->files, spare) {
		struct ledger_file *file = CONTAINER_OF(link, struct ledger_file, link);

		if (file->id == id)
			return file;
	}
	return NULL;
}

/* Appends a tab and a field. */
static void put_field(struct buf *out, struct str field)
{
	buf_c(out, '\t');
	if (field.n == 0)
		buf_c(out, '-');
	for (size_t i = 0; i < field.n; i++) {
		unsigned char c = (unsigned char)field.p[i];

		if (c > ' ' && c != '%' && c != 0x7f && !(c == '-' && field.n == 1)) {
			buf_c(out, field.p[i]);
			continue;
		}
		buf_c(out, '%');
		buf_hex(out, &field.p[i], 1);
	}
}

/* Appends a tab and a number. */
static void put_number(struct buf *out, uint64_t number)
{
	buf_c(out, '\t');
	buf_u64(out, number);
}

void ledger_put_next(struct buf *out, uint64_t next_id)
{
	buf_c(out, 'n');
	put_number(out, next_id);
	buf_c(out, '\n');
}

void ledger_put_file(struct buf *out, const struct ledger_file *file)
{
	buf_c(out, 'f');
	put_number(out, file->id);
	put_number(out, file->ino);
	put_number(out, (uint64_t)file->length);
	put_number(out, (uint64_t)file->opened_wall_ms);
	put_number(out, (uint64_t)file->touched_wall_ms);
	put_field(out, str_of(file->suffix));
	put_field(out, str_of(file->key));
	buf_c(out, '\n');
}

void ledger_put_drop(struct buf *out, uint64_t id)
{
	buf_c(out, 'd');
	put_number(out, id);
	buf_c(out, '\n');
}

void ledger_put_shard(struct buf *out, struct str key, const struct ledger_shard *shard)
{
	struct str stream = str_cut(&key, '\n');

	buf_c(out, 'p');
	put_number(out, (uint64_t)shard->touched_wall_ms);
	put_field(out, shard->at.kind == POSITION_AFTER ? position_text(&shard->at) : STR_NONE);
	put_number(out, shard->gaps);
	put_number(out, (uint64_t)shard->time_ms);
	put_field(out, stream);
	put_field(out, key);
	if (shard->epoch > 0)
		put_number(out, (uint64_t)shard->epoch);
	buf_c(out, '\n');
}

/* The fields of one entry. */
struct fields {
	struct str field[FIELDS_MAX];
	size_t n;
};

/* Reads a number that fits into 63 bits. */
static bool number(struct str text, int64_t *out)
{
	return text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9' && str_to_i64(text, out);
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the escapes out of a field; false when one is malformed, or lacks where put_field has one. */
static bool unescape(struct str field, struct buf *out)
{
	if (str_eq(field, STR("-")))
		return true;
	for (size_t i = 0; i < field.n; i++) {
		int high, low;

		if (field.p[i] != '%') {
			if ((unsigned char)field.p[i] <= ' ' || field.p[i] == 0x7f)
				return false;
			buf_c(out, field.p[i]);
			continue;
		}
		high = i + 2 < field.n ? hex_digit(field.p[i + 1]) : -1;
		low = i + 2 < field.n ? hex_digit(field.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_c(out, (char)(high * 16 + low));
		i += 2;
	}
	return field.n > 0 && !out->failed;
}

/* A terminated copy of a field without its escapes; NULL when it is malformed. */
static char *text_of(struct str field)
{
	struct buf text;

	buf_init(&text, FIELD_BYTES_MAX);
	if (!unescape(field, &text) || memchr(text.p == NULL ? "" : text.p, '\0', text.n) != NULL) {
		buf_release(&text);
		return NULL;
	}
	return buf_detach(&text);
}

/* Takes in an "f" entry. */
static bool apply_file(struct ledger *ledger, const struct fields *fields)
{
	int64_t id, ino, length, opened, touched;
	struct ledger_file *file;
	char *suffix, *key;

	if (fields->n != 8 || !number(fields->field[1], &id) || !number(fields->field[2], &ino) ||
	    !number(fields->field[3], &length) || !number(fields->field[4], &opened) ||
	    !number(fields->field[5], &touched))
		return false;
	suffix = text_of(fields->field[6]);
	key = text_of(fields->field[7]);
	if (suffix == NULL || key == NULL || key[0] == '\0') {
		mem_free(suffix);
		mem_free(key);
		return false;
	}
	file = ledger_file(ledger, (uint64_t)id);
	if (file == NULL) {
		file = mem_alloc(sizeof(*file));
		list_init(&file->link);
		list_add(&ledger->files, &file->link);
	}
	mem_free(file->suffix);
	mem_free(file->key);
	file->id = (uint64_t)id;
	file->ino = (uint64_t)ino;
	file->length = length;
	file->opened_wall_ms = opened;
	file->touched_wall_ms = touched;
	file->suffix = suffix;
	file->key = key;
	return true;
}

/* Takes in a "d" entry; a file that is not there is fine. */
static bool apply_drop(struct ledger *ledger, const struct fields *fields)
{
	struct ledger_file *file;
	int64_t id;

	if (fields->n != 2 || !number(fields->field[1], &id))
		return false;
	file = ledger_file(ledger, (uint64_t)id);
	if (file != NULL)
		file_free(file);
	return true;
}

/* Takes in a "p" entry. */
static bool apply_shard(struct ledger *ledger, const struct fields *fields)
{
	struct str seqno = fields->field[2];
	int64_t touched, gaps, time_ms, epoch = 0;
	struct ledger_shard *shard;
	struct buf key;
	bool fine;

	if (fields->n < 7 || (fields->n == 8 && !number(fields->field[7], &epoch)) ||
	    !number(fields->field[1], &touched) || !number(fields->field[3], &gaps) ||
	    !number(fields->field[4], &time_ms) || gaps > UINT16_MAX ||
	    (!str_eq(seqno, STR("-")) && !seqno_valid(seqno)))
		return false;
	buf_init(&key, 2 * FIELD_BYTES_MAX + 1);
	fine = unescape(fields->field[5], &key) && str_find(buf_view(&key), '\n') == key.n;
	buf_c(&key, '\n');
	fine = fine && unescape(fields->field[6], &key);
	if (fine && !key.failed) {
		shard = shard_by_key(ledger, buf_view(&key));
		shard->at = str_eq(seqno, STR("-")) ? position_start() : position_after(seqno);
		shard->epoch = epoch;
		shard->gaps = (unsigned)gaps;
		shard->time_ms = time_ms;
		shard->touched_wall_ms = touched;
	}
	buf_release(&key);
	return fine;
}

/* Takes in one entry. */
static bool apply_one(struct ledger *ledger, struct str line)
{
	struct fields fields = {.n = 0};
	int64_t next;

	while (line.p != NULL) {
		if (fields.n == FIELDS_MAX)
			return false;
		fields.field[fields.n++] = str_cut(&line, '\t');
	}
	if (fields.n < 2 || fields.field[0].n != 1)
		return false;
	switch (fields.field[0].p[0]) {
	case 'n':
		if (fields.n != 2 || !number(fields.field[1], &next))
			return false;
		ledger->next_id = (uint64_t)next;
		return true;
	case 'f':
		return apply_file(ledger, &fields);
	case 'd':
		return apply_drop(ledger, &fields);
	case 'p':
		return apply_shard(ledger, &fields);
	default:
		return false;
	}
}

bool ledger_apply(struct ledger *ledger, struct str entries)
{
	while (entries.n > 0) {
		struct str line = str_cut(&entries, '\n');

		if (!apply_one(ledger, line) || entries.p == NULL)
			return false;
	}
	return true;
}

void ledger_forget(struct ledger *ledger, int64_t before_wall_ms)
{
	struct ledger_shard *shard;

	for (size_t at = 0; (shard = map_next(&ledger->shards, &at)) != NULL;) {
		if (shard->touched_wall_ms >= before_wall_ms || !list_empty(&shard->changed))
			continue;
		map_remove(&ledger->shards, str_make(shard->key, shard->key_n));
		mem_free(shard);
	}
}

void ledger_put_all(const struct ledger *ledger, struct buf *out)
{
	struct ledger_shard *shard;

	ledger_put_next(out, ledger->next_id);
	list_each(link, &ledger->files, spare)
		ledger_put_file(out, CONTAINER_OF(link, struct ledger_file, link));
	for (size_t at = 0; (shard = map_next(&ledger->shards, &at)) != NULL;)
		ledger_put_shard(out, str_make(shard->key, shard->key_n), shard);
}
