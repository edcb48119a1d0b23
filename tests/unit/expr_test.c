/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/check.h"
#include "tests/model/expr.h"

/* The item that all conditions are about; "'" stands for a quote in all texts here. */
static const char the_item[] =
	"{'b':{'B':'AQID'},'bs':{'BS':['AQ==','Ag==']},'e':{'S':''},'f':{'BOOL':false},"
	"'l':{'L':[{'S':'zero'},{'N':'1'},{'M':{'k':{'S':'deep'}}}]},"
	"'m':{'M':{'a.b':{'N':'7'},'x':{'M':{'y':{'S':'z'}}}}},'n':{'N':'5'},'ns':{'NS':['1','2']},"
	"'nul':{'NULL':true},'s':{'S':'hello'},'ss':{'SS':['a','b']}}";
static const char the_names[] = "{'#n':'n','#dot':'a.b','#status':'status','#m':'m'}";
static const char the_values[] =
	"{':0':{'N':'0'},':1':{'N':'1'},':5':{'N':'5.0'},':9':{'N':'9'},':10':{'N':'10'},"
	"':s':{'S':'hello'},':he':{'S':'he'},':ll':{'S':'ll'},':a':{'S':'a'},':z':{'S':'z'},"
	"':e':{'S':''},':t':{'BOOL':true},':f':{'BOOL':false},':b12':{'B':'AQI='},':b2':{'B':'Ag=='"
	"},"
	"':tS':{'S':'S'},':tM':{'S':'M'},':tNULL':{'S':'NULL'},':tX':{'S':'X'},':ss':{'SS':['b','a'"
	"]},"
	"':nul':{'NULL':true},':l':{'L':[{'S':'new'}]},':m':{'M':{'q':{'N':'1'}}},"
	"':sc':{'SS':['c','a']},':sab':{'SS':['a','b']},':n12':{'NS':['1','3']}}";

/* A scope with the names and values above. */
struct fixture {
	struct arena arena;
	struct failure failure;
	struct expr_scope scope;
	struct buf out;
};

/* The text with quotes in the place of "'". */
static struct str quoted(struct arena *arena, const char *text)
{
	struct str s = arena_str(arena, str_of(text));
	char *p = arena_alloc(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++) {
		p[i] = s.p[i];
		if (p[i] == '\'')
			p[i] = '"';
	}
	return str_make(p, s.n);
}

/* Starts with the names and values above. */
static void setup(struct fixture *f)
{
	*f = (struct fixture){.failure = {FAILURE_NONE}};
	arena_init(&f->arena);
	buf_init(&f->out, 1 << 16);
	expr_scope_init(&f->scope, &f->arena, &f->failure);
	CHECK(expr_scope_names(&f->scope, quoted(&f->arena, the_names)));
	CHECK(expr_scope_values(&f->scope, quoted(&f->arena, the_values)));
}

/* Frees the fixture. */
static void teardown(struct fixture *f)
{
	expr_scope_release(&f->scope);
	buf_release(&f->out);
	arena_release(&f->arena);
}

/* Checks that the failure's sentence has a part, and names the case when not. */
static void expect_failure(const struct fixture *f, const char *text, const char *part)
{
	if (strstr(f->failure.text, part) != NULL)
		return;
	fprintf(stderr, "in: %s\n", text);
	CHECK_STR(str_of(f->failure.text), part);
}

