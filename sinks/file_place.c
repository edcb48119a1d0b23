/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file_place.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "sinks/file_journal.h"

enum { DIRECTORY_MODE = 0750 };

/* How many bytes of the path are the fixed directory: what is before the first name with a value in it. */
static size_t fixed_n(struct str text)
{
	size_t end = 0, slash;

	/* Doubled braces are a brace in a name. */
	while (end < text.n && (text.p[end] != '{' || (end + 1 < text.n && text.p[end + 1] == '{')))
		end += text.p[end] == '{' ? 2 : 1;
	slash = str_find_last(str_head(text, end), '/');
	return slash == end ? 0 : slash + 1;
}

/* The text of a path in which no values are, without its doubled braces; to be freed. */
static char *plain_text(struct str path)
{
	struct template template;
	struct buf out;

	buf_init(&out, path.n + 1);
	must(template_parse(path, &template, NULL));
	template_render(&template, NULL, NULL, NULL, &out);
	return buf_detach(&out);
}

/* Whether one of the names that a path consists of is "." or "..", or empty. */
static bool has_dots(struct str path)
{
	while (path.p != NULL) {
		struct str name = str_cut(&path, '/');

		if (name.n == 0 || str_eq(name, STR(".")) || str_eq(name, STR("..")))
			return true;
	}
	return false;
}

const char *place_check(struct str text)
{
	static const enum template_what too_fine[] = {TEMPLATE_OP, TEMPLATE_SEQ, TEMPLATE_KEY,
						      TEMPLATE_PARTITION, TEMPLATE_KEY_ATTRIBUTE};
	static const char braces[] =
		"a path whose braces hold one of table, region, shard, date and "
		"hour; {{ and }} stand for braces";
	struct template template;

	if (!template_parse(text, &template, NULL))
		return braces;
	for (size_t i = 0; i < ARRAY_N(too_fine); i++) {
		if (template_has(&template, too_fine[i]))
			return braces;
	}
	if (text.n == 0 || text.p[text.n - 1] == '/')
		return "the path of a file";
	if (has_dots(str_skip(text, fixed_n(text))))
		return "a path without empty names, \".\" and \"..\" after its fixed directory";
	return NULL;
}

/* How many bytes at the end of a path are endings, "jsonl.zst" with its first full stop; 0: none. */
static size_t ending(struct str text, struct str packed)
{
	struct str tail = text, name;
	size_t dot;

	if (str_find_last(tail, '}') < tail.n)
		tail = str_skip(tail, str_find_last(tail, '}') + 1);
	if (str_find_last(tail, '/') < tail.n)
		tail = str_skip(tail, str_find_last(tail, '/') + 1);
	name = tail;
	if (packed.n > 0 && str_ends(name, packed))
		name.n -= packed.n;
	dot = str_find_last(name, '.');
	/* A full stop that begins a file's name begins no ending. */
	if (dot == name.n || (dot == 0 && tail.p > text.p && tail.p[-1] == '/'))
		dot = name.n;
	return str_find(tail, '{') < tail.n ? 0 : tail.n - dot;
}

void place_init(struct place *place, const char *text, enum pack_kind kind)
{
	struct str path = str_of(text);
	size_t n = fixed_n(path);

	place->text = mem_dup(text, path.n);
	place->dir = plain_text(str_head(path, n));
	must(template_parse(str_of(place->text + n), &place->key, NULL));
	place->ending_n = ending(path, pack_ending(kind));
	place->timed = template_has(&place->key, TEMPLATE_DATE) ||
		       template_has(&place->key, TEMPLATE_HOUR);
	place->by_shard = template_has(&place->key, TEMPLATE_TABLE) &&
			  template_has(&place->key, TEMPLATE_SHARD);
	place->varies = false;
	for (size_t i = 0; i < place->key.n; i++)
		place->varies |= place->key.parts[i].what != TEMPLATE_TEXT;
}

void place_release(struct place *place)
{
	mem_free(place->text);
	mem_free(place->dir);
}

void place_put_key(const struct place *place, const struct source *source,
		   const struct event *event, struct buf *out)
{
	template_render(&place->key, &template_path, source, event, out);
}

char *place_path(const struct place *place, const char *key, const char *suffix, bool open)
{
	struct str whole = str_of(key), dirs, name;
	size_t slash = str_find_last(whole, '/'), ending_n = place->ending_n;
	struct buf out;

	dirs = str_head(whole, slash == whole.n ? 0 : slash + 1);
	name = str_skip(whole, dirs.n);
	if (ending_n > name.n)
		ending_n = name.n;
	buf_init(&out, 4 * PATH_MAX);
	buf_fmt(&out, "%s%.*s%s", place->dir, STR_ARG(dirs), open ? "." : "");
	buf_str(&out, str_head(name, name.n - ending_n));
	buf_fmt(&out, "-%s", suffix);
	buf_str(&out, str_skip(name, name.n - ending_n));
	if (open)
		buf_str(&out, STR(".open"));
	return buf_detach(&out);
}

char *place_plain(const struct place *place, const char *key)
{
	struct buf out;

	buf_init(&out, 4 * PATH_MAX);
	buf_fmt(&out, "%s%s", place->dir, key);
	return buf_detach(&out);
}

char *place_journal(const struct place *place, struct str sink)
{
	struct source nowhere = {0};
	struct event nothing = {0};
	struct buf out;

	buf_init(&out, 4 * PATH_MAX);
	buf_fmt(&out, "%s.", place->dir);
	if (place->varies)
		buf_str(&out, sink);
	else
		place_put_key(place, &nowhere, &nothing, &out);
	buf_str(&out, STR(".journal"));
	return buf_detach(&out);
}

bool place_make_directories(const struct place *place, const char *path, struct error *err)
{
	size_t fixed = strlen(place->dir);
	char *copy = mem_dup(path, strlen(path));
	bool ok = true;

	for (char *at = strchr(copy + fixed, '/'); ok && at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(copy, DIRECTORY_MODE) == 0)
			ok = journal_sync_directory(copy, err);
		else if (errno != EEXIST)
			ok = error_set(err, errno == ENOSPC ? ERROR_RETRY : ERROR_IO,
				       "cannot create the directory %s: %s", copy,
				       error_errno(errno));
		*at = '/';
	}
	mem_free(copy);
	return ok;
}
