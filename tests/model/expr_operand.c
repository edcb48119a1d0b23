/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/model/expr_parser.h"

bool parser_init(struct parser *parser, struct expr_scope *scope, const char *what, struct str text)
{
	scope->what = what;
	*parser = (struct parser){.scope = scope};
	if (str_trim(text).n == 0)
		return failure_set(scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: The expression can not be empty;", what);
	if (text.n > EXPR_TEXT_MAX)
		return failure_set(scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: Expression size has exceeded the maximum allowed "
				   "size; expression size: %zu",
				   what, text.n);
	lexer_init(&parser->lexer, text);
	return true;
}

void *parser_syntax_error(struct parser *parser)
{
	failure_set(parser->scope->failure, FAILURE_VALIDATION,
		    "Invalid %s: Syntax error; token: \"%.*s\", near: \"%.*s\"",
		    parser->scope->what, STR_ARG(str_head(parser->lexer.token.text, 200)),
		    STR_ARG(str_head(lexer_near(&parser->lexer), 200)));
	return NULL;
}

bool parser_want_sign(struct parser *parser, const char *sign)
{
	if (!lexer_is_sign(&parser->lexer, sign)) {
		parser_syntax_error(parser);
		return false;
	}
	lexer_next(&parser->lexer);
	return true;
}

bool parser_take_sign(struct parser *parser, const char *sign)
{
	if (!lexer_is_sign(&parser->lexer, sign))
		return false;
	lexer_next(&parser->lexer);
	return true;
}

bool parser_take_word(struct parser *parser, const char *word)
{
	if (!lexer_is_word(&parser->lexer, word))
		return false;
	lexer_next(&parser->lexer);
	return true;
}

struct expr *parser_node(struct parser *parser, enum expr_kind kind)
{
	struct expr *expr = arena_alloc(parser->scope->arena, sizeof(*expr));

	expr->kind = kind;
	return expr;
}

bool parser_add_arg(struct parser *parser, struct expr *expr, struct expr *arg)
{
	struct expr **args;

	if (arg == NULL)
		return false;
	if ((expr->n & (expr->n - 1)) == 0) {
		args = arena_alloc_n(parser->scope->arena, expr->n == 0 ? 1 : expr->n * 2,
				     sizeof(struct expr *));
		mem_copy(args, expr->args, expr->n * sizeof(struct expr *));
		expr->args = args;
	}
	expr->args[expr->n++] = arg;
	return true;
}

/* Reads the attribute's name that one step of a path begins with. */
static bool parse_name(struct parser *parser, struct str *out)
{
	struct expr_scope *scope = parser->scope;
	struct token token = parser->lexer.token;
	struct expr_name *name;

	if (token.kind == TOKEN_WORD) {
		if (word_is_reserved(token.text))
			return failure_set(scope->failure, FAILURE_VALIDATION,
					   "Invalid %s: Attribute name is a reserved keyword; "
					   "reserved keyword: %.*s",
					   scope->what, STR_ARG(token.text));
		*out = token.text;
	} else if (token.kind == TOKEN_NAME) {
		name = map_get(&scope->names, token.text);
		if (name == NULL)
			return failure_set(scope->failure, FAILURE_VALIDATION,
					   "Invalid %s: An expression attribute name used in the "
					   "document path is not defined; attribute name: %.*s",
					   scope->what, STR_ARG(token.text));
		name->used = true;
		*out = name->name;
	} else {
		parser_syntax_error(parser);
		return false;
	}
	lexer_next(&parser->lexer);
	return true;
}

/* Reads "[index]" after its bracket. */
static bool parse_index(struct parser *parser, size_t *out)
{
	uint64_t index;

	if (parser->lexer.token.kind != TOKEN_NUMBER ||
	    !str_to_u64(parser->lexer.token.text, &index) || index > UINT32_MAX) {
		parser_syntax_error(parser);
		return false;
	}
	*out = (size_t)index;
	lexer_next(&parser->lexer);
	return parser_want_sign(parser, "]");
}

bool parser_path(struct parser *parser, struct expr_path *out)
{
	struct expr_step steps[EXPR_STEPS_MAX] = {0};
	size_t n = 1;

	if (!parse_name(parser, &steps[0].name))
		return false;
	for (;; n++) {
		bool dot = lexer_is_sign(&parser->lexer, ".");

		if (!dot && !lexer_is_sign(&parser->lexer, "["))
			break;
		if (n == EXPR_STEPS_MAX)
			return failure_set(parser->scope->failure, FAILURE_VALIDATION,
					   "Invalid %s: The document path has too many nesting "
					   "elements; nesting levels: %zu",
					   parser->scope->what, n + 1);
		lexer_next(&parser->lexer);
		steps[n].is_index = !dot;
		if (dot ? !parse_name(parser, &steps[n].name)
			: !parse_index(parser, &steps[n].index))
			return false;
	}
	out->n = n;
	out->steps = arena_alloc_n(parser->scope->arena, n, sizeof(*steps));
	mem_copy(out->steps, steps, n * sizeof(*steps));
	return true;
}

/* Reads a :value. */
static struct expr *parse_value(struct parser *parser)
{
	struct expr_scope *scope = parser->scope;
	struct expr_value *value = map_get(&scope->values, parser->lexer.token.text);
	struct expr *expr = parser_node(parser, EXPR_VALUE);

	if (value == NULL) {
		failure_set(scope->failure, FAILURE_VALIDATION,
			    "Invalid %s: An expression attribute value used in expression is not "
			    "defined; attribute value: %.*s",
			    scope->what, STR_ARG(parser->lexer.token.text));
		return NULL;
	}
	value->used = true;
	expr->value = &value->value;
	lexer_next(&parser->lexer);
	return expr;
}

/* The functions, where they may stand, and how many operands they take. */
static const struct {
	const char *name;
	enum expr_kind kind;
	size_t args;
	bool in_condition, as_operand;
} functions[] = {
	{"attribute_exists", EXPR_EXISTS, 1, true, false},
	{"attribute_not_exists", EXPR_NOT_EXISTS, 1, true, false},
	{"attribute_type", EXPR_TYPE, 2, true, false},
	{"begins_with", EXPR_BEGINS_WITH, 2, true, false},
	{"contains", EXPR_CONTAINS, 2, true, false},
	{"size", EXPR_SIZE, 1, true, true},
	{"if_not_exists", EXPR_IF_NOT_EXISTS, 2, false, true},
	{"list_append", EXPR_LIST_APPEND, 2, false, true},
};

/* Refuses a second operand that is a constant of the wrong type. */
static bool check_constant(struct parser *parser, const struct expr *expr, const char *name)
{
	const struct value *value = expr->n == 2 ? expr->args[1]->value : NULL;
	struct expr_scope *scope = parser->scope;
	enum value_kind kind;
	bool ok = true;

	if (expr->kind == EXPR_TYPE)
		ok = value != NULL && value->kind == VALUE_S;
	else if (expr->kind == EXPR_BEGINS_WITH && value != NULL)
		ok = value->kind == VALUE_S || value->kind == VALUE_B;
	if (!ok)
		return failure_set(scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: Incorrect operand type for operator or function; "
				   "operator or function: %s, operand type: %s",
				   scope->what, name,
				   value == NULL ? "path" : value_kind_name(value->kind));
	if (expr->kind == EXPR_TYPE && !value_kind_of(value->text, &kind))
		return failure_set(scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: Invalid attribute type name found; type: %.*s, "
				   "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
				   scope->what, STR_ARG(str_head(value->text, 100)));
	return true;
}

/* Refuses operands that the function cannot take. */
static bool check_function(struct parser *parser, const struct expr *expr, size_t want,
			   const char *name)
{
	bool path_first = expr->kind == EXPR_EXISTS || expr->kind == EXPR_NOT_EXISTS ||
			  expr->kind == EXPR_IF_NOT_EXISTS;
	const char *what = parser->scope->what;

	if (expr->n != want)
		return failure_set(parser->scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: Incorrect number of operands for operator or "
				   "function; operator or function: %s, number of operands: %zu",
				   what, name, expr->n);
	if (path_first && expr->args[0]->kind != EXPR_PATH)
		return failure_set(parser->scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: Operator or function requires a document path; "
				   "operator or function: %s",
				   what, name);
	return check_constant(parser, expr, name);
}

/* Reads a function's call; the current token is its name and a "(" follows. */
static struct expr *parse_call(struct parser *parser)
{
	struct str name = parser->lexer.token.text;
	bool update = strcmp(parser->scope->what, "UpdateExpression") == 0;
	struct expr *expr;
	size_t i;

	for (i = 0; i < ARRAY_N(functions); i++) {
		if (str_eq(name, str_of(functions[i].name)))
			break;
	}
	if (i == ARRAY_N(functions)) {
		failure_set(parser->scope->failure, FAILURE_VALIDATION,
			    "Invalid %s: Invalid function name; function: %.*s",
			    parser->scope->what, STR_ARG(name));
		return NULL;
	}
	if (update == functions[i].in_condition) {
		failure_set(parser->scope->failure, FAILURE_VALIDATION,
			    "Invalid %s: The function is not allowed in %s expression; function: "
			    "%s",
			    parser->scope->what, update ? "an update" : "a condition",
			    functions[i].name);
		return NULL;
	}
	expr = parser_node(parser, functions[i].kind);
	lexer_next(&parser->lexer);
	lexer_next(&parser->lexer);
	do {
		if (!parser_add_arg(parser, expr, parser_operand(parser)))
			return NULL;
	} while (parser_take_sign(parser, ","));
	if (!parser_want_sign(parser, ")"))
		return NULL;
	return check_function(parser, expr, functions[i].args, functions[i].name) ? expr : NULL;
}

bool parser_at_call(const struct parser *parser)
{
	struct lexer ahead = parser->lexer;

	if (ahead.token.kind != TOKEN_WORD)
		return false;
	lexer_next(&ahead);
	return lexer_is_sign(&ahead, "(");
}

struct expr *parser_operand(struct parser *parser)
{
	struct expr *expr;

	if (parser->depth++ > EXPR_DEPTH_MAX)
		return parser_syntax_error(parser);
	if (parser->lexer.token.kind == TOKEN_VALUE) {
		expr = parse_value(parser);
	} else if (parser_at_call(parser)) {
		expr = parse_call(parser);
	} else {
		expr = parser_node(parser, EXPR_PATH);
		if (!parser_path(parser, &expr->path))
			return NULL;
	}
	parser->depth--;
	return expr;
}
