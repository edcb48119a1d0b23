/* SPDX-License-Identifier: Apache-2.0 */
#include "config/complaint.h"

#include "base/utf8.h"

enum {
	SENTENCE_MAX = 2000, /* bytes of one sentence or hint */
	WORD_MAX = 60, /* characters of the user's words in a sentence */
	WINDOW_MAX = 160, /* characters shown of a source line */
	WINDOW_BEFORE = 100, /* of those, at most so many before the caret */
};

void complaints_init(struct complaints *complaints, struct str file, struct str text)
{
	complaints->file = file;
	complaints->text = text;
	complaints->n = 0;
	arena_init(&complaints->arena);
}

void complaints_release(struct complaints *complaints)
{
	arena_release(&complaints->arena);
	complaints->n = 0;
}

/* Formats into the complaints' arena; a sentence that is too long stays empty. */
static struct str __attribute__((format(printf, 2, 0)))
keep(struct complaints *complaints, const char *fmt, va_list ap)
{
	struct buf buf;
	struct str kept;

	buf_init(&buf, SENTENCE_MAX);
	buf_vfmt(&buf, fmt, ap);
	kept = arena_str(&complaints->arena, buf_view(&buf));
	buf_release(&buf);
	return kept;
}

void complain(struct complaints *complaints, struct mark at, const char *fmt, ...)
{
	size_t turn = complaints->n++;
	va_list ap;

	if (turn >= COMPLAINTS_MAX)
		return;
	va_start(ap, fmt);
	complaints->list[turn] =
		(struct complaint){.at = at, .turn = turn, .sentence = keep(complaints, fmt, ap)};
	va_end(ap);
}

void complaint_hint(struct complaints *complaints, const char *fmt, ...)
{
	va_list ap;

	if (complaints->n == 0 || complaints->n > COMPLAINTS_MAX)
		return;
	va_start(ap, fmt);
	complaints->list[complaints->n - 1].hint = keep(complaints, fmt, ap);
	va_end(ap);
}

void complaint_nearest(struct complaints *complaints, const struct nearest *nearest)
{
	if (nearest->best.n > 0)
		complaint_hint(complaints, "did you mean %.*s?", STR_ARG(nearest->best));
}

