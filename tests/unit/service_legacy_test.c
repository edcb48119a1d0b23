/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/service_fixture.h"

/* One request and what it answers. */
struct step {
	const char *operation, *body;
	int status;
	const char *part;
};

/* Runs the steps one after the other. */
static void run(const struct step *steps, size_t n)
{
	struct fixture f;

	setup(&f, 1, 1);
	for (size_t i = 0; i < n; i++) {
		call(&f, steps[i].operation, steps[i].body);
		expect(&f, steps[i].status, steps[i].part);
		f.now_ms += 10;
	}
	teardown(&f);
}

#define KEY	   "'TableName':'tab','Key':{'pk':{'S':'a'},'sk':{'N':'1'}}"
#define ITEM(more) "'TableName':'tab','Item':{'pk':{'S':'a'},'sk':{'N':'1'}" more "}"
#define FAILED	   "ConditionalCheckFailedException"

/* A lease from its creation to its end, in the words of Amazon's Kinesis client. */
static const struct step lease_steps[] = {
	{"PutItem",
	 "{" ITEM(",'leaseCounter':{'N':'0'},'checkpoint':{'S':'TRIM_HORIZON'}") ",'Expected':{"
										 "'pk':{'Exists':"
										 "false}}}",
	 200, "{}"},
	{"PutItem", "{" ITEM("") ",'Expected':{'pk':{'Exists':false}}}", 400, FAILED},
	/* Assigned by a leader: nobody may be about to take it. */
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'leaseOwner':{'Action':'PUT','Value':{'S':'w1'}},"
	 "'leaseCounter':{'Action':'ADD','Value':{'N':'1'}},'checkpointOwner':{'Action':'DELETE'}},"
	 "'Expected':{'checkpointOwner':{'Exists':false},'pk':{'Value':{'S':'a'},'Exists':true},"
	 "'leaseOwner':{'Exists':false}},'ReturnValues':'ALL_NEW',"
	 "'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}",
	 200,
	 "{'Attributes':{'checkpoint':{'S':'TRIM_HORIZON'},'leaseCounter':{'N':'1'},"
	 "'leaseOwner':{'S':'w1'},'pk':{'S':'a'},'sk':{'N':'1'}}}"},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'leaseOwner':{'Action':'PUT','Value':{'S':'w2'}}},"
	 "'Expected':{'leaseOwner':{'Exists':false}},"
	 "'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}",
	 400, "'Item':{'checkpoint':{'S':'TRIM_HORIZON'},'leaseCounter':{'N':'1'},"},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'leaseOwner':{'Value':{'S':'w2'}}},"
	 "'Expected':{'leaseOwner':{'Value':{'S':'w1'}}}}",
	 200, "{}"},
	/* Renewed. */
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'leaseCounter':{'Value':{'N':'2'},'Action':'PUT'}},"
	 "'Expected':{'leaseCounter':{'Value':{'N':'1'}}},'ReturnValues':'UPDATED_NEW'}",
	 200, "{'Attributes':{'leaseCounter':{'N':'2'}}}"},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'leaseCounter':{'Value':{'N':'3'},'Action':'PUT'}},"
	 "'Expected':{'leaseCounter':{'Value':{'N':'1'}},'checkpointOwner':{'Exists':false}}}",
	 400, FAILED},
	/* Checkpoints of the first line never leave the end. */
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'checkpoint':{'Value':{'S':'SHARD_END'}},"
	 "'pendingCheckpoint':{'Action':'DELETE'}},'Expected':{'leaseCounter':{'Value':{'N':'2'}},"
	 "'checkpoint':{'Value':{'S':'SHARD_END'},'ComparisonOperator':'NE'}},"
	 "'ReturnValues':'UPDATED_OLD'}",
	 200, "{'Attributes':{'checkpoint':{'S':'TRIM_HORIZON'}}}"},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'checkpoint':{'Value':{'S':'7'}}},'Expected':{"
	 "'checkpoint':{'Value':{'S':'SHARD_END'},'ComparisonOperator':'NE'}}}",
	 400, FAILED},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'childShardIds':{'Value':{'SS':['y','x']}}},"
	 "'Expected':{'pk':{'Value':{'S':'a'}}},'ReturnValues':'ALL_OLD'}",
	 200, "'checkpoint':{'S':'SHARD_END'}"},
	{"DeleteItem", "{" KEY ",'Expected':{'leaseCounter':{'Value':{'N':'0'}}}}", 400, FAILED},
	{"DeleteItem", "{" KEY ",'ReturnValues':'ALL_OLD'}", 200,
	 "'childShardIds':{'SS':['x','y']}"},
	{"DeleteItem", "{" KEY ",'Expected':{'pk':{'Value':{'S':'a'}}}}", 400, FAILED},
};