static const struct {
	const char *text;
	bool holds;
} conditions[] = {
	{"n = :5", true},
	{"#n = :5", true},
	{"n <> :5", false},
	{"n = :s", false},
	{"n <> :s", true},
	{"nothing = :5", false},
	{"nothing <> :5", true},
	{"nothing < :5", false},
	{":5 = n", true},
	{"n < :9", true},
	{"n < :10", true},
	{"n < :5", false},
	{"n <= :5", true},
	{"n > :0", true},
	{"n >= :5", true},
	{"n >= :9", false},
	{"n > :s", false},
	{"s > :he", true},
	{"b > :b12", true},
	{"b < :b2", true},
	{"ss = :ss", true},
	{"f = :f", true},
	{"f = :t", false},
	{"nul = :nul", true},
	{"n BETWEEN :0 AND :9", true},
	{"n between :0 and :1", false},
	{":5 BETWEEN n AND :9", true},
	{"nothing BETWEEN :0 AND :9", false},
	{"n IN (:0, :5)", true},
	{"n IN (:0)", false},
	{"n in (:s, n)", true},
	{"attribute_exists(n)", true},
	{"attribute_exists(nothing)", false},
	{"attribute_not_exists(nothing)", true},
	{"attribute_not_exists(n)", false},
	{"attribute_exists(l[2].k)", true},
	{"attribute_exists(l[3])", false},
	{"attribute_exists(n[0])", false},
	{"attribute_exists(#m.#dot)", true},
	{"attribute_exists(m.x.y)", true},
	{"attribute_exists(m.x.y.z)", false},
	{"attribute_type(s, :tS)", true},
	{"attribute_type(m, :tM)", true},
	{"attribute_type(nul, :tNULL)", true},
	{"attribute_type(n, :tS)", false},
	{"attribute_type(nothing, :tS)", false},
	{"begins_with(s, :he)", true},
	{"begins_with(s, :ll)", false},
	{"begins_with(s, :e)", true},
	{"begins_with(n, :he)", false},
	{"begins_with(b, :b12)", true},
	{"contains(s, :ll)", true},
	{"contains(s, :z)", false},
	{"contains(b, :b2)", true},
	{"contains(ss, :a)", true},
	{"contains(ss, :z)", false},
	{"contains(ns, :1)", true},
	{"contains(ss, :1)", false},
	{"contains(bs, :b2)", true},
	{"contains(l, :1)", true},
	{"contains(l, :0)", false},
	{"size(s) = :5", true},
	{"size(e) = :0", true},
	{"size(l) < :5", true},
	{"size(n) = :1", false},
	{"size(nothing) = :0", false},
	{"NOT n = :5", false},
	{"NOT (n = :5)", false},
	{"NOT NOT n = :5", true},
	{"n = :0 OR n = :5", true},
	{"n = :0 AND n = :5", false},
	{"n = :5 OR n = :0 AND n = :9", true},
	{"(n = :5 OR n = :0) AND n = :9", false},
	{"NOT n = :0 AND s = :s", true},
	{"  ( ( n=:5 ) )and(s=:s)  ", true},
};

static void conditions_hold_or_not(void)
{
	for (size_t i = 0; i < ARRAY_N(conditions); i++) {
		struct fixture f;
		struct value item;
		struct expr *expr;

		setup(&f);
		item = item_parse_stored(&f.arena, quoted(&f.arena, the_item));
		expr = expr_parse_condition(&f.scope, "ConditionExpression",
					    str_of(conditions[i].text));
		if (expr == NULL)
			expect_failure(&f, conditions[i].text, "none");
		else if (expr_holds(&f.arena, expr, &item) != conditions[i].holds)
			CHECK_STR(STR("wrong answer for"), conditions[i].text);
		teardown(&f);
	}
}

