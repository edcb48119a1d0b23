/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/expr_parser.h"

static const struct {
	const char *sign;
	enum expr_kind kind;
} comparators[] = {{"=", EXPR_EQ}, {"<>", EXPR_NE}, {"<=", EXPR_LE},
		   {"<", EXPR_LT}, {">=", EXPR_GE}, {">", EXPR_GT}};

/* In the order of enum update_kind. */
static const char *const sections[] = {"SET", "REMOVE", "ADD", "DELETE"};

static struct expr *parse_or(struct parser *parser);

/* Whether a function's answer is a condition by itself. */
static bool is_condition(enum expr_kind kind)
{
	return kind != EXPR_PATH && kind != EXPR_VALUE && kind != EXPR_SIZE;
}

/* The comparator that comes now, consumed; EXPR_VALUE when none does. */
static enum expr_kind take_comparator(struct parser *parser)
{
	for (size_t i = 0; i < ARRAY_N(comparators); i++) {
		if (parser_take_sign(parser, comparators[i].sign))
			return comparators[i].kind;
	}
	return EXPR_VALUE;
}

/* Whether an operand of an ordering comparison has an order. */
static bool check_ordered(struct parser *parser, const struct expr *expr, const char *sign)
{
	for (size_t i = 0; i < expr->n; i++) {
		const struct value *value = expr->args[i]->value;

		if (expr->args[i]->kind == EXPR_VALUE && value->kind > VALUE_B)
			return failure_set(parser->scope->failure, FAILURE_VALIDATION,
					   "Invalid %s: Incorrect operand type for operator or "
					   "function; operator or function: %s, operand type: %s",
					   parser->scope->what, sign, value_kind_name(value->kind));
	}
	return true;
}

/* Refuses a BETWEEN whose two values can hold nothing between them. */
static bool check_bounds(struct parser *parser, const struct expr *expr)
{
	const struct value *low = expr->args[1]->value, *high = expr->args[2]->value;

	if (low == NULL || high == NULL)
		return true;
	if (low->kind != high->kind)
		return failure_set(parser->scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: The BETWEEN operator requires same data type for "
				   "lower and upper bounds",
				   parser->scope->what);
	return value_cmp(parser->scope->arena, low, high) <= 0 ||
	       failure_set(parser->scope->failure, FAILURE_VALIDATION,
			   "Invalid %s: The BETWEEN operator requires upper bound to be greater "
			   "than or equal to lower bound",
			   parser->scope->what);
}

/* Reads "low AND high" of a BETWEEN. */
static bool parse_between(struct parser *parser, struct expr *expr)
{
	if (!parser_add_arg(parser, expr, parser_operand(parser)))
		return false;
	if (!parser_take_word(parser, "AND")) {
		parser_syntax_error(parser);
		return false;
	}
	return parser_add_arg(parser, expr, parser_operand(parser)) &&
	       check_ordered(parser, expr, "BETWEEN") && check_bounds(parser, expr);
}

/* Reads "(a, b, ...)" of an IN. */
static bool parse_in(struct parser *parser, struct expr *expr)
{
	if (!parser_want_sign(parser, "("))
		return false;
	do {
		if (!parser_add_arg(parser, expr, parser_operand(parser)))
			return false;
	} while (parser_take_sign(parser, ","));
	if (expr->n > 101)
		return failure_set(parser->scope->failure, FAILURE_VALIDATION,
				   "Invalid %s: The IN operator is provided with too many operands",
				   parser->scope->what);
	return parser_want_sign(parser, ")");
}

/* Reads a comparison, or a function that is a condition. */
static struct expr *parse_comparison(struct parser *parser)
{
	struct expr *left = parser_operand(parser), *expr;
	struct token token = parser->lexer.token;
	enum expr_kind kind;