static void leases_live_and_end(void)
{
	run(lease_steps, ARRAY_N(lease_steps));
}

#define LIST(op, values) "{'ComparisonOperator':'" op "','AttributeValueList':[" values "]}"

/* Conditions that hold for {n: 5, s: "hello", ss: {a, b}}, and such that do not. */
static const struct {
	const char *expected;
	bool holds;
} conditions[] = {
	{"'n':" LIST("EQ", "{'N':'5.0'}"), true},
	{"'n':" LIST("EQ", "{'S':'5'}"), false},
	{"'n':" LIST("NE", "{'N':'6'}"), true},
	{"'n':" LIST("NE", "{'N':'5'}"), false},
	{"'none':" LIST("NE", "{'N':'5'}"), true},
	{"'none':" LIST("EQ", "{'N':'5'}"), false},
	{"'n':" LIST("LT", "{'N':'6'}"), true},
	{"'n':" LIST("LT", "{'N':'5'}"), false},
	{"'n':" LIST("LE", "{'N':'5'}"), true},
	{"'n':" LIST("LE", "{'N':'4'}"), false},
	{"'n':" LIST("GT", "{'N':'-6'}"), true},
	{"'n':" LIST("GT", "{'N':'5'}"), false},
	{"'n':" LIST("GE", "{'N':'5'}"), true},
	{"'n':" LIST("GE", "{'N':'6'}"), false},
	{"'n':" LIST("BETWEEN", "{'N':'4'},{'N':'5'}"), true},
	{"'n':" LIST("BETWEEN", "{'N':'6'},{'N':'7'}"), false},
	{"'n':" LIST("IN", "{'N':'1'},{'N':'5'}"), true},
	{"'n':" LIST("IN", "{'N':'1'},{'N':'6'}"), false},
	{"'n':{'ComparisonOperator':'NOT_NULL'}", true},
	{"'none':{'ComparisonOperator':'NOT_NULL'}", false},
	{"'none':{'ComparisonOperator':'NULL'}", true},
	{"'n':{'ComparisonOperator':'NULL','AttributeValueList':[]}", false},
	{"'s':" LIST("CONTAINS", "{'S':'ell'}"), true},
	{"'ss':" LIST("CONTAINS", "{'S':'b'}"), true},
	{"'ss':" LIST("CONTAINS", "{'S':'c'}"), false},
	{"'s':" LIST("NOT_CONTAINS", "{'S':'elk'}"), true},
	{"'ss':" LIST("NOT_CONTAINS", "{'S':'b'}"), false},
	{"'s':" LIST("BEGINS_WITH", "{'S':'hel'}"), true},
	{"'s':" LIST("BEGINS_WITH", "{'S':'ell'}"), false},
	{"'n':{'Value':{'N':'5'}},'s':{'Value':{'S':'hello'}}", true},
	{"'n':{'Value':{'N':'6'}},'s':{'Value':{'S':'hello'}}", false},
	{"'a.b':{'Value':{'S':'dot'}}", true}, /* one name, not a path */
	{"'n':{'Value':{'N':'6'}},'s':{'Value':{'S':'hello'}}},'ConditionalOperator':'OR'", true},
	{"'n':{'Value':{'N':'6'}},'s':{'Value':{'S':'h'}}},'ConditionalOperator':'OR'", false},
	{"'n':{'Value':{'N':'6'}},'s':{'Value':{'S':'hello'}}},'ConditionalOperator':'AND'", false},
	{"'none':{'Exists':false},'n':{'Exists':true,'Value':{'N':'5'}}", true},
	{"'n':{'Exists':false}", false},
	{"", true},
};