static const struct {
	const char *text, *error;
} bad_conditions[] = {
	{"", "The expression can not be empty;"},
	{"  ", "The expression can not be empty;"},
	{"n", "Syntax error; token: \"<EOF>\", near: \"n\""},
	{"n = ", "Syntax error; token: \"<EOF>\""},
	{"n = :5 AND", "Syntax error"},
	{"n = :5 s = :s", "Syntax error; token: \"s\", near: \":5 s\""},
	{"(n = :5", "Syntax error"},
	{"n = :5)", "Syntax error; token: \")\""},
	{"n == :5", "Syntax error"},
	{"n = 5", "Syntax error; token: \"5\""},
	{"n = 'x'", "Syntax error; token: \"'\""},
	{"n ! :5", "Syntax error; token: \"!\""},
	{"n = :undefined", "not defined; attribute value: :undefined"},
	{"#undefined = :5", "not defined; attribute name: #undefined"},
	{"status = :5", "Attribute name is a reserved keyword; reserved keyword: status"},
	{"Counter = :5", "reserved keyword: Counter"},
	{"m.owner = :5", "reserved keyword: owner"},
	{"size(n)", "Syntax error"},
	{"size(n, s) = :5", "Incorrect number of operands"},
	{"begins_with(s)", "Incorrect number of operands"},
	{"begins_with(s, :5)", "Incorrect operand type"},
	{"attribute_exists(:5)", "requires a document path"},
	{"attribute_type(n, :5)", "Incorrect operand type"},
	{"attribute_type(n, s)", "Incorrect operand type"},
	{"attribute_type(n, :tX)", "Invalid attribute type name found; type: X"},
	{"nonsense(n)", "Invalid function name; function: nonsense"},
	{"if_not_exists(n, :5) = :5", "not allowed in a condition"},
	{"n < :t", "Incorrect operand type for operator or function; operator or function: <, "
		   "operand type: BOOL"},
	{"n BETWEEN :9 AND :0", "upper bound to be greater than or equal to lower"},
	{"n BETWEEN :0 AND :s", "same data type"},
	{"n BETWEEN :0 OR :9", "Syntax error"},
	{"n IN ()", "Syntax error"},
	{"attribute_exists(n) = :t", "Syntax error"},
	{"n = attribute_exists(n)", "Syntax error"},
	{"l[x] = :5", "Syntax error"},
	{"l[-1] = :5", "Syntax error"},
	{"l[99999999999] = :5", "Syntax error"},
	{"n. = :5", "Syntax error"},
};

static void bad_conditions_are_refused(void)
{
	for (size_t i = 0; i < ARRAY_N(bad_conditions); i++) {
		struct fixture f;
		const struct expr *expr;

		setup(&f);
		expr = expr_parse_condition(&f.scope, "ConditionExpression",
					    str_of(bad_conditions[i].text));
		if (expr != NULL)
			CHECK_STR(STR("not refused"), bad_conditions[i].text);
		else
			expect_failure(&f, bad_conditions[i].text, bad_conditions[i].error);
		CHECK(expr != NULL || f.failure.kind == FAILURE_VALIDATION);
		teardown(&f);
	}
}

/* Parses "((((...n = :5...))))". */
static bool nested_ok(size_t depth)
{
	struct fixture f;
	bool ok;

	setup(&f);
	for (size_t i = 0; i < depth; i++)
		buf_c(&f.out, '(');
	buf_str(&f.out, STR("n = :5"));
	for (size_t i = 0; i < depth; i++)
		buf_c(&f.out, ')');
	ok = expr_parse_condition(&f.scope, "ConditionExpression", buf_view(&f.out)) != NULL;
	teardown(&f);
	return ok;
}

static void expressions_have_limits(void)
{
	struct fixture f;

	CHECK(nested_ok(50));
	CHECK(!nested_ok(1500));
	setup(&f);
	for (size_t i = 0; i < 4100; i++)
		buf_c(&f.out, ' ');
	buf_str(&f.out, STR("n = :5"));
	CHECK(expr_parse_condition(&f.scope, "X", buf_view(&f.out)) == NULL);
	expect_failure(&f, "long", "exceeded the maximum allowed size");
	teardown(&f);
}