	if (left == NULL || is_condition(left->kind))
		return left;
	if (parser_take_word(parser, "BETWEEN")) {
		expr = parser_node(parser, EXPR_BETWEEN);
		return parser_add_arg(parser, expr, left) && parse_between(parser, expr) ? expr
											 : NULL;
	}
	if (parser_take_word(parser, "IN")) {
		expr = parser_node(parser, EXPR_IN);
		return parser_add_arg(parser, expr, left) && parse_in(parser, expr) ? expr : NULL;
	}
	kind = take_comparator(parser);
	if (kind == EXPR_VALUE)
		return parser_syntax_error(parser);
	expr = parser_node(parser, kind);
	if (!parser_add_arg(parser, expr, left) ||
	    !parser_add_arg(parser, expr, parser_operand(parser)))
		return NULL;
	if (is_condition(expr->args[1]->kind))
		return parser_syntax_error(parser);
	if (kind != EXPR_EQ && kind != EXPR_NE) {
		char sign[3] = "";

		mem_copy(sign, token.text.p, token.text.n);
		return check_ordered(parser, expr, sign) ? expr : NULL;
	}
	return expr;
}

/* Reads NOT and parentheses. */
static struct expr *parse_not(struct parser *parser)
{
	struct expr *expr;

	if (parser->depth++ > EXPR_DEPTH_MAX)
		return parser_syntax_error(parser);
	if (parser_take_word(parser, "NOT")) {
		expr = parser_node(parser, EXPR_NOT);
		if (!parser_add_arg(parser, expr, parse_not(parser)))
			return NULL;
	} else if (parser_take_sign(parser, "(")) {
		expr = parse_or(parser);
		if (expr == NULL || !parser_want_sign(parser, ")"))
			return NULL;
	} else {
		expr = parse_comparison(parser);
	}
	parser->depth--;
	return expr;
}

/* Reads what AND joins. */
static struct expr *parse_and(struct parser *parser)
{
	struct expr *left = parse_not(parser);

	while (left != NULL && parser_take_word(parser, "AND")) {
		struct expr *expr = parser_node(parser, EXPR_AND);

		if (!parser_add_arg(parser, expr, left) ||
		    !parser_add_arg(parser, expr, parse_not(parser)))
			return NULL;
		left = expr;
	}
	return left;
}

/* Reads what OR joins. */
static struct expr *parse_or(struct parser *parser)
{
	struct expr *left = parse_and(parser);

	while (left != NULL && parser_take_word(parser, "OR")) {
		struct expr *expr = parser_node(parser, EXPR_OR);

		if (!parser_add_arg(parser, expr, left) ||
		    !parser_add_arg(parser, expr, parse_and(parser)))
			return NULL;
		left = expr;
	}
	return left;
}

/* Refuses what follows the end of an expression. */
static bool want_end(struct parser *parser)
{
	return parser->lexer.token.kind == TOKEN_END || parser_syntax_error(parser) != NULL;
}

struct expr *expr_parse_condition(struct expr_scope *scope, const char *what, struct str text)
{
	struct parser parser;
	struct expr *expr;

	if (!parser_init(&parser, scope, what, text))
		return NULL;
	expr = parse_or(&parser);
	return expr != NULL && want_end(&parser) ? expr : NULL;
}

bool expr_parse_projection(struct expr_scope *scope, struct str text, struct paths *out)
{
	struct parser parser;
	size_t cap = 0;

	*out = (struct paths){0};
	if (!parser_init(&parser, scope, "ProjectionExpression", text))
		return false;
	do {
		if (out->n == cap) {
			struct expr_path *list;

			cap = cap == 0 ? 8 : cap * 2;
			list = arena_alloc_n(scope->arena, cap, sizeof(*list));
			mem_copy(list, out->list, out->n * sizeof(*list));
			out->list = list;
		}
		if (!parser_path(&parser, &out->list[out->n]))
			return false;
		out->n++;
	} while (parser_take_sign(&parser, ","));
	return want_end(&parser);
}

/* Reads what a SET action assigns: an operand, or the sum or difference of two. */
static struct expr *parse_assigned(struct parser *parser)
{
	struct expr *left = parser_operand(parser), *expr;
	bool plus = lexer_is_sign(&parser->lexer, "+");

