#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `ddbtap iam` says that a run needs, against what runs call; and what is made of it elsewhere.

DDBTAP_CALLS names the file in which the other suites noted what ddbtap called; without it, only the runs here count.
"""
import fnmatch
import itertools
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import yaml
from fakelib import REGION, Fake, make_table, run_tests, wait_active
from taplib import FAKE, PROGRAM, TOP, Tap, configuration, line_count

SCRATCH = os.path.join(TOP, "build", "e2e-policy")
ACCOUNT = "123456789012"
EXAMPLE = os.path.join(TOP, "deploy", "ddbtap.yaml")
TEMPLATE = os.path.join(TOP, "deploy", "cloudformation.yaml")


def iam(*arguments, stdin=None):
    """Runs `ddbtap iam`; what it printed, its errors and its status."""
    done = subprocess.run([PROGRAM, "iam", *arguments], input=stdin, capture_output=True, text=True,
                          timeout=30, check=False)
    return done.stdout, done.stderr, done.returncode


def listed(value):
    return value if isinstance(value, list) else [value]


def pairs(policy):
    """All that a policy allows, as pairs of action and resource."""
    if isinstance(policy, str):
        policy = json.loads(policy)
    assert policy["Version"] == "2012-10-17"
    found = []
    for statement in policy["Statement"]:
        assert set(statement) == {"Effect", "Action", "Resource"} and statement["Effect"] == "Allow"
        found += itertools.product(listed(statement["Action"]), listed(statement["Resource"]))
    assert len(set(found)) == len(found), "something is said twice"
    return set(found)


def resource_of(call):
    """A resource that a call is for; None where the call does not tell, which GetRecords never does."""
    if not call["table"]:
        return "*" if call["operation"] == "ListStreams" else None
    kind = "/stream/x" if call["operation"] in ("DescribeStream", "GetShardIterator") else ""
    if call["operation"] == "ListStreams":
        return "*"
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{call['table']}{kind}"


def fits(call, pair):
    """Whether a pair of a policy allows a call."""
    action, pattern = pair
    resource = resource_of(call)
    return action == "dynamodb:" + call["operation"] and (
        resource is None or fnmatch.fnmatchcase(resource, pattern))


def of_ddbtap(calls):
    return [call for call in calls if call["client"] == "ddbtap"]


def a_policy_is_what_runs_call(_):
    """Nothing is called that is not allowed, and nothing allowed that is not called."""
    with Fake(FAKE) as fake:
        client = fake.client()
        make_table(client, "things")
        config = configuration(fake.url, ["things"], {"sink": os.path.join(SCRATCH, "sink.jsonl")})
        for n in range(2):
            client.put_item(TableName="things", Item={"pk": {"S": str(n)}})
            with Tap(SCRATCH, config, "--until-caught-up") as tap:
                assert tap.wait() == 0, tap.said()
            # Another stream, so that the next run looks for those in between.
            for on in ({"StreamEnabled": False},
                       {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}):
                client.update_table(TableName="things", StreamSpecification=on)
                wait_active(client, "things")
        with Tap(SCRATCH, config, "--until-caught-up") as tap:
            assert tap.wait() == 0, tap.said()
        calls = fake.calls()
    assert line_count(os.path.join(SCRATCH, "sink.jsonl")) >= 2
    text, _, status = iam("-", "--account", ACCOUNT, stdin=json.dumps(config))
    assert status == 0
    allowed = pairs(text)
    theirs = of_ddbtap(calls)
    assert len(theirs) > 10 and len(theirs) < len(calls), "the test itself is a client, too"
    forbidden = [call for call in theirs if not any(fits(call, pair) for pair in allowed)]
    assert not forbidden, forbidden
    unused = {pair for pair in allowed if not any(fits(call, pair) for call in theirs)}
    assert not unused, unused


def what_other_suites_called_is_allowed(_):
    path = os.environ["DDBTAP_CALLS"]
    with open(path, encoding="utf-8") as file:
        calls = of_ddbtap(map(json.loads, file))
    text, _, _ = iam(EXAMPLE)
    actions = {action for action, _ in pairs(text)}
    called = {"dynamodb:" + call["operation"] for call in calls}
    assert called and called <= actions, called - actions


class Template(yaml.SafeLoader):
    """A template's YAML, with its functions carried out for the defaults of the parameters."""

    values = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}

    def fill(self, node):
        text = self.construct_scalar(node)
        return re.sub(r"\$\{([A-Za-z:]+)\}", lambda found: self.values[found.group(1)], text)


def read_template():
    with open(TEMPLATE, encoding="utf-8") as file:
        text = file.read()
    plain = type("Plain", (yaml.SafeLoader,), {})
    plain.add_multi_constructor("!", lambda loader, tag, node: None)
    for name, parameter in yaml.load(text, plain)["Parameters"].items():
        Template.values[name] = parameter["Default"]
    Template.add_constructor("!Sub", Template.fill)
    Template.add_constructor("!Ref", lambda loader, node:
                             Template.values.get(loader.construct_scalar(node)))
    Template.add_multi_constructor("!", lambda loader, tag, node: None)
    return yaml.load(text, Template)


def the_template_has_the_same_policy(_):
    text, _, status = iam(EXAMPLE, "--account", ACCOUNT)
    assert status == 0
    policies = read_template()["Resources"]["Role"]["Properties"]["Policies"]
    assert len(policies) == 1
    theirs = pairs(policies[0]["PolicyDocument"])
    assert theirs == pairs(text), theirs ^ pairs(text)


