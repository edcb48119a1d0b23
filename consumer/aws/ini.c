/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/ini.h"

enum ini_kind {
	INI_SECTION, /* name: what stands in the brackets */
	INI_SETTING,
	INI_NESTED, /* a setting under the setting before it, which has no value */
	INI_MORE, /* another line of the value before it; not looked at */
	INI_BAD,
	INI_END,
};

/* A line that is neither blank nor a comment. */
struct ini_line {
	enum ini_kind kind;
	struct str name, value;
};

/* Goes through a text line by line. */
struct ini_reader {
	struct str rest;
	size_t line; /* number of the last line that was read, from 1 */
	size_t indent; /* of the last setting */
	bool in_section; /* a section was opened */
	bool has_setting; /* and a setting was read in it */
	bool open; /* that setting has no value: deeper lines are nested in it */
};

/* Starts reading; a byte order mark is skipped. */
static struct ini_reader reader_of(struct str text)
{
	if (str_starts(text, STR("\xEF\xBB\xBF")))
		text = str_skip(text, 3);
	return (struct ini_reader){.rest = text};
}

/* Whether `c` begins a comment. */
static bool comment_char(char c)
{
	return c == '#' || c == ';';
}

/* A value without the blanks around it, and without a comment that a blank sets off. */
static struct str clean_value(struct str value)
{
	for (size_t i = 1; i < value.n; i++) {
		bool after_blank = value.p[i - 1] == ' ' || value.p[i - 1] == '\t';

		if (after_blank && comment_char(value.p[i]))
			return str_trim(str_head(value, i));
	}
	return str_trim(value);
}

/* How many blanks and tabs a line begins with. */
static size_t indent_of(struct str line)
{
	size_t n = 0;

	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	return n;
}

/* Takes a section's header apart. */
static struct ini_line read_section(struct ini_reader *reader, struct str text)
{
	size_t close = str_find(text, ']');
	struct str after = str_trim(str_skip(text, close + 1));
	struct str title = str_trim(str_skip(str_head(text, close), 1));

	if (close == text.n || title.n == 0 || (after.n > 0 && !comment_char(after.p[0])))
		return (struct ini_line){.kind = INI_BAD};
	reader->in_section = true;
	reader->has_setting = false;
	return (struct ini_line){.kind = INI_SECTION, .name = title};
}

/* Takes a line other than a section's header apart. */
static struct ini_line read_setting(struct ini_reader *reader, struct str line)
{
	size_t indent = indent_of(line);
	bool deeper = reader->has_setting && indent > reader->indent;
	struct ini_line out = {.kind = INI_SETTING, .value = line};

	if (deeper && !reader->open)
		return (struct ini_line){.kind = INI_MORE};
	out.name = str_trim(str_cut(&out.value, '='));
	if (!reader->in_section || out.value.p == NULL || out.name.n == 0)
		return (struct ini_line){.kind = INI_BAD};
	out.value = clean_value(out.value);
	if (deeper) {
		out.kind = INI_NESTED;
		return out;
	}
	reader->has_setting = true;
	reader->indent = indent;
	reader->open = out.value.n == 0;
	return out;
}

/* The next line that says something. */
static struct ini_line read_line(struct ini_reader *reader)
{
	while (reader->rest.n > 0) {
		struct str line = str_cut(&reader->rest, '\n'), text = str_trim(line);

		reader->line++;
		if (text.n == 0 || comment_char(text.p[0]))
			continue;
		if (text.p[0] == '[')
			return read_section(reader, text);
		return read_setting(reader, line);
	}
	return (struct ini_line){.kind = INI_END};
}

/* Whether a header's text is that of `section`. */
static bool title_is(struct str title, struct ini_section section)
{
	struct str kind;

	if (section.kind.n == 0)
		return str_eq(title, section.name);
	kind = str_cut(&title, str_find(title, '\t') < str_find(title, ' ') ? '\t' : ' ');
	title = str_trim(title);
	if (title.n >= 2 && (title.p[0] == '"' || title.p[0] == '\'') &&
	    title.p[title.n - 1] == title.p[0])
		title = str_skip(str_head(title, title.n - 1), 1);
	return str_eq(kind, section.kind) && str_eq(title, section.name);
}

bool ini_check(struct str text, struct str file, struct error *err)
{
	struct ini_reader reader = reader_of(text);
	struct ini_line line;

	do {
		line = read_line(&reader);
		if (line.kind == INI_BAD)
			return error_set(err, ERROR_CONFIG,
					 "%.*s:%zu: neither a [section] nor name = value in one",
					 STR_ARG(str_head(file, 200)), reader.line);
	} while (line.kind != INI_END);
	return true;
}

bool ini_has(struct str text, struct ini_section section)
{
	struct ini_reader reader = reader_of(text);
	struct ini_line line;

	do {
		line = read_line(&reader);
		if (line.kind == INI_SECTION && title_is(line.name, section))
			return true;
	} while (line.kind != INI_END);
	return false;
}

struct str ini_get(struct str text, struct ini_path path)
{
	struct ini_reader reader = reader_of(text);
	bool in_section = false, in_parent = false;
	struct str found = STR_NONE;
	struct ini_line line;

	do {
		line = read_line(&reader);
		if (line.kind == INI_SECTION) {
			in_section = title_is(line.name, path.section);
			in_parent = false;
		} else if (line.kind == INI_SETTING) {
			in_parent = in_section && str_eq_nocase(line.name, path.name);
			if (in_parent && path.sub.n == 0)
				found = line.value;
		} else if (line.kind == INI_NESTED) {
			if (in_parent && path.sub.n > 0 && str_eq_nocase(line.name, path.sub))
				found = line.value;
		}
	} while (line.kind != INI_END);
	return found;
}