/* Updates of `before`, and what comes of them; with `after` NULL the failure that they have. */
static const struct {
	const char *text, *before, *after, *error;
} updates[] = {
	{"SET n = :1", "{}", "{'n':{'N':'1'}}", NULL},
	{"set n = :1, s = :s", "{'n':{'N':'5'}}", "{'n':{'N':'1'},'s':{'S':'hello'}}", NULL},
	{"SET n = n + :1", "{'n':{'N':'9007199254740993'}}", "{'n':{'N':'9007199254740994'}}",
	 NULL},
	{"SET n = n - :5", "{'n':{'N':'1.5'}}", "{'n':{'N':'-3.5'}}", NULL},
	{"SET n = :1 - :1", "{}", "{'n':{'N':'0'}}", NULL},
	{"SET n = n - n", "{'n':{'N':'7'}}", "{'n':{'N':'0'}}", NULL},
	{"SET a = n, n = :9", "{'n':{'N':'5'}}", "{'a':{'N':'5'},'n':{'N':'9'}}", NULL},
	{"SET n = if_not_exists(n, :0) + :1", "{}", "{'n':{'N':'1'}}", NULL},
	{"SET n = if_not_exists(n, :0) + :1", "{'n':{'N':'4'}}", "{'n':{'N':'5'}}", NULL},
	{"SET l = list_append(l, :l)", "{'l':{'L':[{'S':'old'}]}}",
	 "{'l':{'L':[{'S':'old'},{'S':'new'}]}}", NULL},
	{"SET l = list_append(:l, l)", "{'l':{'L':[{'S':'old'}]}}",
	 "{'l':{'L':[{'S':'new'},{'S':'old'}]}}", NULL},
	{"SET l = list_append(if_not_exists(l, :l), :l)", "{}",
	 "{'l':{'L':[{'S':'new'},{'S':'new'}]}}", NULL},
	{"SET l[0] = :1, l[9] = :9", "{'l':{'L':[{'S':'a'},{'S':'b'}]}}",
	 "{'l':{'L':[{'N':'1'},{'S':'b'},{'N':'9'}]}}", NULL},
	{"SET m.x = :m, m.#dot = :1", "{'m':{'M':{}}}",
	 "{'m':{'M':{'a.b':{'N':'1'},'x':{'M':{'q':{'N':'1'}}}}}}", NULL},
	{"SET m2 = m, m.q = :9", "{'m':{'M':{'q':{'N':'1'}}}}",
	 "{'m':{'M':{'q':{'N':'9'}}},'m2':{'M':{'q':{'N':'1'}}}}", NULL},
	{"SET l2 = l, l[5] = :9", "{'l':{'L':[{'N':'1'},{'N':'2'},{'N':'3'}]}}",
	 "{'l':{'L':[{'N':'1'},{'N':'2'},{'N':'3'},{'N':'9'}]},"
	 "'l2':{'L':[{'N':'1'},{'N':'2'},{'N':'3'}]}}",
	 NULL},
	{"REMOVE n", "{'n':{'N':'1'},'s':{'S':'x'}}", "{'s':{'S':'x'}}", NULL},
	{"REMOVE nothing", "{'s':{'S':'x'}}", "{'s':{'S':'x'}}", NULL},
	{"REMOVE l[0], l[2]", "{'l':{'L':[{'N':'0'},{'N':'1'},{'N':'2'},{'N':'3'}]}}",
	 "{'l':{'L':[{'N':'1'},{'N':'3'}]}}", NULL},
	{"REMOVE l[0] SET l[1] = :9", "{'l':{'L':[{'N':'0'},{'N':'1'}]}}",
	 "{'l':{'L':[{'N':'9'}]}}", NULL},
	{"REMOVE l[7]", "{'l':{'L':[{'N':'0'}]}}", "{'l':{'L':[{'N':'0'}]}}", NULL},
	{"REMOVE l[0], l[1].x", "{'l':{'L':[{'N':'0'},{'M':{'x':{'N':'1'}}}]}}",
	 "{'l':{'L':[{'M':{}}]}}", NULL},
	{"ADD n :5", "{}", "{'n':{'N':'5'}}", NULL},
	{"ADD n :5", "{'n':{'N':'-5'}}", "{'n':{'N':'0'}}", NULL},
	{"ADD ss :sc", "{'ss':{'SS':['a','b']}}", "{'ss':{'SS':['a','b','c']}}", NULL},
	{"ADD ss :sc", "{}", "{'ss':{'SS':['a','c']}}", NULL},
	{"ADD ns :n12", "{'ns':{'NS':['1','2']}}", "{'ns':{'NS':['1','2','3']}}", NULL},
	{"DELETE ss :sc", "{'ss':{'SS':['a','b']}}", "{'ss':{'SS':['b']}}", NULL},
	{"DELETE ss :sab", "{'ss':{'SS':['a','b']}}", "{}", NULL},
	{"DELETE ss :sab", "{}", "{}", NULL},
	{"SET #status = :1 REMOVE s ADD n :1 DELETE ss :sc",
	 "{'n':{'N':'1'},'s':{'S':'x'},'ss':{'SS':['a','z']}}",
	 "{'n':{'N':'2'},'ss':{'SS':['z']},'status':{'N':'1'}}", NULL},
	{"", "{}", NULL, "The expression can not be empty"},
	{"n = :1", "{}", NULL, "Syntax error; token: \"n\""},
	{"SET n", "{}", NULL, "Syntax error; token: \"<EOF>\""},
	{"SET n = :1,", "{}", NULL, "Syntax error"},
	{"SET n = :1 SET s = :s", "{}", NULL, "The \"SET\" section can only be used once"},
	{"SET n = :1, n = :5", "{}", NULL, "Two document paths overlap"},
	{"SET m = :m, m.x = :5", "{}", NULL, "Two document paths overlap"},
	{"SET m.x.y = :1 REMOVE m.x", "{}", NULL, "Two document paths overlap"},
	{"SET n = nothing", "{}", NULL, "refers to an attribute that does not exist"},
	{"SET n = n + :1", "{}", NULL, "refers to an attribute that does not exist"},
	{"SET n = n + :1", "{'n':{'S':'x'}}", NULL, "incorrect data type"},
	{"SET n = n + :s", "{'n':{'N':'1'}}", NULL, "Incorrect operand type"},
	{"SET n = n + :1", "{'n':{'N':'1E50'}}", NULL, "more than 38 significant digits"},
	{"SET n = list_append(n, :l)", "{'n':{'N':'1'}}", NULL, "incorrect data type"},
	{"SET m.x = :1", "{}", NULL, "document path provided in the update expression is invalid"},
	{"SET s.x = :1", "{'s':{'S':'x'}}", NULL, "document path provided"},
	{"SET m[0] = :1", "{'m':{'M':{}}}", NULL, "document path provided"},
	{"REMOVE m.x", "{}", NULL, "document path provided"},
	{"ADD n :s", "{}", NULL, "Incorrect operand type for operator or function; operator: ADD"},
	{"ADD n s", "{}", NULL, "Syntax error"},
	{"ADD s :1", "{'s':{'S':'x'}}", NULL, "incorrect data type"},
	{"ADD ss :n12", "{'ss':{'SS':['a']}}", NULL, "incorrect data type"},
	{"DELETE n :1", "{'n':{'N':'1'}}", NULL, "operator: DELETE"},
	{"SET n = attribute_exists(n)", "{}", NULL, "not allowed in an update"},
	{"SET n = size(s)", "{'s':{'S':'x'}}", NULL, "not allowed in an update"},
	{"SET status = :1", "{}", NULL, "reserved keyword: status"},
};