def the_template_makes_the_same_table(_):
    """The checkpoint table of the template is the one that ddbtap would create."""
    with Fake(FAKE) as fake:
        make_table(fake.client(), "recordChange")
        with open(EXAMPLE, encoding="utf-8") as file:
            config = {**yaml.safe_load(file), "endpoint": fake.url,
                      "sinks": {"audit": {"type": "file", "path": os.path.join(SCRATCH, "audit.jsonl")}}}
        with Tap(SCRATCH, config, "--until-caught-up") as tap:
            assert tap.wait() == 0, tap.said()
        properties = read_template()["Resources"]["Checkpoints"]["Properties"]
        made = wait_active(fake.client(), properties["TableName"])
    assert made["KeySchema"] == properties["KeySchema"]
    assert made["AttributeDefinitions"] == properties["AttributeDefinitions"]
    assert made["BillingModeSummary"]["BillingMode"] == properties["BillingMode"]


def the_manual_shows_it(_):
    """README.md's smallest configuration, and what it shows of the policy for it."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        manual = file.read()
    config = re.search(r"```yaml\n(application: .*?)```", manual, re.S).group(1)
    call = re.search(r"\n    ddbtap iam \S+ --account (\d+)\n\n```json\n(.*?)```", manual, re.S)
    text, errors, status = iam("-", "--account", call.group(1), stdin=config)
    assert status == 0 and errors == "" and text == call.group(2), text


def what_is_not_known_has_a_place(_):
    config = json.dumps({"application": "a", "tables": [{"name": "things"}],
                         "sinks": {"out": {"type": "stdout"}}})
    text, _, _ = iam("-", stdin=config)
    assert "arn:aws:dynamodb:REGION:ACCOUNT:table/things" in text
    text, _, _ = iam("-", "--region", "cn-north-1", stdin=config)
    assert "arn:aws-cn:dynamodb:cn-north-1:ACCOUNT:table/things" in text and "REGION" not in text
    text, _, _ = iam("-", "--region", "us-gov-west-1", "--account=" + ACCOUNT, stdin=config)
    assert f"arn:aws-us-gov:dynamodb:us-gov-west-1:{ACCOUNT}:table/things" in text


def kafka_with_iam_is_in_it(_):
    """Each sink for the tables, and the dead letters, that it gets."""
    kafka = {"type": "kafka", "brokers": ["b:9098"], "tls": True, "sasl": "aws_msk_iam"}
    config = {"application": "a", "region": REGION, "tables": [{"name": "one"}, {"name": "two"}],
              "sinks": {"k": {**kafka, "topic": "ddb.{table}", "tables": ["one"]},
                        "f": {"type": "file", "path": "/tmp/x", "tables": ["two"],
                              "dead_letter": "l"},
                        "l": {**kafka, "topic": "letters.{table}"}}}
    topic = f"arn:aws:kafka:{REGION}:{ACCOUNT}:topic/CLUSTER/CLUSTER_ID/"
    cluster = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/CLUSTER/CLUSTER_ID"
    text, _, _ = iam("-", "--account", ACCOUNT, stdin=json.dumps(config))
    got = {pair for pair in pairs(text) if pair[0].startswith("kafka-cluster:")}
    want = {("kafka-cluster:Connect", cluster), ("kafka-cluster:WriteDataIdempotently", cluster)}
    for name in ("ddb.one", "letters.two"):
        want |= {("kafka-cluster:DescribeTopic", topic + name),
                 ("kafka-cluster:WriteData", topic + name)}
    assert got == want, got ^ want
    for sink in ("k", "l"):
        config["sinks"][sink].update(sasl="none")
    text, _, _ = iam("-", stdin=json.dumps(config))
    assert "kafka" not in text


def a_policy_that_is_too_long_is_told(_):
    config = {"application": "a", "region": REGION, "sinks": {"out": {"type": "stdout"}},
              "tables": [{"name": f"table{n}"} for n in range(100)]}
    text, errors, status = iam("-", stdin=json.dumps(config))
    size = len(re.sub(r"\s", "", text))
    assert status == 0 and size > 6144 and f"has {size} characters" in errors, errors
    config["tables"] = config["tables"][:20]
    _, errors, status = iam("-", stdin=json.dumps(config))
    assert status == 0 and errors == "", errors


def bad_input_is_told(_):
    for status, words, arguments in (
            (64, "iam takes one configuration file", []),
            (64, "option '--account' must be 12 digits", [EXAMPLE, "--account", "12345678901"]),
            (64, "option '--account' must be 12 digits", [EXAMPLE, "--account", "12345678901x"]),
            (64, "option '--region' must be a region", [EXAMPLE, "--region", "us east"]),
            (64, "did you mean --account?", [EXAMPLE, "--acount", ACCOUNT]),
            (78, "cannot read /nonexistent/x.yaml", ["/nonexistent/x.yaml"]),
            (78, "unknown option 'sink'", ["-"])):
        text, errors, got = iam(*arguments, stdin="application: a\nsink: {}\n")
        assert (text, got) == ("", status) and words in errors, (arguments, got, errors)


TESTS = [a_policy_is_what_runs_call, the_template_has_the_same_policy,
         the_template_makes_the_same_table, the_manual_shows_it, what_is_not_known_has_a_place,
         kafka_with_iam_is_in_it, a_policy_that_is_too_long_is_told, bad_input_is_told]


def main():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    others = [what_other_suites_called_is_allowed] if "DDBTAP_CALLS" in os.environ else []
    failed = run_tests(others + TESTS, None)
    if not failed:
        shutil.rmtree(SCRATCH)
    return failed


if __name__ == "__main__":
    sys.exit(main())