	if (left == NULL || (!plus && !lexer_is_sign(&parser->lexer, "-")))
		return left;
	lexer_next(&parser->lexer);
	expr = parser_node(parser, plus ? EXPR_PLUS : EXPR_MINUS);
	if (!parser_add_arg(parser, expr, left) ||
	    !parser_add_arg(parser, expr, parser_operand(parser)))
		return NULL;
	for (size_t i = 0; i < 2; i++) {
		const struct expr *arg = expr->args[i];

		if (arg->kind != EXPR_VALUE || arg->value->kind == VALUE_N)
			continue;
		failure_set(parser->scope->failure, FAILURE_VALIDATION,
			    "Invalid UpdateExpression: Incorrect operand type for operator or "
			    "function; operator or function: %s, operand type: %s",
			    plus ? "+" : "-", value_kind_name(arg->value->kind));
		return NULL;
	}
	return expr;
}

/* Refuses operands of ADD and DELETE that these cannot take. */
static bool check_operand(struct parser *parser, const struct update *update)
{
	const struct value *value = update->operand->value;
	bool add = update->kind == UPDATE_ADD;

	if (update->operand->kind != EXPR_VALUE) {
		parser_syntax_error(parser);
		return false;
	}
	if (value_is_set(value) || (add && value->kind == VALUE_N))
		return true;
	return failure_set(
		parser->scope->failure, FAILURE_VALIDATION,
		"Invalid UpdateExpression: Incorrect operand type for operator or "
		"function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
		add ? "ADD" : "DELETE", value_kind_name(value->kind), add ? "ADD" : "DELETE");
}

/* Reads one action of a section. */
static bool parse_action(struct parser *parser, struct update *update)
{
	if (!parser_path(parser, &update->path))
		return false;
	switch (update->kind) {
	case UPDATE_REMOVE:
		return true;
	case UPDATE_SET:
		if (!parser_want_sign(parser, "="))
			return false;
		update->operand = parse_assigned(parser);
		return update->operand != NULL;
	case UPDATE_ADD:
	case UPDATE_DELETE:
		update->operand = parser_operand(parser);
		return update->operand != NULL && check_operand(parser, update);
	}
	return false;
}

/* Adds an action that is still to be read. */
static struct update *add_update(struct parser *parser, struct updates *updates,
				 enum update_kind kind)
{
	struct update *list;

	if ((updates->n & (updates->n - 1)) == 0) {
		list = arena_alloc_n(parser->scope->arena, updates->n == 0 ? 1 : updates->n * 2,
				     sizeof(*list));
		mem_copy(list, updates->list, updates->n * sizeof(*list));
		updates->list = list;
	}
	updates->list[updates->n].kind = kind;
	return &updates->list[updates->n++];
}

/* Whether one path leads to the other, or through it. */
static bool paths_overlap(const struct expr_path *a, const struct expr_path *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		const struct expr_step *x = &a->steps[i], *y = &b->steps[i];

		if (x->is_index != y->is_index)
			return false;
		if (x->is_index ? x->index != y->index : !str_eq(x->name, y->name))
			return false;
	}
	return true;
}

/* Refuses two actions that touch the same place. */
static bool check_overlap(struct expr_scope *scope, const struct updates *updates)
{
	for (size_t i = 0; i < updates->n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (paths_overlap(&updates->list[i].path, &updates->list[k].path))
				return failure_set(scope->failure, FAILURE_VALIDATION,
						   "Invalid UpdateExpression: Two document paths "
						   "overlap with each other; must remove or "
						   "rewrite one of these paths");
		}
	}
	return true;
}

bool expr_parse_update(struct expr_scope *scope, struct str text, struct updates *out)
{
	struct parser parser;
	unsigned seen = 0;

	*out = (struct updates){0};
	if (!parser_init(&parser, scope, "UpdateExpression", text))
		return false;
	while (parser.lexer.token.kind != TOKEN_END) {
		unsigned kind = 0;

		while (kind < ARRAY_N(sections) && !parser_take_word(&parser, sections[kind]))
			kind++;
		if (kind == ARRAY_N(sections))
			return parser_syntax_error(&parser) != NULL;
		if ((seen & 1u << kind) != 0)
			return failure_set(scope->failure, FAILURE_VALIDATION,
					   "Invalid UpdateExpression: The \"%s\" section can only "
					   "be used once in an update expression;",
					   sections[kind]);
		seen |= 1u << kind;
		do {
			if (!parse_action(&parser,
					  add_update(&parser, out, (enum update_kind)kind)))
				return false;
		} while (parser_take_sign(&parser, ","));
	}
	return check_overlap(scope, out);
}