static void updates_change_items(void)
{
	for (size_t i = 0; i < ARRAY_N(updates); i++) {
		struct fixture f;
		struct value before, after;
		struct updates list;
		bool ok;

		setup(&f);
		before = item_parse_stored(&f.arena, quoted(&f.arena, updates[i].before));
		after = value_copy(&f.arena, &before);
		ok = expr_parse_update(&f.scope, str_of(updates[i].text), &list) &&
		     expr_update(&f.scope, &list, &before, &after);
		if (!ok) {
			expect_failure(&f, updates[i].text,
				       updates[i].error == NULL ? "none" : updates[i].error);
		} else {
			item_put(&f.out, &after);
			CHECK_STR(buf_view(&f.out), updates[i].after == NULL
							    ? updates[i].text
							    : quoted(&f.arena, updates[i].after).p);
			/* The item as it was must not have changed with it. */
			buf_clear(&f.out);
			item_put(&f.out, &before);
			CHECK(str_eq(buf_view(&f.out), quoted(&f.arena, updates[i].before)));
		}
		teardown(&f);
	}
}

static const struct {
	const char *text, *want;
} projections[] = {
	{"n", "{'n':{'N':'5'}}"},
	{"nothing", "{}"},
	{"s, #n , nothing", "{'n':{'N':'5'},'s':{'S':'hello'}}"},
	{"m.x.y", "{'m':{'M':{'x':{'M':{'y':{'S':'z'}}}}}}"},
	{"m.nothing", "{}"},
	{"m.#dot, m.x", "{'m':{'M':{'a.b':{'N':'7'},'x':{'M':{'y':{'S':'z'}}}}}}"},
	{"l[2].k, l[0]", "{'l':{'L':[{'S':'zero'},{'M':{'k':{'S':'deep'}}}]}}"},
	{"l[7]", "{}"},
	{"s.x", "{}"},
};

