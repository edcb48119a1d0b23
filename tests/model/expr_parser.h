/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the expression parser share, and nobody else needs. */
#ifndef MODEL_EXPR_PARSER_H
#define MODEL_EXPR_PARSER_H

#include "tests/model/expr.h"
#include "tests/model/expr_lex.h"

enum { EXPR_TEXT_MAX = 4096, EXPR_DEPTH_MAX = 100, EXPR_STEPS_MAX = 32 };

/* What a #name or a :value stands for. */
struct expr_name {
	bool used;
	struct str key, name;
};

struct expr_value {
	bool used;
	struct str key;
	struct value value;
};

struct parser {
	struct expr_scope *scope;
	struct lexer lexer;
	unsigned depth; /* of recursion */
};

/* Starts reading the text of parameter `what`; false when it is empty or too long. */
bool parser_init(struct parser *parser, struct expr_scope *scope, const char *what,
		 struct str text);

/* Refuses the current token; returns NULL for the caller to return. */
void *parser_syntax_error(struct parser *parser);

/* Consumes a sign that must come now. */
bool parser_want_sign(struct parser *parser, const char *sign);

/* Consumes a sign if it comes now. */
bool parser_take_sign(struct parser *parser, const char *sign);

/* Consumes a keyword, in any case of letters, if it comes now. */
bool parser_take_word(struct parser *parser, const char *word);

/* A new node of the tree. */
struct expr *parser_node(struct parser *parser, enum expr_kind kind);

/* Adds an operand. False when there is none, for it failed. */
bool parser_add_arg(struct parser *parser, struct expr *expr, struct expr *arg);

/* Reads a document path. */
bool parser_path(struct parser *parser, struct expr_path *out);

/* Reads a path, a value or a call; NULL on failure. */
struct expr *parser_operand(struct parser *parser);

/* Whether the current token is a word with a "(" behind it. */
bool parser_at_call(const struct parser *parser);

#endif