/* Whether a terminal would do something else with the character than show it. */
static bool is_active(uint32_t code)
{
	return (code < 0x20 && code != '\t') || (code >= 0x7F && code < 0xA0) || /* control */
	       (code >= 0x200B && code <= 0x200F) || /* invisible, */
	       (code >= 0x202A && code <= 0x202E) || /* or changing */
	       (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF; /* direction */
}

/* Takes one character off `*rest`; what cannot be shown comes as U+FFFD. */
static uint32_t take(struct str *rest)
{
	uint32_t code = 0;
	size_t n = utf8_next(*rest, &code);

	*rest = str_skip(*rest, n == 0 ? 1 : n);
	return n == 0 || is_active(code) ? 0xFFFD : code;
}

/* Whether `text` has `word` in it, in whatever case. */
static bool has_word(struct str text, const char *word)
{
	struct str wanted = str_of(word);

	for (; text.n >= wanted.n; text = str_skip(text, 1)) {
		if (str_eq_nocase(str_head(text, wanted.n), wanted))
			return true;
	}
	return false;
}

/*
 * Whether a line or value may hold a secret that does not belong there: a URL with a user, or a setting
 * that is called so. Options that name files of secrets are told by their end.
 */
static bool may_hold_secret(struct str text)
{
	static const char *const words[] = {"password:",   "password\":",   "password'",
					    "password =",  "authorization", "bearer ",
					    "ssl.key.pem", "whsec_",	    "whsk_",
					    "-----BEGIN",  "client.secret"};
	size_t at = str_find(text, ':');

	for (size_t i = 0; i < ARRAY_N(words); i++) {
		if (has_word(text, words[i]))
			return true;
	}
	return at < text.n && has_word(str_skip(text, at), "://") && str_find(text, '@') < text.n;
}

struct str complaint_word(struct complaints *complaints, struct str word)
{
	struct buf buf;
	struct str kept;

	if (may_hold_secret(word))
		return STR("***");
	buf_init(&buf, SENTENCE_MAX);
	for (size_t i = 0; i < WORD_MAX && word.n > 0; i++) {
		uint32_t code = take(&word);

		utf8_put(&buf, code == '\t' ? 0xFFFD : code);
	}
	if (word.n > 0)
		buf_str(&buf, STR("..."));
	kept = arena_str(&complaints->arena, buf_view(&buf));
	buf_release(&buf);
	return kept;
}

/* The bytes of the line break at the start of `s`, or 0. These are all that YAML 1.1 knows. */
static size_t break_n(struct str s)
{
	if (str_starts(s, STR("\r\n")) || str_starts(s, STR("\xC2\x85")))
		return 2;
	if (str_starts(s, STR("\n")) || str_starts(s, STR("\r")))
		return 1;
	if (str_starts(s, STR("\xE2\x80\xA8")) || str_starts(s, STR("\xE2\x80\xA9")))
		return 3;
	return 0;
}

struct mark mark_of(struct str text, size_t offset)
{
	struct mark at = {0, 0};
	struct str rest = text;

	while (text.n - rest.n < offset && rest.n > 0) {
		size_t n = break_n(rest);

		if (n > 0) {
			rest = str_skip(rest, n);
			at.line++;
			at.column = 0;
		} else {
			take(&rest);
			at.column++;
		}
	}
	return at;
}

/* Cuts the first line off `*rest` and returns it without its break. */
static struct str cut_line(struct str *rest)
{
	struct str line = *rest;
	size_t n = 0;

	while (n < rest->n && break_n(str_skip(*rest, n)) == 0)
		n++;
	line = str_head(*rest, n);
	*rest = str_skip(*rest, n);
	*rest = str_skip(*rest, break_n(*rest));
	return line;
}

struct str text_from(struct str text, struct mark at)
{
	for (size_t i = 0; i < at.line; i++)
		cut_line(&text);
	for (size_t i = 0; i < at.column && text.n > 0; i++)
		take(&text);
	return text;
}

/*
 * Appends a source line and, below it, a caret under the character `column`. Of a long line, what
 * stands around the caret. Tabs stay tabs in both lines, so that the caret stands right at any width.
 */
static void put_source(struct buf *out, struct str line, size_t column)
{
	size_t from = column > WINDOW_BEFORE ? column - WINDOW_BEFORE : 0;
	struct buf below;

	if (may_hold_secret(line)) {
		buf_str(out, STR("(the line is not shown: it may hold a secret)\n"));
		return;
	}
	buf_init(&below, SENTENCE_MAX);
	for (size_t i = 0; i < from && line.n > 0; i++)
		take(&line);
	if (from > 0) {
		buf_str(out, STR("..."));
		buf_str(&below, STR("   "));
	}
	for (size_t i = from; i < from + WINDOW_MAX && (line.n > 0 || i < column); i++) {
		uint32_t code = line.n > 0 ? take(&line) : 0;

		if (code != 0)
			utf8_put(out, code);
		if (i < column)
			buf_c(&below, code == '\t' ? '\t' : ' ');
	}
	if (line.n > 0)
		buf_str(out, STR("..."));
	buf_c(out, '\n');
	buf_str(out, buf_view(&below));
	buf_str(out, STR("^\n"));
	buf_release(&below);
}

/* Whether `a` is to be printed before `b`. */
static bool before(const struct complaint *a, const struct complaint *b)
{
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column;
	return a->turn < b->turn;
}

/* Sorts by insertion; there are few, and most come in order. */
static void sort(struct complaint *list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct complaint one = list[i];
		size_t at = i;

		for (; at > 0 && before(&one, &list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = one;
	}
}

void complaints_print(struct complaints *complaints, struct buf *out)
{
	size_t n = complaints->n < COMPLAINTS_MAX ? complaints->n : COMPLAINTS_MAX;
	struct str rest = complaints->text, line = STR_NONE;
	size_t lines = 0; /* cut off `rest` so far; `line` is the last of them */

	sort(complaints->list, n);
	for (size_t i = 0; i < n; i++) {
		const struct complaint *c = &complaints->list[i];

		for (; lines <= c->at.line; lines++)
			line = cut_line(&rest);
		buf_fmt(out, "%.*s:%zu:%zu: error: %.*s\n", STR_ARG(complaints->file),
			c->at.line + 1, c->at.column + 1, STR_ARG(c->sentence));
		put_source(out, line, c->at.column);
		if (c->hint.n > 0)
			buf_fmt(out, "%.*s\n", STR_ARG(c->hint));
	}
	if (complaints->n > n)
		buf_fmt(out, "and %zu more\n", complaints->n - n);
}