static void projections_cut_items(void)
{
	for (size_t i = 0; i < ARRAY_N(projections); i++) {
		struct fixture f;
		struct value item, part;
		struct paths paths;

		setup(&f);
		item = item_parse_stored(&f.arena, quoted(&f.arena, the_item));
		CHECK(expr_parse_projection(&f.scope, str_of(projections[i].text), &paths));
		part = expr_project(&f.arena, &paths, &item);
		item_put(&f.out, &part);
		CHECK_STR(buf_view(&f.out), quoted(&f.arena, projections[i].want).p);
		teardown(&f);
	}
}

static void unused_names_and_values_are_refused(void)
{
	struct fixture f;

	setup(&f);
	CHECK(!expr_scope_check_used(&f.scope));
	expect_failure(&f, "names", "unused in expressions: keys: {#n}");
	teardown(&f);
	arena_init(&f.arena);
	f.failure = (struct failure){FAILURE_NONE};
	expr_scope_init(&f.scope, &f.arena, &f.failure);
	CHECK(expr_scope_values(&f.scope, STR("{\":a\":{\"S\":\"x\"},\":b\":{\"S\":\"x\"}}")));
	CHECK(expr_parse_condition(&f.scope, "X", STR("x = :a")) != NULL);
	CHECK(!expr_scope_check_used(&f.scope));
	expect_failure(&f, "values", "ExpressionAttributeValues unused in expressions: keys: {:b}");
	f.failure = (struct failure){FAILURE_NONE};
	CHECK(!expr_scope_names(&f.scope, STR("{\"a\":\"x\"}")));
	expect_failure(&f, "names", "ExpressionAttributeNames contains invalid key: Syntax error");
	f.failure = (struct failure){FAILURE_NONE};
	CHECK(!expr_scope_names(&f.scope, STR("{}")));
	expect_failure(&f, "names", "must not be empty");
	f.failure = (struct failure){FAILURE_NONE};
	CHECK(!expr_scope_values(&f.scope, STR("{\":x\":{\"N\":\"x\"}}")));
	expect_failure(&f, "values", "contains invalid value: The parameter cannot be converted");
	expr_scope_release(&f.scope);
	arena_release(&f.arena);
}

int main(void)
{
	CHECK_RUN(conditions_hold_or_not);
	CHECK_RUN(bad_conditions_are_refused);
	CHECK_RUN(expressions_have_limits);
	CHECK_RUN(updates_change_items);
	CHECK_RUN(projections_cut_items);
	CHECK_RUN(unused_names_and_values_are_refused);
	return check_end();
}