static void conditions_hold_or_not(void)
{
	struct fixture f;

	setup(&f, 2, 1);
	for (size_t i = 0; i < ARRAY_N(conditions); i++) {
		const char *expected = conditions[i].expected;
		bool open = strstr(expected, "ConditionalOperator") == NULL;

		call(&f, "PutItem",
		     "{" ITEM(",'n':{'N':'5'},'s':{'S':'hello'},'ss':{'SS':['a','b']},"
			      "'a.b':{'S':'dot'}") "}");
		callf(&f, "DeleteItem", "{" KEY ",'Expected':{%s%s}", expected, open ? "}" : "");
		expect(&f, conditions[i].holds ? 200 : 400, conditions[i].holds ? "{}" : FAILED);
	}
	teardown(&f);
}

static const struct step update_steps[] = {
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'n':{'Action':'ADD','Value':{'N':'2'}},"
	 "'ss':{'Action':'ADD','Value':{'SS':['a']}},'l':{'Action':'ADD','Value':{'L':[{'N':'1'}]}}"
	 ","
	 "'gone':{'Action':'DELETE'},'a.b':{'Value':{'S':'x'}}},'ReturnValues':'ALL_NEW'}",
	 200,
	 "{'Attributes':{'a.b':{'S':'x'},'l':{'L':[{'N':'1'}]},'n':{'N':'2'},'pk':{'S':'a'},"
	 "'sk':{'N':'1'},'ss':{'SS':['a']}}}"},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'n':{'Action':'ADD','Value':{'N':'-5'}},"
	 "'ss':{'Action':'ADD','Value':{'SS':['b']}},'l':{'Action':'ADD','Value':{'L':[{'N':'2'}]}}"
	 ","
	 "'a.b':{'Action':'DELETE','Value':null}},'ReturnValues':'UPDATED_NEW'}",
	 200,
	 "{'Attributes':{'l':{'L':[{'N':'1'},{'N':'2'}]},'n':{'N':'-3'},'ss':{'SS':['a','b']}}}"},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'ss':{'Action':'DELETE','Value':{'SS':['a','z']}}},"
	 "'ReturnValues':'UPDATED_NEW'}",
	 200, "{'Attributes':{'ss':{'SS':['b']}}}"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{'n':{'Action':'ADD','Value':{'SS':['a']}}}}",
	 400, "incorrect data type"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{'pk':{'Value':{'S':'b'}}}}", 400,
	 "Cannot update attribute pk. This attribute is part of the key"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{'n':{'Action':'PUT'}}}", 400,
	 "Only DELETE action is allowed when no attribute value is specified"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{'n':{'Action':'ADD','Value':{'S':'x'}}}}", 400,
	 "ADD action is not supported for the type S"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{'n':{'Action':'DELETE','Value':{'N':'1'}}}}",
	 400, "DELETE action with value is not supported for the type N"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{'n':{'Action':'SET','Value':{'N':'1'}}}}", 400,
	 "enum value set: [ADD, PUT, DELETE]"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{'n':{'Nonsense':1}}}", 400,
	 "SerializationExc"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':7}", 400, "SerializationException"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{}}", 200, "{}"},
};

static void updates_are_carried_out(void)
{
	run(update_steps, ARRAY_N(update_steps));
}

#define REFUSED(expected, words)                                                    \
	{                                                                           \
		"DeleteItem", "{" KEY ",'Expected':{'a':" expected "}}", 400, words \
	}

