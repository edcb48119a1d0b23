/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of expressions, and the words that may not stand for an attribute unescaped. */
#ifndef MODEL_EXPR_LEX_H
#define MODEL_EXPR_LEX_H

#include "base/str.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD, /* attribute, function or keyword */
	TOKEN_NAME, /* #name */
	TOKEN_VALUE, /* :value */
	TOKEN_NUMBER, /* digits, of an index */
	TOKEN_SIGN, /* ( ) [ ] . , + - = <> < <= > >= */
	TOKEN_BAD,
};

struct token {
	enum token_kind kind;
	struct str text;
};

struct lexer {
	struct str text;
	size_t at; /* where the token after `token` may begin */
	struct token before, token; /* the last one consumed, and the next one */
};

/* Starts at the first token. */
void lexer_init(struct lexer *lexer, struct str text);

/* Consumes the current token. */
void lexer_next(struct lexer *lexer);

/* Whether the current token is this sign. */
bool lexer_is_sign(const struct lexer *lexer, const char *sign);

/* Whether the current token is this keyword, in any case of letters. */
bool lexer_is_word(const struct lexer *lexer, const char *word);

/* The text around the current token, for a message. */
struct str lexer_near(const struct lexer *lexer);

/* Whether the service has reserved the word. */
bool word_is_reserved(struct str word);

#endif
