/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/expr_lex.h"

/* Whether a word may begin with `c`. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Whether `c` is a digit. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The length of the word at `from`, without what may stand before it. */
static size_t word_n(struct str text, size_t from)
{
	size_t at = from;

	while (at < text.n && (is_letter(text.p[at]) || is_digit(text.p[at])))
		at++;
	return at - from;
}

/* Reads the token that begins at `at`, which is inside of the text. */
static struct token token_at(struct str text, size_t at)
{
	struct str rest = str_skip(text, at), two = str_head(rest, 2);
	char c = text.p[at];
	size_t n;

	if (is_letter(c))
		return (struct token){TOKEN_WORD, str_head(rest, word_n(text, at))};
	if (c == '#' || c == ':') {
		n = word_n(text, at + 1);
		return (struct token){n == 0	 ? TOKEN_BAD
				      : c == '#' ? TOKEN_NAME
						 : TOKEN_VALUE,
				      str_head(rest, n + 1)};
	}
	if (is_digit(c)) {
		for (n = 1; n < rest.n && is_digit(rest.p[n]); n++)
			;
		return (struct token){TOKEN_NUMBER, str_head(rest, n)};
	}
	if (str_eq(two, STR("<=")) || str_eq(two, STR(">=")) || str_eq(two, STR("<>")))
		return (struct token){TOKEN_SIGN, two};
	if (str_find(STR("()[].,+-=<>"), c) < 11)
		return (struct token){TOKEN_SIGN, str_head(rest, 1)};
	return (struct token){TOKEN_BAD, str_head(rest, 1)};
}

void lexer_next(struct lexer *lexer)
{
	struct str text = lexer->text;

	lexer->before = lexer->token;
	while (lexer->at < text.n && str_find(STR(" \t\r\n"), text.p[lexer->at]) < 4)
		lexer->at++;
	if (lexer->at == text.n) {
		lexer->token = (struct token){TOKEN_END, STR("<EOF>")};
		return;
	}
	lexer->token = token_at(text, lexer->at);
	lexer->at += lexer->token.text.n;
}

void lexer_init(struct lexer *lexer, struct str text)
{
	*lexer = (struct lexer){.text = text};
	lexer_next(lexer);
}

bool lexer_is_sign(const struct lexer *lexer, const char *sign)
{
	return lexer->token.kind == TOKEN_SIGN && str_eq(lexer->token.text, str_of(sign));
}

bool lexer_is_word(const struct lexer *lexer, const char *word)
{
	return lexer->token.kind == TOKEN_WORD && str_eq_nocase(lexer->token.text, str_of(word));
}

struct str lexer_near(const struct lexer *lexer)
{
	size_t from = 0, to = lexer->at;

	if (lexer->before.kind != TOKEN_END)
		from = (size_t)(lexer->before.text.p - lexer->text.p);
	else if (lexer->token.kind != TOKEN_END)
		from = (size_t)(lexer->token.text.p - lexer->text.p);
	return str_make(lexer->text.p + from, to - from);
}