static const struct step refused_steps[] = {
	REFUSED("{}", "Value must be provided when Exists is null for Attribute: a"),
	REFUSED("{'Exists':true}", "Value must be provided when Exists is true for Attribute: a"),
	REFUSED("{'Exists':false,'Value':{'S':'x'}}",
		"Value cannot be used when Exists is false for Attribute: a"),
	REFUSED("{'Exists':true,'ComparisonOperator':'LT'}",
		"Exists and ComparisonOperator cannot be used together for Attribute: a"),
	REFUSED("{'Value':{'S':'x'},'AttributeValueList':[]}",
		"Value and AttributeValueList cannot be used together for Attribute: a"),
	REFUSED("{'AttributeValueList':[]}",
		"AttributeValueList can only be used with a ComparisonOperator for Attribute: a"),
	REFUSED("{'ComparisonOperator':'LT'}", "Value or AttributeValueList must be used with "
					       "ComparisonOperator: LT for Attribute: a"),
	REFUSED("{'ComparisonOperator':'LIKE'}", "Value 'LIKE' at"),
	REFUSED(LIST("EQ", ""), "Invalid number of argument(s) for the EQ ComparisonOperator"),
	REFUSED(LIST("NULL", "{'S':'x'}"), "Invalid number of argument(s) for the NULL"),
	REFUSED(LIST("BETWEEN", "{'N':'1'}"), "Invalid number of argument(s) for the BETWEEN"),
	REFUSED(LIST("BETWEEN", "{'N':'2'},{'N':'1'}"), "lower bound is greater than the upper"),
	REFUSED(LIST("BETWEEN", "{'N':'2'},{'S':'3'}"), "must all be of the same type"),
	REFUSED(LIST("LT", "{'SS':['x']}"),
		"ComparisonOperator LT is not valid for SS AttributeValue type"),
	REFUSED(LIST("BEGINS_WITH", "{'N':'1'}"),
		"ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
	REFUSED("{'Value':{'N':'x'}}", "cannot be converted to a numeric value"),
	REFUSED("{'Nonsense':1}", "SerializationException"),
	REFUSED("7", "SerializationException"),
	{"DeleteItem", "{" KEY ",'Expected':{'a':{'Value':{'S':'x'}}},'ConditionalOperator':'AND'}",
	 400,
	 "ConditionalOperator can only be used when Filter or Expected has two or more elements"},
	{"DeleteItem", "{" KEY ",'ConditionalOperator':'OR'}", 400,
	 "ConditionalOperator cannot be used without Filter or Expected"},
	{"DeleteItem", "{" KEY ",'Expected':{},'ConditionalOperator':'XOR'}", 400,
	 "enum value set"},
	{"DeleteItem",
	 "{" KEY ",'Expected':{'a':{'Exists':false}},'ConditionExpression':'attribute_exists(a)'}",
	 400,
	 "Can not use both expression and non-expression parameters in the same request: "
	 "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
	{"UpdateItem",
	 "{" KEY ",'AttributeUpdates':{'a':{'Action':'DELETE'}},'Expected':{'a':{'Exists':false}},"
	 "'UpdateExpression':'REMOVE a','ConditionExpression':'attribute_exists(a)'}",
	 400,
	 "Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: "
	 "{UpdateExpression, ConditionExpression}"},
	{"PutItem",
	 "{" ITEM("") ",'Expected':{'a':{'Exists':false}},'ExpressionAttributeNames':{'#a':'a'}}",
	 400, "ExpressionAttributeNames can only be specified when using expressions"},
};

static void nonsense_is_refused(void)
{
	run(refused_steps, ARRAY_N(refused_steps));
}

int main(void)
{
	CHECK_RUN(leases_live_and_end);
	CHECK_RUN(conditions_hold_or_not);
	CHECK_RUN(updates_are_carried_out);
	CHECK_RUN(nonsense_is_refused);
	return check_end();
}
